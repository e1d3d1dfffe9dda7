"""A definition, held against SageMaker's rules without a network or an account.

In: a definition (its JSON, loaded), of whoever made it. Out: `Finding`s in the order of the document.
Begin reading: `check.check_definition`, then `steps.check_step`; the definition's own language is in `language`, the
requests of its steps are held against `shapes/`.
"""
