"""Monitoring: the job that makes a model's baseline, and the one that holds later data against it.

In: what a conf says of the data. Out: the files of the job's code, which is this room's own (`inside/`).
May use: canonical, descriptions.
Begin reading: `inside/baseline.py` and `inside/monitor.py`, which run in the job's container with the image's NumPy,
pandas and SciPy, and never here; the statistics are in `inside/drift.py`.
"""
