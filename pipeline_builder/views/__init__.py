"""What people look at: pictures of the graph, the report, tables, progress, lines of stages.

In: records and states. Out: text, SVG, HTML.
May use: manifest, release, definition, documents, checkout, dag, machine, target, descriptions, errors, layout, inert.
Begin reading: `report.render_report`, `run_view.run_view`, `lines`; `graphs` and `plots` are the drawings.
"""
