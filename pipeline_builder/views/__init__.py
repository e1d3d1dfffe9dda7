"""What people look at: pictures of the graph, the report, tables, progress.

In: records and states. Out: text, SVG, HTML.
May use: release, dag, machine, target, errors, layout.
Begin reading: `report.render_report`, `drawing.render_svg`.
"""
