"""What the web server of AWS's TensorFlow Serving image makes of a request where there is no program.

It turns JSON, JSON lines and CSV into requests for Serving's REST interface, by looking at the text only: what looks
odd here does there, too (of a line of CSV that isn't numbers just the first comma separates).
Source: aws/sagemaker-tensorflow-serving-container (tensorflowServing.js).
"""

from __future__ import annotations

import re

_JSON_TYPES = ("application/json", "application/jsonlines", "application/jsons")
_CSV = "text/csv"
_SERVINGS_OWN = re.compile(r'"(instances|inputs|examples)"\s*:')
_LINES = re.compile(r"[}\]]\s*[\[{]")
_ROWS = re.compile(r"\s*\[\s*\[")
_PLAIN = re.compile(r'\s*("|[0-9.Ee+\-]+)')
_WITHOUT_BREAKS = ("application/jsonlines", "application/json")


def request_for(body: str, content_type: str | None) -> str | None:
    """Return the request for Serving, None for a content type that is refused (415)."""
    if content_type == _CSV:
        return _from_csv(body)
    if content_type not in _JSON_TYPES:
        return None
    if _SERVINGS_OWN.search(body):
        return body
    if _LINES.search(body):
        return _from_lines(body)
    return '{"instances":' + (body if _ROWS.match(body) else f"[{body}]") + "}"


def answer_for(body: str, accept: str | None) -> tuple[str, str]:
    """Return the answer's body and content type."""
    if accept is None:
        return body, _JSON_TYPES[0]
    kinds = accept.strip().replace(" ", "", 1).split(",")
    if any(kind in _WITHOUT_BREAKS for kind in kinds):
        return body.replace("\n", ""), kinds[0]
    return body, _JSON_TYPES[0]


def _from_lines(body: str) -> str:
    lines = re.split(r"\r?\n", body.strip())
    parts = [("" if number == 0 else ",") + line.strip() for number, line in enumerate(lines) if line.strip()]
    return '{"instances":' + (parts[0] + "}" if len(lines) == 1 else "[" + "".join(parts) + "]}")


def _from_csv(body: str) -> str:
    quoted = not _PLAIN.match(body)
    lines = re.split(r"\r?\n", body.strip())
    parts = []
    for number, line in enumerate(line.strip() for line in lines):
        if not line:
            continue
        row = '"' + line.replace('"', '\\"', 1).replace(",", '","', 1) + '"' if quoted else line
        parts.append(f"[{row}]" if "," in line else row)
        if number != len(lines) - 1:
            parts.append(",")
    return '{"instances":[' + "".join(parts) + "]}"
