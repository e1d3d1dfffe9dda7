"""Pages: what every template that people look at is filled with, whoever fills it: the report, the console."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.inert import inert_text
from pipeline_builder.layout import TEMPLATES
from pipeline_builder.views import days, distributions, trials
from pipeline_builder.views.drift import STATISTICS
from pipeline_builder.views.formats import (
    format_bound,
    format_duration,
    format_found,
    format_machines,
    format_moment,
    format_number,
    format_percent,
    format_short,
    format_since,
    format_statistic,
)
from pipeline_builder.views.holdings import size_text

if TYPE_CHECKING:
    from jinja2 import Environment

LOOK = TEMPLATES / "look.css"
"""The one stylesheet: the report has it inside, the console serves it."""

_FILTERS = {
    "number": format_number,
    "duration": format_duration,
    "moment": format_moment,
    "unquoted": trials.unquoted,
    "statistic": format_statistic,
    "machines": format_machines,
    "bound": format_bound,
    "found": format_found,
    "percent": format_percent,
    "short": format_short,
    "since": format_since,
    "size": size_text,
    "kind": lambda text: "".join(char for char in str(text) if char.isascii() and char.isalpha()),
}
_SIZES = {
    "trials_size": (trials.WIDTH, trials.HEIGHT),
    "shape_size": (distributions.WIDTH, distributions.HEIGHT),
    "days_size": (days.WIDTH, days.HIGH, days.LOW),
    "statistic_names": STATISTICS,
}


def make_environment(folder: Path = TEMPLATES) -> Environment:
    """Return an environment whose templates escape all that comes in, and in which nothing can hide."""
    import jinja2

    from pipeline_builder.views.compiled import Compiled

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_inert,
        bytecode_cache=Compiled("pages"),
    )
    add_words(environment)
    return environment


def add_words(environment: Environment) -> None:
    """Give an environment the filters and constants that the partials in `templates/run/` are written with."""
    environment.filters |= {**_FILTERS, "drawn": _drawn}
    environment.globals |= _SIZES


@functools.lru_cache(maxsize=1)
def pages() -> Environment:
    """Return the environment of the templates that are here."""
    return make_environment()


def _inert(value: object) -> object:
    """Let nothing turn the reading direction of a page, or hide in it; what is markup already is our own."""
    return inert_text(value) if type(value) is str else value


def _drawn(markup: str) -> str:
    """Take a drawing, or the stylesheet, as it is: who draws escapes every name."""
    from markupsafe import Markup

    return Markup(markup)  # noqa: S704 - never a text from outside
