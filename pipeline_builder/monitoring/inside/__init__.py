"""What a Baseline or Monitor step runs in its container: Python 3.8 and later, with the image's NumPy, pandas and SciPy.

It is shipped as the package `smp_monitoring`, knows nothing of `pipeline_builder`, and is run as a module of it:
`baseline`, or `monitor`.
"""
