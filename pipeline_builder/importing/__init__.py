"""Pipelines that somebody else has written: their definition as a model repository's conf.

In: a definition, or what `describe-pipeline` answers. Out: a conf that composes to the same, and what it can't say.
May use: sdk, conf, definition, manifest, documents, dag, descriptions, errors, machine.
Begin reading: `given.read_given`, then `importing.import_definition`; how a step is said is in `saying`, what is
compared in `comparing`; programs that build a pipeline are run by `programs`.
"""
