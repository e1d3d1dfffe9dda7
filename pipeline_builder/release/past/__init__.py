"""The past: the record of every run, kept where no job writes, its index, and what has changed since a champion.

A record comes in whenever one is written (`keeping.py`), and goes out with its packages as the registry has them now.
`index.py` has a few facts of every run, for lists and plots; `changes.py` tells what was committed since a champion,
`hosts.py` where a person looks at that. Runs that nobody has kept a record of are made out again (`remaking.py`).
"""
