"""Who is told of what: mails through one topic, channels of a chat through another, which takes a JSON of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline_builder.errors import Problem
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.manifest.service import ServiceSection


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Of which of 'approval', 'failure' and 'success' a mail is sent, and a channel told.

    The mail that asks for approval is CodePipeline's own, with the evidence in it.
    """

    service: ServiceSection

    def by_mail(self, what: str) -> bool:
        """Tell whether a mail is sent."""
        return what in self.service.approval.notify

    def in_chat(self, what: str) -> bool:
        """Tell whether a channel is told."""
        return self.service.notifications is not None and what in self.service.notifications.events

    def at_all(self, what: str) -> bool:
        """Tell whether anybody is told."""
        return self.by_mail(what) or self.in_chat(what)


def telling_problems(manifest: Manifest) -> Iterator[Problem]:
    """Yield what keeps people from being told (PB755)."""
    service = manifest.service
    if not Telling(service=service).at_all("failure"):
        message = (
            "nobody is told that something failed: neither 'notify' of 'approval' nor 'notifications' has 'failure'"
        )
        place = manifest.at_service("approval")
        yield Problem(id="PB755", message=message, place=place, hint="write 'notify: [failure]'", warning=True)
