"""Where the engine and what runs inside of a job's namespaces meet."""

MACHINE = "/dev/shm"  # noqa: S108 - in the job's own view
"""This machine's file system, until all of a job's view is mounted from it: where nothing shows that it was there."""
READY = b"+"
"""What a forked supervisor says once it stands in the job's namespaces, without any right beyond them."""
