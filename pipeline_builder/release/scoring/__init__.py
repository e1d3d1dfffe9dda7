"""What becomes of an inference run: judged, published by logical date, noted in the ledger, answered by a retraining.

In: the record of an execution, what its monitoring has found, a target. Out: the same record judged, publications, a
ledger of days, requests for retraining.
May use: release, definition, target, machine, errors.
Begin reading: `judging.judge_scores`; `retraining.ask_retraining` closes the loop.
"""
