"""The loop: looks where the repositories stand, and for data, approvals and requests, and starts a run for what is new.

In: a workspace, a clock, what confs say. Out: a run on this machine (`watch`), or a start of the service's pipeline
(`poll`).
May use: workspace, release, aws, checkout, manifest, documents, dag, machine, target, descriptions, errors, inert.
Begin reading: `watch.Watch`; `triggers.Triggers` is all but pushes; `poll.poll` is one look of the service's worker.
"""
