"""Who is told of what: mails through one topic, channels of a chat through another, which takes a JSON of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline_builder.errors import Problem
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.manifest.service import ServiceSection

# CloudFormation has AWS::Chatbot in none of the Regions of these.
_WITHOUT_CHAT = ("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")


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


def telling_problems(manifest: Manifest, *, region: str) -> Iterator[Problem]:
    """Yield what keeps people from being told (PB754, PB755)."""
    service = manifest.service
    if service.notifications and region.startswith(_WITHOUT_CHAT):
        message = f"'notifications' needs AWS Chatbot, which isn't there in {region}"
        place = manifest.at_service("notifications")
        yield Problem(id="PB754", message=message, place=place, hint="take mails: 'approval: {emails: […]}'")
    if not Telling(service=service).at_all("failure"):
        message = (
            "nobody is told that something failed: neither 'notify' of 'approval' nor 'notifications' has 'failure'"
        )
        place = manifest.at_service("approval")
        yield Problem(id="PB755", message=message, place=place, hint="write 'notify: [failure]'", warning=True)
