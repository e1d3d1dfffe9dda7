"""The SageMaker SDK, versions 2 and 3, in an environment of its own: nothing of this program imports it.

In: images by framework and version. Out: their addresses.
May use: engine, machine, errors.
Begin reading: `environment`, which makes it of the locks beside it; what runs in there is in `inside/`.
"""
