"""What waits beside the pipeline: state machines that rules start, and the SageMaker that they look at.

In: the template's state machines and roles, a rule's input. Out: their calls, answered; the way that each took.
Begin reading: `machines.Machines`, then `interpreter`, which runs in a process of its own (`interpreting`).
"""
