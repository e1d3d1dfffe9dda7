"""AWS's partitions and Regions as names: ARNs, hosts, consoles, and which Regions lack a service. Pure.

In: a Region's or a partition's name, a host, an image's address. Out: the names that belong to it; no other room
writes one of them.
May use: inert.
Begin reading: `partitions.partition_of`, then `hosts`; `services` has what is missing where.
"""
