"""The acceptance: a tiny service in a real account, which answers what nobody could try without one, and goes again.

In: credentials, a Region, the points of `points.yaml`. Out: an answer to each of them, as a table and as JSON, and an
account as it was.
May use: all of pipeline_builder; nothing there knows of it. AWS is called through `pipeline_builder.aws.client`, and
what people type (`deploy`, `destroy`) is run as they would.
Begin reading: `command` (what is asked for), `run` (the way through the scenarios), `scenarios` (what is done to find
out), `removal` (how everything goes again).
"""
