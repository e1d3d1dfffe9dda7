"""What answers a request inside of a model's container: the handlers of a program, an image's defaults, or a server.

In: the spec of a container. Out: an open `answers.Container`. May use: the standard library, and what is in the job's
environment; it is for the Python of any image, from 3.8 on. Begin reading: `images` (whose rules hold), `programs`
(what an entry point is), then the module of the kind: `toolkit`, `worker`, `tensorflow`, `services`, `servers`.
"""
