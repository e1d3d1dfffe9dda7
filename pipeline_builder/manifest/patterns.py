"""Patterns of the policy: texts with `*` and `?`, and addresses that stand for all that is below them."""

from __future__ import annotations

import functools
import re


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(char) or re.escape(char) for char in pattern), re.DOTALL)


def fits(pattern: str, text: str) -> bool:
    """Tell whether the whole text is of the pattern; `*` takes any characters, '/' too, as in IAM, `?` one."""
    return bool(_compiled(pattern).fullmatch(text))


def fits_any(patterns: tuple[str, ...], text: str) -> bool:
    """Tell whether the text is of one of the patterns."""
    return any(fits(pattern, text) for pattern in patterns)


def covers(rule: str, address: str) -> bool:
    """Tell whether an address is the rule's own, of its pattern, or below it.

    `s3://b/x/` doesn't cover `s3://b/x`: whoever reads that as a prefix gets `s3://b/x2` as well.
    """
    if fits(rule, address):
        return True
    if rule.endswith("*"):
        return False
    return fits(f"{rule.rstrip('/')}/*", address)


def covers_any(rules: tuple[str, ...], address: str) -> bool:
    """Tell whether one of the rules covers the address."""
    return any(covers(rule, address) for rule in rules)
