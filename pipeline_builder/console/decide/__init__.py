"""Decisions: what waits for a word, the evidence of a run beside the form that answers, and the way back.

Comes in: runs with their evidence, and the registry. Goes out: pages, and what a person decides on them, by the same
state machine as the command line's. Where a service waits for the word, its question is answered.

Begin reading: `pages.PAGES`, then `evidence.decide_view` for what is looked at, and `taking.decide_act` for what a form
does.
"""
