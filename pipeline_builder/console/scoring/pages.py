"""The pages about scores, and where they are."""

from __future__ import annotations

from pipeline_builder.console.pages import Page

PAGES: tuple[Page, ...] = ()
