"""The definition: the graph in SageMaker's own language, as canonical bytes, and what holds them against its rules.

In: the graph, settings, the lock. Out: `Definition` (bytes, sha256, bundles), or every problem with its place.
May use: conf, monitoring, manifest, documents, dag, canonical, machine, descriptions, explanations, errors, inert,
regions.
Begin reading: `compose.compose`, then `definition.build_definition` and `assembly.compose_steps`; a new kind of step
goes into `steps/`, a new rule between members into `rules/`, one of the definition's language into `check/`; the shapes
of AWS's APIs are in `shapes/`; what the manifest's policy says of a definition is in `policy/`.
"""
