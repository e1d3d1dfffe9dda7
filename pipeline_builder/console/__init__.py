"""The console: pages about what is in production, what waits for a word, what ran; on 127.0.0.1, or as a static site.

Comes in: what a manifest's pipelines have left on a target. Goes out: pages for browsers, the same as JSON, and the
decisions that a person takes on them. A page is a function of a `Look` that gives a frozen value, and a template; it
stands in the `PAGES` of its module, from where server and export take it.

May use: gitops, session, dated, several, opened, workspace, aws, here, views, serve, release, definition, conf,
checkout, manifest, documents, engine, dag, machine, target, descriptions, canonical, explanations, errors, durations,
layout, inert.

Begin reading: `pages.Page`, then `look.Look`, `now` as a page, `app.make_app` for how they are served,
`access.Access` for who may see them.
"""
