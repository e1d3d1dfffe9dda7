"""The manifest's sections about who is told: which mails are sent, and the channel of a team's chat."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline_builder.documents.schema import Section
from pipeline_builder.manifest.texts import as_tuple, matching, once

_UUID = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
# As AWS::Chatbot's resources have them; of a channel's link the part before its name, with %3a and %40 as they are.
_TEAMS_CHANNEL = r"^[a-zA-Z0-9_=+/.,-]*%3[aA][a-zA-Z0-9_=+/.,-]*%40[a-zA-Z0-9_=+/.,-]*$"

Told = Literal["failure", "success"]
Shown = Literal["approval", "failure", "success"]
Tells = Annotated[
    tuple[Told, ...], BeforeValidator(as_tuple, json_schema_input_type=Told | tuple[Told, ...]), AfterValidator(once)
]
Shows = Annotated[
    tuple[Shown, ...], BeforeValidator(as_tuple, json_schema_input_type=Shown | tuple[Shown, ...]), AfterValidator(once)
]


class SlackSection(Section):
    """A channel of Slack; somebody has authorized the workspace once in AWS's console."""

    workspace: Annotated[str, matching(r"^[0-9A-Z]{1,255}$", "the id of a workspace, such as 'T0123ABCD'")] = Field(
        description="id of the workspace"
    )
    channel: Annotated[str, matching(r"^[A-Za-z0-9]{1,256}$", "the id of a channel, such as 'C0123ABCD'")] = Field(
        description="id of the channel; a private one has to invite @Amazon Q"
    )


class TeamsSection(Section):
    """A channel of Microsoft Teams; somebody has authorized the team once in AWS's console."""

    tenant: Annotated[str, matching(_UUID, "the id of a tenant, a UUID")] = Field(description="id of the tenant")
    team: Annotated[str, matching(_UUID, "the id of a team, a UUID")] = Field(description="id of the team")
    channel: Annotated[
        str,
        Field(max_length=256),
        matching(_TEAMS_CHANNEL, "the id of a channel as its link has it, '19%3a…%40thread.tacv2'"),
    ] = Field(description="id of the channel, as it stands in its link")


class NotificationsSection(Section):
    """Channels of a chat, through AWS Chatbot (Amazon Q Developer in chat applications)."""

    events: Shows = Field(("approval", "failure"), description="what is told there: approval, failure, success")
    slack: SlackSection | None = Field(None, description="a channel of Slack")
    teams: TeamsSection | None = Field(None, description="a channel of Microsoft Teams")

    @model_validator(mode="after")
    def _somewhere(self) -> NotificationsSection:
        if not (self.slack or self.teams):
            raise ValueError("'notifications' names no channel: expected 'slack' or 'teams'")
        if not self.events:
            raise ValueError("'events' of 'notifications' is empty: a channel that is told nothing is left out whole")
        return self
