"""The files of a batch transform: cut into requests, answered by a container, and their answers put together again.

As on SageMaker, a file with a failing record gets no output, the other files do, and the job fails at the end. In an
inference pipeline each container has a process of its own; what one has answered is what the next is asked.
"""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from pipeline_builder.engine.inside.answers import SERVER_ERROR, Answered, AnswerError, Asked, ServerError
from pipeline_builder.engine.inside.assembling import assembler
from pipeline_builder.engine.inside.exchange import read_answers, write_answer
from pipeline_builder.engine.inside.job import here, tell, tell_error
from pipeline_builder.engine.inside.patience import ask, within
from pipeline_builder.engine.inside.records import RecordError, cut, requests
from pipeline_builder.engine.inside.rows import RowError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from pipeline_builder.engine.inside.answers import Container

    Spec = Mapping[str, Any]

# The last three are None where the job leaves them to the container, and what the service takes where it does too.
DEFAULTS: dict[str, Any] = {
    "content_type": None, "accept": None, "compression": "None", "split": "None", "assemble": "None",
    "input_filter": None, "output_filter": None, "join": False, "retries": 3, "timeout": 600, "first": True,
    "last": True, "strategy": None, "max_payload_mb": None, "max_concurrent": None,
}  # fmt: skip
_OWN = {"strategy": "MultiRecord", "max_payload_mb": 6, "max_concurrent": 1}
_PARAMETERS = {
    "strategy": "BatchStrategy",
    "max_payload_mb": "MaxPayloadInMB",
    "max_concurrent": "MaxConcurrentTransforms",
}
_STRATEGIES = {"SINGLE_RECORD": "SingleRecord", "MULTI_RECORD": "MultiRecord"}


class File(NamedTuple):
    """An object of the input, where its output goes; within a pipeline what it is given, and where its answers go."""

    source: str
    target: str
    given: str = ""
    passed: str = ""


class Work(NamedTuple):
    """A request, how many records of the file are in it, and where they are joined, these."""

    asked: Asked
    number: int
    given: bytes


def run_files(container: Container, spec: Spec) -> int:
    """Have all files of the spec answered; return the exit code."""
    try:
        spec = settled(container.parameters, spec)
    except ServerError as error:
        tell(str(error))
        return 1
    files = [File(*names) for names in spec["files"]]
    failed = [file.source for file in files if _is_there(file, spec) and not _transform(file, spec, container)]
    if failed:
        tell(f"{len(failed)} of {len(files)} files failed: {', '.join(failed[:10])}")
    return 1 if failed else 0


def settled(parameters: Mapping[str, Any] | None, spec: Spec) -> dict[str, Any]:
    """Return the spec with what the job leaves open: what the container asks for, or else the service's own.

    Raises:
        ServerError: the container asks for a number that is none.
    """
    chosen = dict(spec)
    for key, name in _PARAMETERS.items():
        if spec.get(key) in (None, ""):
            asked = (parameters or {}).get(name)
            found = _STRATEGIES.get(str(asked)) if key == "strategy" else _whole(name, asked)
            chosen[key] = _OWN[key] if found is None else found
    return chosen


def _whole(name: str, value: Any) -> int | None:
    """Return a number that a container asks for, if it does; some write it as a text."""
    if value is None:
        return None
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value)
    if isinstance(value, bool) or not re.fullmatch("[0-9]{1,9}", text):
        said = f"the server's answer to GET /execution-parameters has {name} {value!r:.100}"
        raise ServerError(SERVER_ERROR, f"{said}, expected a whole number")
    return int(text)


def _is_there(file: File, spec: Spec) -> bool:
    """Tell whether no container before has failed at this file, which is said already."""
    return spec["first"] or here(file.given).is_file()


class _FailedError(Exception):
    """A request of so many records can't be answered, and why."""

    def __init__(self, number: int, why: BaseException) -> None:
        super().__init__(number)
        self.number, self.why = number, why


