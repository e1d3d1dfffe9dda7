"""The definition as the engine reads it: steps, parameters, references, conditions; pure, nothing is kept or run.

In: the definition's bytes, values of its parameters, results of steps. Out: a `Document`, requests without references.
Begin reading: `document.load_definition`, then `references.resolve`; what is made of each member of a
request is in `members`, a table.
"""
