"""The loop: looks where the repositories stand, and starts a run for what moved.

In: a workspace, a clock. Out: a run on this machine (`watch`), or a start of the service's pipeline (`poll`).
May use: workspace, aws, checkout, manifest, machine, errors.
Begin reading: `watch.Watch`; `poll.poll` is one look of the service's worker.
"""
