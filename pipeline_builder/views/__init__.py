"""What people look at: pictures of the graph, the report, tables, progress, lines of stages.

In: records and states. Out: text, SVG, HTML.
May use: manifest, release, definition, documents, checkout, dag, machine, target, descriptions, errors, layout, inert.
Begin reading: `report.render_report`, `drawing.render_svg`, `lines`.
"""
