"""What Baseline and Monitor steps run in their containers: Python 3.8 and later, the image's NumPy, pandas and SciPy.

It is shipped as the package `smp_monitoring`, knows nothing of `pipeline_builder`, and is run as a module of it:
`baseline`, or `monitor`.
"""
