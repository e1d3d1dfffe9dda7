"""Evaluation: a template read back with the place of every node, and what it comes to under given parameters.

Begin reading: `document.load_template`, then `evaluation.resolve_template`; `buildspec` reads what CodeBuild runs.
"""
