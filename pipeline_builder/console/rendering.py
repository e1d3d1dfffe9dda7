"""Draws pages: templates with what all of them share, for the server and the export alike."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline_builder.console.look import Look, each_of
from pipeline_builder.console.pages import Page
from pipeline_builder.console.urls import Url
from pipeline_builder.views.pages import make_environment

if TYPE_CHECKING:
    from jinja2 import Environment

    from pipeline_builder.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What stands around every page.

    `here` is the page's own address without what changes by itself; `form` the token that its forms carry, empty where
    nothing can be decided. `static` is where stylesheets and scripts are; `written` says when a page of a static
    site was, which nobody answers.
    """

    page: Page
    nav: tuple[tuple[str, str, bool], ...]
    target: str
    about: str
    may_decide: bool
    live: str
    json: str
    static: str = "/static/"
    seen: str = ""
    form: str = ""
    said: str = ""
    written: str = ""
    as_of: datetime | None = None
    remarks: tuple[Problem, ...] = ()


def make_shell(page: Page, look: Look, url: Url, pages: tuple[Page, ...], **more: Any) -> Shell:
    """Return what stands around a page; `more` are fields that only the server, or the export, can tell."""
    manifest = look.manifest
    names = [entry.name for entry in manifest.pipelines] if manifest else []
    first = page.path.split("/")[1]
    troubles = look.answers.settle()
    return Shell(
        page=page,
        nav=tuple(
            (one.nav, url(one.name), one.path.split("/")[1] == first) for one in pages if one.nav and url(one.name)
        ),
        target=look.target.name,
        about=", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else ""),
        may_decide=look.may_decide,
        live=" ".join(page.live),
        as_of=min((*look.ages, *troubles.values()), default=None),
        remarks=tuple(each_of((*look.remarks, *troubles))),
        **more,
    )


def render_page(page: Page, view: Any, shell: Shell, url: Url) -> str:
    """Return a page as HTML."""
    return _environment().get_template(page.template).render(view=view, shell=shell, url=url)


def render_alone(template: str, **values: Any) -> str:
    """Return a page that has nothing around it: who isn't let in, or what is wrong."""
    return _environment().get_template(template).render(**values)


def compile_templates() -> None:
    """Compile what pages are drawn with, once: a page's first reader would wait for that longer than for all else."""
    environment = _environment()
    for name in environment.list_templates(["j2"]):
        if name.startswith(("console/", "run/")):
            environment.get_template(name)


@functools.lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = make_environment()
    environment.filters["clock"] = _clock
    return environment


def _clock(when: datetime) -> str:
    return f"{when:%H:%M:%S}"
