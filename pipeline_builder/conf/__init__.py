"""Confs: what the model repositories ask for, as one graph of steps.

In: every repository's `conf.yaml`. Out: the `Graph`, its names resolved and its steps in order, or every problem.
May use: manifest, documents, dag, descriptions, machine, errors.
Begin reading: `conf.read_conf` for one file, `graph.read_graph` for all of them; a new key of a job goes into
`sections` or `channels`, of the step around it into `attempts`, of a model's registration and gate into `registration`.
"""
