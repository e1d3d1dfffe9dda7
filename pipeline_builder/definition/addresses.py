"""Addresses of data that no job can be given: files outside of S3, without a bucket, or with names that S3 hasn't."""

from __future__ import annotations

import re

from pipeline_builder.conf.graph import Step
from pipeline_builder.definition.steps.data import file_uri, files_of
from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import Problem


def find_bad_addresses(step: Step) -> list[Problem]:
    """Return what is wrong with the addresses of a step's own files."""
    return [*_without_bucket(step), *_unusable(step)]


def _without_bucket(step: Step) -> list[Problem]:
    """A file that is no s3:// address needs its channel's bucket; one with another scheme is none at all."""
    problems = []
    for name, file, _ in files_of(step.job.channels) if step.job else ():
        assert step.job is not None
        text = file.file_name
        if isinstance(text, str) and "://" in text and not text.startswith("s3://"):
            message = f"the file '{text}' of channel '{name}' is not in S3"
            place = step.section_place("channels", name)
            hint = "write it as s3://bucket/key; the service fetches data from nowhere else"
            problems.append(Problem(id="PB322", message=message, place=place, hint=hint))
        elif isinstance(text, str) and not text.startswith("s3://") and not step.job.channels[name].bucket:
            message = f"the file '{text}' of channel '{name}' has no bucket"
            place = step.section_place("channels", name)
            hint = "write it as s3://bucket/key, or give the channel 's3BucketName' and 's3InputPrefix'"
            problems.append(Problem(id="PB322", message=message, place=place, hint=hint))
    return problems


def _unusable(step: Step) -> list[Problem]:
    """What no bucket can have, or what would lead out of one, is said here and not by the service or the engine."""
    problems = []
    for name, channel in step.job.channels.items() if step.job else ():
        for index, file in enumerate(channel.data_files):
            uri = file_uri(channel, file)
            if not isinstance(uri, str) or not (match := re.fullmatch(r"s3://([^/]+)/?(.*)", uri, re.DOTALL)):
                continue
            wrong = ""
            if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}|arn:.*", match[1]):
                wrong = "a bucket's name has lower-case letters, digits, '.' and '-'"
            elif {".", ".."} & set(match[2].split("/")):
                wrong = "a key has no '.' or '..' between its slashes"
            if wrong:
                message = f"the address {describe(uri)} of channel '{name}' can't be used: {wrong}"
                place = step.section_place("channels", name, "dataFiles", index, "fileName")
                problems.append(Problem(id="PB330", message=message, place=place))
    return problems
