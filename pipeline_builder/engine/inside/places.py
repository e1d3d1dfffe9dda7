"""Where the engine and what runs inside of a job's namespaces meet."""

MACHINE = "/dev/pts"
"""This machine's file system, until all of a job's view is mounted from it: where nothing shows that it was there.

Nothing else is ever mounted below, else that would be made in the machine itself.
"""
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - in the job's own view
"""Each job's own, so that what lies below on this machine is only shown when that is mounted."""
READY = b"+"
"""What a forked supervisor says once it stands in the job's namespaces, without any right beyond them."""
