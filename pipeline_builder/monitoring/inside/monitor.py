"""A Monitor step: holds a day's data and predictions against the model's baseline, and writes `monitor.json`.

It reports and never judges: that data have drifted fails no step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from . import files
from .answers import PREDICTION, Answers, Keys
from .baseline import QUALITY, folder, read_settings
from .chance import MIN_ROWS, is_told
from .checks import (
    STATISTICS,
    Bounds,
    check_column,
    check_predictions,
    check_rows,
    check_schema,
    drifted,
    named,
    told_apart,
    unreadable,
    violation,
)
from .columns import CATEGORICAL
from .distribution import Distribution, of_column, read_feature
from .drift import LIBRARY, compare
from .failure import UnusableError, run
from .quality import ERRORS, match, measure
from .reading import Table, files_below
from .tables import Profile, read_profile

FORMAT = 1
REPORT = "monitor.json"


def main() -> None:
    """Read, compare, and write."""
    settings = read_settings()
    report = Monitoring(settings, *files.read_statistics(folder("baseline"))).report()
    files.write(folder("", "output"), REPORT, report)
    print(f"{report['rows']['input']} rows, {len(report['violations'])} violations")
    for note in report["notes"]:
        print(ascii(note))


class Monitoring:
    """One look at a day: `settings` are the conf's, `baseline` the model's columns."""

    def __init__(
        self, settings: dict[str, Any], baseline: dict[str, Distribution], left_out: frozenset[str] = frozenset()
    ) -> None:
        self.settings = settings
        self.key = settings.get("key") or ""
        self.label = settings.get("label") or ""
        own = (*(settings.get("ignore") or ()), *filter(None, (self.key, self.label)))
        self.left_out = left_out | frozenset(own)
        self.baseline = {name: found for name, found in baseline.items() if name not in self.left_out}
        self.bounds = Bounds(settings)
        self.min_rows = float((settings.get("drift") or {}).get("min_rows", MIN_ROWS))
        self.violations: list[dict[str, Any]] = []
        self.by_chance: dict[str, set[str]] = {}
        self.plain = {"encoding": settings.get("encoding"), "separator": settings.get("separator")}

    def report(self) -> dict[str, Any]:
        """Return `monitor.json`."""
        keys = Keys(self.key)
        wants_labels = bool(files_below(folder("labels")))
        profile = self._input(keys if self.key and wants_labels else None)
        answers = self._predictions(kept=wants_labels)
        unread = [*profile.unread, *(answers.unread if answers else ())]
        self.violations += check_rows(profile.rows, answers.rows if answers else None, unread)
        columns = self._columns(profile) if profile.rows else {}
        predictions = self._compared(answers) if answers and answers.rows else None
        quality = self._quality(answers, keys) if answers and wants_labels else None
        return {
            "format": FORMAT,
            "library": LIBRARY,
            "rows": {"input": profile.rows, "predictions": answers.rows if answers else None},
            "columns": columns,
            "predictions": predictions,
            "drift": self._drift(columns),
            "quality": quality,
            "bounds": {**self.bounds.all, **({"share": self.bounds.share} if self.bounds.share is not None else {})},
            "violations": self.violations,
            "notes": [*self._notes()],
        }

    def _input(self, keys: Keys | None) -> Profile:
        types = {name: found.type for name, found in self.baseline.items() if found.type != "unknown"}
        texts = [self.key, *(name for name, kind in types.items() if kind == CATEGORICAL)]
        table = Table(self.settings, [*self.baseline], texts)
        profile = Profile(types, self.left_out)
        return read_profile(folder("data"), table, profile, strict=False, see=keys.see if keys else None)

    def _notes(self) -> Iterator[str]:
        """Say what isn't judged, and which columns the conf has bounds of and the baseline hasn't got."""
        if self.by_chance:
            yield f"past a bound of drift, but of so few values that it may be chance: {named([*self.by_chance])}"
        unknown = sorted({*self.bounds.columns} - {*self.baseline, *self.left_out, PREDICTION})
        if self.baseline and unknown:
            yield f"'columns' has bounds of what the baseline has no column of: {named(unknown)}"

    def _predictions(self, *, kept: bool) -> Answers | None:
        if not os.path.isdir(folder("predictions")):
            return None
        answers = Answers(str(self.settings.get("prediction") or ""), self.key, kept=kept)
        return answers.read(folder("predictions"), Table(self.plain, texts=[self.key]), strict=False)

    def _columns(self, profile: Profile) -> dict[str, Any]:
        self.violations += check_schema(self.baseline, profile.columns, self.left_out)
        found: dict[str, Any] = {}
        for name, before in self.baseline.items():
            if name not in profile.columns:
                continue
            now = of_column(profile.columns[name], before.type)
            about = self._judged(name, compare(before, now))
            self.violations += check_column(before, now, about, self.bounds.of(name))
            own = self.bounds.own(name)
            found[name] = {
                "type": before.type,
                "missing": now.missing_share,
                **about,
                **({"bounds": own} if own else {}),
            }
        return found

    def _compared(self, answers: Answers) -> dict[str, Any]:
        """Return how the predictions compare with those that the baseline was made of, as of a column."""
        before = _baseline_of_predictions()
        now = of_column(answers.column, before.type if before else "")
        bounds = self.bounds.of(PREDICTION)
        self.violations += check_predictions(before, now, bounds)
        if before is None:
            found = compare(now, now)
            about = {"current": found["current"]} if found else {}
        else:
            about = self._judged(PREDICTION, compare(before, now))
            self.violations += drifted(PREDICTION, about, bounds) if "judged" not in about else ()
        return {"type": now.type, "missing": now.missing_share, **about}

    def _judged(self, name: str, about: dict[str, Any]) -> dict[str, Any]:
        """Say it of a column's statistics where they may be chance."""
        if not any(key in about for key in STATISTICS) or is_told(about, self.min_rows):
            return about
        for past in drifted(name, about, self.bounds.of(name)):
            self.by_chance.setdefault(name, set()).add(past["statistic"])
        return {**about, "judged": False}

    def _drift(self, columns: dict[str, Any]) -> dict[str, Any]:
        names = {found["column"] for found in self.violations if found["kind"] == "drift"} & columns.keys()
        share = len(names) / len(columns) if columns else 0.0
        if self.bounds.share is not None and share > self.bounds.share:
            message = f"{len(names)} of {len(columns)} columns have drifted"
            self.violations.append(violation("drift", message, statistic="share", value=share, bound=self.bounds.share))
        unjudged = sum("judged" in one for one in columns.values())
        found: dict[str, Any] = {"columns": len(names), "share": share, "unjudged": unjudged}
        for statistic in STATISTICS:
            those = [one for name, one in columns.items() if statistic not in self.by_chance.get(name, ())]
            values = [one[statistic] for one in those if one.get(statistic) is not None]
            found[f"max_{statistic}"] = max(values) if values else None
        return found

    def _quality(self, answers: Answers, keys: Keys) -> dict[str, Any] | None:
        truth = Answers(self.label, self.key, kept=True)
        known = [name for name in (self.key, self.label) if name]
        truth.read(folder("labels"), Table(self.plain, known, [self.key]), strict=False)
        self.violations += [unreadable("quality", words) for words in truth.unread]
        if not truth.column.present:
            return None  # they come later
        try:
            predicted, labels = match(answers, truth, answers.all_keys if answers.all_keys is not None else keys.all)
            found = measure(predicted, labels, self.settings)
        except UnusableError as error:
            self.violations.append(violation("quality", str(error), statistic="labels"))
            return None
        self.violations += list(self._worse(found))
        return {**found, "rows": {"value": len(labels)}}

    def _worse(self, found: dict[str, Any]) -> Any:
        for name, bound in sorted((self.settings.get("quality") or {}).items()):
            value = found[name]["value"] if name in found else None
            if value is None or (value > bound if name in ERRORS else value < bound):
                measured, least = told_apart(bound if value is None else value, bound)
                shown = "could not be measured" if value is None else f"is {measured}"
                message = f"the quality is below what is asked for: {name} {shown}, the bound is {least}"
                yield violation("quality", message, statistic=name, value=value, bound=bound)


def _baseline_of_predictions() -> Distribution | None:
    path = os.path.join(folder("baseline"), QUALITY)
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        return read_feature(found[PREDICTION])
    except FileNotFoundError:
        return None
    except files.UNREADABLE as error:
        raise UnusableError(f"the model's baseline can't be read: {QUALITY}: {error!r}"[:300]) from None


if __name__ == "__main__":
    run(main)
