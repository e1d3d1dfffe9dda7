"""The pages about models, and where they are."""

from __future__ import annotations

from pipeline_builder.console.models.compare import choose_view, compare_view
from pipeline_builder.console.models.listed import models_view
from pipeline_builder.console.models.model import model_view
from pipeline_builder.console.models.version import version_view
from pipeline_builder.console.pages import Page

_LIVE = ("registry", "runs")
_ABSENT = ("PB037", "PB038")

PAGES = (
    Page(path="/models", name="models", view=models_view, template="console/models.html.j2", title="Models",
         nav="Models", live=_LIVE),
    Page(path="/models/<group>", name="model", view=model_view, template="console/model.html.j2", live=_LIVE,
         absent=_ABSENT),
    Page(path="/models/<group>/<int:version>", name="version", view=version_view,
         template="console/version.html.j2", live=_LIVE, absent=_ABSENT),
    Page(path="/models/<group>/compare", name="choose", view=choose_view, template="console/compare.html.j2",
         exported=False, absent=_ABSENT),
    Page(path="/models/<group>/compare/<int:a>/<int:b>", name="compare", view=compare_view,
         template="console/compare.html.j2", absent=_ABSENT),
)  # fmt: skip
