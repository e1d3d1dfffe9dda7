"""The manifest's `schedules`: where each stands, and what is wrong with them beside the rest of the manifest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pipeline_builder.documents.schema import Section, did_you_mean
from pipeline_builder.documents.source import Document
from pipeline_builder.errors import Place, Problem
from pipeline_builder.manifest.pipelines import PipelineEntry, unknown_pipeline
from pipeline_builder.manifest.service import ScheduleSection


class Schedule(Section):
    """An entry of `schedules`, and where it stands in the manifest; `places` of its keys, by key.

    `pipeline` is the handle of the one that it starts.
    """

    section: ScheduleSection
    place: Place
    places: Mapping[str, Place] = {}
    pipeline: str = ""

    def at(self, key: str) -> Place:
        """Return where a key of it stands, or would."""
        return self.places.get(key, self.place)

    def says(self, key: str) -> bool:
        """Tell whether it is written what a key of it is."""
        return key in self.places


def read_schedules(sections: tuple[ScheduleSection, ...], main: str, document: Document) -> tuple[Schedule, ...]:
    """Return the schedules; those that name no pipeline are for the main one."""
    return tuple(
        Schedule(
            section=section,
            place=document.place(("schedules", index)),
            places={key: document.place(("schedules", index, key)) for key in section.model_fields_set},
            pipeline=section.pipeline or main,
        )
        for index, section in enumerate(sections)
    )


def schedule_problems(
    sections: tuple[ScheduleSection, ...],
    groups: Collection[str],
    pipelines: tuple[PipelineEntry, ...],
    document: Document,
) -> Iterator[Problem]:
    """Yield what is wrong with the schedules; `groups` are those that a repository is in."""
    names = {entry.name for entry in pipelines}
    first: dict[str, int] = {}
    for index, schedule in enumerate(sections):
        place = document.place(("schedules", index))
        if bool(schedule.cron) == bool(schedule.rate):
            message = f"the schedule '{schedule.name}' needs exactly one of 'cron' and 'rate'"
            yield Problem(id="PB112", message=message, place=place)
        if schedule.pipeline and schedule.pipeline not in names:
            at = document.place(("schedules", index, "pipeline"))
            yield unknown_pipeline(schedule.pipeline, pipelines, at, f"the schedule '{schedule.name}' names")
        for group in schedule.groups:
            if group not in groups:
                message = f"the schedule '{schedule.name}' names the group '{group}', which no repository is in"
                place = document.place(("schedules", index, "groups"))
                yield Problem(id="PB113", message=message, place=place, hint=did_you_mean(group, groups))
        if schedule.name in first:
            message = f"two schedules have the name '{schedule.name}'"
            related = (document.place(("schedules", first[schedule.name], "name")),)
            place = document.place(("schedules", index, "name"))
            yield Problem(id="PB112", message=message, place=place, related=related, hint="give one another name")
        first.setdefault(schedule.name, index)
