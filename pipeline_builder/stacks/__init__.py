"""CloudFormation stacks as values: what is deployed, what a change set would do, what happened. Pure.

In: a stack's facts and events. Out: plans, refusals, words.
May use: canonical, descriptions, errors.
Begin reading: `stacks`, then `stack_plan`.
"""
