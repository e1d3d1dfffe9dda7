"""From a definition to a promoted model: plan, apply, run, evidence, gate, decision.

In: a definition and a target. Out: the plan, the run's record with its verdict, decisions in the registry.
May use: definition, conf, checkout, manifest, documents, canonical, dag, durations, machine, target, descriptions,
errors, regions, inert.
Begin reading: `planning`, `apply`, `deployed`, `parameters`, `run`, `verdict` and `promote` in this order, each a stage
of the session; `plan`, `gate` and `record` are the values and the pure judgement in the middle of them, `runs` has what
ran before. `evidence` is what a verdict is reached by: `witness` reads it, `archive` keeps it, `judging` judges it, and
`proof` reads it again wherever a model is used. `past` keeps the record of every run.
"""
