"""The SageMaker SDK, versions 2 and 3, in an environment of its own: nothing of this program imports it.

In: images by framework and version; confs with factories. Out: addresses; steps, as a definition has them.
May use: serve, definition, conf, engine, documents, machine, target, errors.
Begin reading: `environment`, which makes it of the locks beside it, then `factories.Maker` and the `room` that those
run in; what runs with the SDK is in `inside/`.
"""
