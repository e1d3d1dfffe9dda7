"""Models: what a team has in production and how it came there: all of them, one's versions, each of these, any two.

Pages read through `asking.Asking`, which asks AWS no more often than it has to; `facts.Facts` is all that is known of a
version, `comparing.compare_facts` two of them side by side, `lineage.lineage_of` where one came from and goes.
"""
