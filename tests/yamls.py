"""YAML read and written by libyaml: a tenth of what PyYAML's own Python takes, for tests that do it hundreds of times."""

from __future__ import annotations

from typing import Any

import yaml


def read_yaml(text: str) -> Any:
    """Return what `yaml.safe_load` does."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def write_yaml(value: Any) -> str:
    """Return a text that is read as the value, with mappings in their order."""
    return yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
