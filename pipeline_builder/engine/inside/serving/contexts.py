"""The context that AWS's model servers hand to handlers, with the requests' headers and what is said of the answer.

Source: awslabs/multi-model-server, mms/context.py; TorchServe's has the same members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline_builder.engine.inside.answers import Asked


class Metrics:
    """What handlers note of themselves; nobody reads it here."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("add_"):
            raise AttributeError(name)
        return lambda *_arguments, **_named: None


class RequestProcessor:
    """The headers of one request, and status and headers of its answer."""

    def __init__(self, headers: dict[str, Any]) -> None:
        self._headers = headers
        self.status, self.phrase = 200, ""
        self.answer_headers: dict[str, str] = {}

    def get_request_property(self, key: str) -> Any:
        """Return a header of the request."""
        return self._headers.get(key)

    def get_request_properties(self) -> dict[str, Any]:
        """Return all headers of the request."""
        return self._headers

    def report_status(self, code: int, reason_phrase: str | None = None) -> None:
        """Set the status of the answer."""
        self.status, self.phrase = code, reason_phrase or ""

    def get_response_status_code(self) -> int:
        """Return the status of the answer."""
        return self.status

    def get_response_status_phrase(self) -> str:
        """Return the words of that status."""
        return self.phrase

    def add_response_property(self, key: str, value: str) -> None:
        """Set a header of the answer."""
        self.answer_headers[key] = value

    def get_response_headers(self) -> dict[str, str]:
        """Return the headers of the answer."""
        return self.answer_headers

    def get_response_header(self, key: str) -> str | None:
        """Return a header of the answer."""
        return self.answer_headers.get(key)


class Context:
    """One model's context; `begin` puts a request into it."""

    def __init__(self, model_dir: str) -> None:
        self.model_name = "model"
        self.manifest: Any = None
        self.system_properties = {
            "model_dir": model_dir, "gpu_id": None, "batch_size": 1, "server_name": "MMS", "server_version": "1.1",
        }  # fmt: skip
        self.request_ids: dict[int, str] = {}
        self.request_processor: list[RequestProcessor] = []
        self.metrics = Metrics()

    def begin(self, asked: Asked) -> None:
        """Make this the context of a request."""
        # The server has the headers of a request and those of its parts in one place.
        headers: dict[str, Any] = {"body": {"content-type": asked.content_type}}
        given = {"Content-Type": asked.content_type, "Accept": asked.accept}
        headers.update({name: value for name, value in given.items() if value})
        self.request_processor = [RequestProcessor(headers)]
        self.request_ids = {0: "request"}

    def get_request_id(self, idx: int = 0) -> str | None:
        """Return the id of a request."""
        return self.request_ids.get(idx)

    def get_request_header(self, idx: int, key: str) -> Any:
        """Return a header of a request."""
        return self.request_processor[idx].get_request_property(key)

    def get_all_request_header(self, idx: int) -> dict[str, Any]:
        """Return all headers of a request."""
        return self.request_processor[idx].get_request_properties()

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Set the content type of an answer."""
        self.set_response_header(idx, "content-type", value)

    def get_response_content_type(self, idx: int) -> str | None:
        """Return the content type of an answer."""
        return self.get_response_headers(idx).get("content-type")

    def get_response_status(self, idx: int) -> tuple[int, str]:
        """Return the status of an answer, and its words."""
        processor = self.request_processor[idx]
        return processor.status, processor.phrase

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Set the status of an answer."""
        if self.request_processor:
            self.request_processor[idx].report_status(code, phrase)

    def set_all_response_status(self, code: int = 200, phrase: str = "") -> None:
        """Set the status of all answers."""
        for processor in self.request_processor:
            processor.report_status(code, phrase)

    def get_response_headers(self, idx: int) -> dict[str, str]:
        """Return the headers of an answer."""
        return self.request_processor[idx].answer_headers

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Set a header of an answer."""
        self.request_processor[idx].add_response_property(key, value)
