"""What the engine keeps on disk: one SQLite file, and the objects of its buckets as files.

In: what an execution or the API's callers put. Out: the same, also after a crash: each change is a transaction.
May use: of the engine nothing else. Begin reading: `state.State`, then `store.LocalStore` and `registry.LocalRegistry`.
"""
