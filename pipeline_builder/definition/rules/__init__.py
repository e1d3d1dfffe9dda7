"""Rules between the members of a request that AWS's own texts state: tables, and the little that evaluates them.

In: a step's type and its request, references that have no value (yet) included. Out: a `Fault` for each rule that is
broken; a rule that looks at an unknown value says nothing.
Begin reading: `rules.check_rules`, then a table (`tables/training.yaml`); a new rule is a row there, with a planted
fault and a good neighbour in `tests/definition/rules/cases/`. What a row may say is in `table`.
"""
