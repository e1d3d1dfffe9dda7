"""The DAG as a definition's bytes say it: steps, edges, and what of a step the step cache compares.

In: a definition's bytes. Out: its outline, the parameters that decide about results.
May use: descriptions, errors.
Begin reading: `outline.outline`; both targets and the composer agree on the words of `caching`.
"""
