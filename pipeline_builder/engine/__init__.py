"""The local engine: executes a pipeline definition on this machine.

In: the definition's bytes, parameters, a state folder. Out: results in the shape of SageMaker's Describe responses.
May use: dag, machine, target, descriptions, errors, inert, durations; nothing of how a definition is made.
Begin reading: `local.open_local_target`, then `execution/`, which runs the steps of a `document/` by `jobs/` and keeps
what became of them in `state/`; what runs inside of a job is in `inside/`.
"""
