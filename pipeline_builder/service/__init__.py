"""The service on AWS: what is rendered from the manifest, deployed, played on one machine, and run stage by stage.

In: the manifest and the definition. Out: CloudFormation templates, stacks, what a stage hands on.
May use: console, session, opened, workspace, aws, views, serve, release, definition, checkout, manifest, stacks,
engine, documents, dag, machine, target, descriptions, errors, regions, layout.
Begin reading: `render` (what is made), `deploy` (how it gets there), `stage` (what its builds run),
`site` (the console's pages that they write).
"""
