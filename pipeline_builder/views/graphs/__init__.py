"""The graph of a pipeline as SVG: a lane for each model, columns by what a step waits for.

In: nodes, with what became of them. Out: markup that a page takes as it is; every name in it is escaped and inert.
May use: dag, views.
Begin reading: `picture.render_svg`; `placing` has where everything is, `collapsing` what is drawn of very many steps.
"""
