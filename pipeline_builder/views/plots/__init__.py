"""Plots as SVG, made here and not in the browser: no script, no colours but by class, words for who can't see them.

In: numbers with names. Out: markup that a page takes as it is; every name in it is escaped and inert.
May use: release, views, inert.
Begin reading: `lines.line_plot`, `curves.curve_plot`, `regression`, `svg` for how they are written.
"""
