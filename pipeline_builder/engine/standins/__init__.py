"""Small stand-ins for packages that only AWS's images have: what scripts use of them, for a job on one machine.

In: what a job finds in its container. Out: packages that are put behind those of each environment, so that the real
one is taken where an image's `requirements` name it. What they lack, they say.
Used by: `engine/jobs/standins.py`, which copies them; nothing here imports this package. May use: the standard library
of an old Python (3.7), and what the job's own environment has. Begin reading: `sagemaker_containers`.
"""
