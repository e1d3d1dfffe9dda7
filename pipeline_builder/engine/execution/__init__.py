"""An execution from its start to its end: which steps run when, what a cache spares, what is tried again.

In: a document, parameters, a halt. Out: the state of each step, written as it changes, and the execution's end.
May use: jobs, document, state. Begin reading: `execution.run_execution`, then `scheduler.Run`; what a definition can't
have here is found by `ability`.
"""
