"""Decisions: what waits for a word, the evidence of a run beside the form that answers, and the way back.

Comes in: runs with their evidence, and the registry. Goes out: pages, and what a person decides on them, by the same
state machine as the command line's. Where a service waits for the word, its question is answered.

Begin reading: `evidence.decide_view` for what is looked at, then `taking.decide_act` for what a form does; `waiting`
and `rollback` are the other pages.
"""
