"""What the engine may let go of: objects, job folders and environments that nothing needs any more.

In: a state, its store, bounds. Out: what would be taken, what is left and why; and it is taken.
May use: execution, state, machine. Begin reading: `upkeep.survey`, then `needs.Past`, which says what stays.
"""
