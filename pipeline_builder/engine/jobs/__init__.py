"""The work of a step: what a job finds around it, where it runs, and what is left of it.

In: a step with its request, references resolved. Out: a Describe-shaped result, files in the store, a record.
May use: document, state, inside. Begin reading: `work`, which has a function for each step type (`training_job` one of
its own), `running` (how a job runs and what its end means), then `training` and `processing` (what a job finds),
`arrivals` and `bringing` (its data), `transforming` and `resolving` (a model's containers), `environments` (its Python)
and `sandbox.run_job` (by a `forkserver` where it can be); what of a request is looked at before anything runs is in
`looking`.
"""
