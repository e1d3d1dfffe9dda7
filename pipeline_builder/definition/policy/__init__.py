"""The policy held against a definition: what the confs ask for, in finished requests, wherever it comes from.

In: the graph, the composed definition, the manifest's policy. Out: every refusal with its place and the line that would
allow it.
Begin reading: `policy.check_policy`; what is looked at in a request is in `members`, what an expression stands for in
`known`.
"""
