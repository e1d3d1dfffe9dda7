"""The SDK's configuration, validated once.

The SDK holds it against its schema with every value that it looks up there: half of the seconds of a factory.
"""

from __future__ import annotations

from typing import Any


def validate_once() -> None:
    """Let what is the same be validated once; it is as valid as it was."""
    import jsonschema

    validate, known = jsonschema.validate, [(None, "")]

    def once(instance: Any, schema: Any, *arguments: Any, **named: Any) -> None:
        said = repr(instance)
        if arguments or named or known[0][0] is not schema or known[0][1] != said:
            validate(instance, schema, *arguments, **named)
            known[0] = (None, "") if arguments or named else (schema, said)

    jsonschema.validate = once
