"""The plan: what would change now, step by step, and what a run would do; worked out beside who looks.

Comes in: the manifest, the checkouts as they are, and what is deployed. Goes out: the plan of each pipeline, as values.
Nothing is fetched, checked out or applied for it.

Begin reading: `pages.plan_view`, then `keeping.Keeper` for when it is worked out, and `looking.look_ahead` for how.
"""