def _transform(file: File, spec: Spec, container: Container) -> bool:
    """Write the answers for one file; what is written appears whole or not at all. Return whether it did."""
    output = here(file.target if spec["last"] else file.passed)
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_name(output.name + ".part")
    before, last, is_last = 0, 0, spec["last"]
    assemble = assembler(spec)
    try:
        with ExitStack() as stack:
            result = stack.enter_context(part.open("wb"))
            answers = stack.enter_context(closing(_answers(_works(file, spec, stack), spec, container)))
            for done, answered in answers:
                last = before + done.number
                if is_last:
                    result.write(assemble(done.given, answered))
                else:
                    write_answer(result, answered, done.number)
                before = last
    except (Exception, SystemExit) as error:  # noqa: BLE001 - user code may raise anything; the log gets all of it
        _tell_failure(file, spec, error, before, last)
        if part.exists():
            part.unlink()
        return False
    part.replace(output)
    return True


def _tell_failure(file: File, spec: Spec, error: BaseException, before: int, last: int) -> None:
    """Say why the transform of a file fails, and at which of its records, of which so many are written."""
    if isinstance(error, _FailedError):
        last, error = before + error.number, error.why
    if isinstance(error, (RowError, ServerError)):
        tell(str(error))
    else:
        tell_error(error.__cause__ if isinstance(error, AnswerError) and error.__cause__ else error)
    tell(f"the transform of '{file.source}' failed {_where(error, spec, before + 1, last)}")


def _where(error: BaseException, spec: Spec, first: int, last: int) -> str:
    """Return at which record, or in which request, something has failed."""
    if spec["split"] == "None":
        return "as a whole"
    if isinstance(error, RecordError):
        return f"at record {error.number:,}"
    if isinstance(error, RowError) and error.row is not None and spec["join"]:
        return f"at record {first + error.row:,}"
    return f"in the records {first:,} to {last:,}" if last > first else f"at record {first:,}"


def _works(file: File, spec: Spec, stack: ExitStack) -> Iterator[Work]:
    """Yield the requests to this container, from the file or from the container before."""
    accept = spec["accept"] if spec["last"] else None  # only the last one is told what the job wants
    if spec["first"]:
        stream = stack.enter_context(_opened(here(file.source), spec))
        kind = spec["content_type"]
        try:
            for body, count, given in requests(stream, spec):
                yield Work(Asked(body, kind, accept), count, given)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise RowError(f"CompressionType: this is no gzip, or damaged: {error}") from error
        return
    joins = spec["last"] and spec["join"]
    records_of = cut(stack.enter_context(_opened(here(file.source), spec)), spec, sys.maxsize) if joins else iter(())
    for answered, count in read_answers(stack.enter_context(here(file.given).open("rb"))):
        yield Work(Asked(answered.body, answered.content_type, accept), count, b"".join(islice(records_of, count)))


def _opened(path: Path, spec: Spec) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if spec["compression"] == "Gzip" else path.open("rb")


def _answers(works: Iterable[Work], spec: Spec, container: Container) -> Generator[tuple[Work, Answered]]:
    """Yield each request with its answer, in order; as many at once as the job and the container take."""
    retries, many = spec["retries"], int(spec["max_concurrent"]) if container.concurrent else 1
    if not container.concurrent:
        with within(container.answer, spec["timeout"]) as answer:
            for work in works:
                try:
                    found = ask(answer, work.asked, retries=retries)
                except (Exception, SystemExit) as error:
                    raise _FailedError(work.number, error) from error
                yield work, found
        return
    from concurrent.futures import ThreadPoolExecutor  # heavy, and most ask one after the other

    with ThreadPoolExecutor(max_workers=max(1, many)) as pool:
        running: list[tuple[Work, Any]] = []
        for work in works:
            running.append((work, pool.submit(ask, container.answer, work.asked, retries=retries)))
            if len(running) >= many:
                yield _result(*running.pop(0))
        for done in running:
            yield _result(*done)


def _result(work: Work, running: Any) -> tuple[Work, Answered]:
    try:
        return work, running.result()
    except (Exception, SystemExit) as error:
        raise _FailedError(work.number, error) from error
