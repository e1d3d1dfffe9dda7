"""How a program's handlers are called is decided when they are opened, and not again for each record."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.inside.answers import AnswerError, Asked, Container
from pipeline_builder.engine.inside.batch import DEFAULTS, run_files
from pipeline_builder.engine.inside.serving.contexts import Context
from pipeline_builder.engine.inside.serving.toolkit import Defaults, bind, open_toolkit
from pipeline_builder.engine.inside.serving.worker import SklearnDefaults, open_worker

HANDLERS = """
def model_fn(folder{more}): return 1
def input_fn(body, kind{more}): return body
def predict_fn(data, model{more}): return data
def output_fn(prediction, accept{more}): return prediction, accept
"""


def module_of(text: str) -> types.ModuleType:
    module = types.ModuleType("inference")
    exec(text, module.__dict__)
    return module


def toolkit(text: str) -> Container:
    return open_toolkit(module_of(text), "/model", Defaults(), own=True)


def calls_of(folder: Path, container: Container, count: int, **spec: Any) -> int:
    """Return how many functions of ours are called for so many records."""
    source, called = folder / "in", [0]
    source.write_bytes(b"1,2\n" * count)
    files = [[str(source), str(folder / "out")]]
    told = {**DEFAULTS, "files": files, "content_type": "text/csv", "accept": "text/csv", "split": "Line", **spec}

    def see(_frame: object, event: str, _argument: object) -> None:
        called[0] += event == "call"

    sys.setprofile(see)
    try:
        assert run_files(container, {**told, "strategy": "SingleRecord"}) == 0
    finally:
        sys.setprofile(None)
    return called[0]


@pytest.mark.parametrize("more", ["", ", context"], ids=["plain", "with a context"])
@pytest.mark.parametrize("spec", [{}, {"assemble": "Line"}], ids=["as it is", "lines"])
def test_a_record_is_cut_asked_answered_and_written_and_nothing_is_decided(
    tmp_path: Path, more: str, spec: dict[str, Any]
) -> None:
    container = toolkit(HANDLERS.format(more=more))
    few, many = (calls_of(tmp_path, container, count, **spec) for count in (10, 110))
    ours, theirs = 19, 3 * (2 if more else 1)
    assert (many - few) / 100 <= ours + theirs


def test_what_handlers_take_is_looked_at_once() -> None:
    looks = """
class Handler:
    looked = 0
    @property
    def __signature__(self):
        Handler.looked += 1
        import inspect
        return inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in "ab"])
    def __call__(self, body, kind): return body
input_fn = Handler()
def looked(): return Handler.looked
"""
    module = module_of(HANDLERS.format(more="") + looks)
    container = open_toolkit(module, "/model", Defaults(), own=True)
    looked = module.looked()
    assert looked > 0
    for _ in range(3):
        assert container.answer(Asked(b"1", "text/csv", "text/csv")).body == b"1"
    assert module.looked() == looked


def test_a_handler_that_takes_something_else_is_said_by_each_request() -> None:
    """As AWS's toolkit has it: the model is loaded all the same, and whoever asks hears what is wrong."""
    container = toolkit(HANDLERS.format(more="").replace("input_fn(body, kind)", "input_fn(body)"))
    for _ in range(2):
        with pytest.raises(AnswerError, match="input_fn takes 1 arguments but 2 were given"):
            container.answer(Asked(b"1", "text/csv", None))


@pytest.mark.parametrize("kind", ["toolkit", "worker"])
def test_what_is_answered_with_by_default_is_looked_at_before_the_model_is_loaded(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv")
    late = "import os\n" + HANDLERS.format(more="").replace(
        "return 1", "os.environ['SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT'] = 'image/png'"
    )
    container = toolkit(late) if kind == "toolkit" else open_worker(module_of(late), "/model", SklearnDefaults())
    assert container.answer(Asked(b"1", "text/csv", None)).content_type == "text/csv"


class Callables:
    """Whatever a program may have in the place of a function."""

    def method(self, data: Any) -> Any: ...
    def named(self, data: Any, *, more: Any = None) -> Any: ...
    def nothing() -> Any: ...  # type: ignore[misc] # it can't be called on an object, which Python says
    def rest(*data: Any) -> Any: ...
    def all(self, data: Any, *rest: Any, more: Any, **named: Any) -> Any: ...

    @staticmethod
    def static(data: Any, /) -> Any: ...

    @classmethod
    def kind(cls, data: Any) -> Any: ...

    def __call__(self, data: Any) -> Any: ...


@functools.wraps(Callables.method)
def wrapped(*data: Any) -> Any: ...


def told(data: Any) -> Any: ...


told.__signature__ = inspect.Signature()  # type: ignore[attr-defined] # what some decorators leave


@pytest.mark.parametrize(
    "function",
    [
        *(getattr(Callables(), name) for name in ("method", "named", "nothing", "rest", "all", "static", "kind")),
        *(getattr(Callables, name) for name in ("method", "named", "nothing", "rest", "all", "kind")),
        Callables(), Callables, wrapped, told, functools.partial(wrapped, 1), len, types.MethodType(wrapped, 1), lambda: 1, 1,
    ],
)  # fmt: skip
def test_how_many_parameters_it_has_is_what_its_signature_says(function: Any) -> None:
    try:
        expected = len(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:
        with pytest.raises(type(error), match=f"^{re.escape(str(error))}$"):
            bind(function, 1, Context("/model"))()
        return
    assert bind(function, expected, Context("/model")) is function
    with pytest.raises(TypeError, match=f"takes {expected} arguments but {expected + 1} were given"):
        bind(function, expected + 1, Context("/model"))()
