"""From a definition to a promoted model: plan, apply, run, evidence, gate, decision.

In: a definition and a target. Out: the plan, the run's record with its verdict, decisions in the registry.
May use: definition, conf, manifest, documents, dag, machine, target, errors.
Begin reading: `plan`, `apply`, `run`, `evidence`, `gate` and `promote` in this order; each has a function of its
name.
"""
