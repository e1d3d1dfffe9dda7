"""What went wrong in a factory, as problems: at the line of its code where that is known, else at its section."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline_builder.conf.conf import ModelConf
from pipeline_builder.conf.sdk import SdkSection
from pipeline_builder.definition.bundle import Bundle
from pipeline_builder.definition.factories import factory_place
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.documents.source import Source
from pipeline_builder.errors import Place, Problem
from pipeline_builder.sdk.answers import Failure

_IDS = {
    "import": "PB919",
    "function": "PB919",
    "wants": "PB919",
    "raised": "PB920",
    "refused": "PB920",
    "thing": "PB921",
}
_HINTS = {
    "PB919": "the function's parameters are named for what it gets: parameters, steps, session, role, bucket, region",
    "PB920": "a factory has no network, and of AWS only S3 below the repository's own folder",
    "PB921": "return steps of the SDK: one, or a list",
    "PB922": "make it end sooner, with less; a factory makes steps, and nothing else",
    "PB923": "return steps of the SDK, and end",
}


def wrong(conf: ModelConf, model: str, problem_id: str, why: str, said: Iterable[str]) -> Problem:
    """Return the problem with a factory that has come to no answer, with the end of what it said."""
    lines = "".join(f"\n    {line}" for line in said)
    what = "was ended" if problem_id == "PB922" else "has given no steps"
    message = f"the factory of the model '{model}' {what}: {why}{lines}"
    return Problem(id=problem_id, message=message, place=factory_place(conf, model), hint=_HINTS[problem_id])


def failed(conf: ModelConf, model: str, section: SdkSection, code: Bundle, failure: Failure) -> Problem:
    """Return the problem that a factory's answer is about."""
    problem_id, hint = _IDS[failure.kind], None
    lines = "\n    ".join(failure.text.splitlines())
    about = factory_place(conf, model)
    match failure.kind:
        case "thing":
            message = f"the factory of the model '{model}' {failure.text}, which is no step"
        case "import":
            message = f"'{section.entry_point}' can't be imported:\n    {lines}"
        case "function":
            about, message = factory_place(conf, model, "function"), _no_function(section)
            hint = did_you_mean(section.function, _functions(code, section.entry_point))
        case "wants":
            message = f"the function '{section.function}' {failure.text}"
        case "refused":
            message = f"the SageMaker SDK makes no definition of the steps of the model '{model}':\n    {lines}"
        case _:
            message = f"the factory of the model '{model}' has failed:\n    {lines}"
    place = _code_place(conf, code, failure) if failure.kind != "function" else None
    related = (about,) if place else ()
    return Problem(
        id=problem_id, message=message, place=place or about, related=related, hint=hint or _HINTS[problem_id]
    )


def _no_function(section: SdkSection) -> str:
    return f"there is no function '{section.function}' in '{section.entry_point}'"


def _functions(code: Bundle, name: str) -> list[str]:
    lines = (code.text(name) or "").splitlines()
    return [line[4:].partition("(")[0].strip() for line in lines if line.startswith("def ")]


def _code_place(conf: ModelConf, code: Bundle, failure: Failure) -> Place | None:
    """Return the line of the factory's code; what a factory says of itself is held against its files."""
    text = code.text(failure.file) if failure.file in code.files else None
    if text is None or not 0 < failure.line <= len(text.splitlines()):
        return None
    inside, base = code.folder.resolve(), conf.folder.resolve()
    path = (inside / failure.file).relative_to(base) if inside.is_relative_to(base) else inside / failure.file
    repo = conf.document.source.label.partition(":")[0]
    line = text.splitlines()[failure.line - 1]
    column = len(line) - len(line.lstrip()) + 1
    return Source(f"{repo}:{path.as_posix()}", text).place(failure.line, column)
