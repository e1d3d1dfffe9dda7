"""Two versions of a model side by side, as values: metrics, hyperparameters, code, data, images, software."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline_builder.console.models.bounds import Better, Verdict, bounded_first, bounds_of, judged
from pipeline_builder.console.models.differing import Difference, changed_only, differences
from pipeline_builder.console.models.facts import Facts
from pipeline_builder.dag.caching import PARAMETER
from pipeline_builder.definition.parameters import MANIFEST_PARAMETER
from pipeline_builder.release.metrics import Confusion, Curve, compare_metrics, find_confusion, find_curves

MOST_METRICS = 500
_COMMIT = "Commit-"
"""How parameters begin that carry a repository's commit."""
_MOST_SAID = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """A metric of both versions; `better` says which way is, `verdict` what became of it, empty where nobody says."""

    name: str
    before: float | None
    after: float | None
    better: Better
    verdict: Verdict
    gated: str

    @property
    def difference(self) -> float | None:
        """By how much it is more; None where one of them hasn't got it."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePair:
    """A curve of both versions; None where one hasn't got it."""

    name: str
    before: Curve | None
    after: Curve | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two versions side by side; `notes` say plainly what can't be compared, and what isn't like the other."""

    before: Facts
    after: Facts
    metrics: tuple[MetricRow, ...]
    metrics_left: int
    curves: tuple[CurvePair, ...]
    confusion: tuple[Confusion | None, Confusion | None]
    hyperparameters: tuple[Difference, ...]
    data: tuple[Difference, ...]
    reads: tuple[Difference, ...]
    images: tuple[Difference, ...]
    code: tuple[Difference, ...]
    steps: tuple[Difference, ...]
    parameters: tuple[Difference, ...]
    notes: tuple[str, ...]


def compare_facts(before: Facts, after: Facts) -> Compared:
    """Compare two versions of a group, whatever made them."""
    rows = metric_rows(before, after)
    return Compared(
        before=before,
        after=after,
        metrics=rows[:MOST_METRICS],
        metrics_left=max(len(rows) - MOST_METRICS, 0),
        curves=_curves(before, after),
        confusion=(find_confusion(before.metrics), find_confusion(after.metrics)),
        hyperparameters=differences(before.hyperparameters, after.hyperparameters),
        data=differences(_fingerprints(before), _fingerprints(after)),
        reads=changed_only(differences(_reads(before), _reads(after))),
        images=differences(images_of(before), images_of(after)),
        code=differences(_code(before), _code(after)),
        steps=changed_only(differences(_steps(before), _steps(after))),
        parameters=changed_only(differences(_parameters(before), _parameters(after))),
        notes=tuple(_notes(before, after)),
    )


def metric_rows(before: Facts, after: Facts) -> tuple[MetricRow, ...]:
    """Return each metric of either, those that a gate bounds first; the newer version's gate says which way is better,
    the older one's where that says nothing of it.
    """
    bounds = {**bounds_of(before.bounds), **bounds_of(after.bounds)}
    found = compare_metrics(after.metrics, before.metrics)
    return tuple(
        MetricRow(
            name=one.path,
            before=one.champion,
            after=one.candidate,
            better=(better := bound.better if bound else ""),
            verdict=judged(one.champion, one.candidate, better),
            gated=bound.words if bound else "",
        )
        for one, bound in bounded_first(found, bounds)
    )


def _curves(before: Facts, after: Facts) -> tuple[CurvePair, ...]:
    old = {curve.name: curve for curve in find_curves(before.metrics)}
    new = {curve.name: curve for curve in find_curves(after.metrics)}
    return tuple(CurvePair(name=n, before=old.get(n), after=new.get(n)) for n in dict.fromkeys((*new, *old)))


def _fingerprints(facts: Facts) -> dict[str, str]:
    return {", ".join(data.addresses) or data.parameter: data.fingerprint for data in facts.data}


def _reads(facts: Facts) -> dict[str, str]:
    return {uri: step.name for step in facts.made for uri in step.reads}


def images_of(facts: Facts) -> dict[str, str]:
    """Return the images of the steps, and what the package serves with, with the digest where it is known."""
    found = {step.name: ", ".join(step.images) for step in facts.made if step.images}
    served = facts.proof.containers if facts.proof else ()
    for number, container in enumerate(served, start=1):
        name = "the package serves with" if len(served) == 1 else f"the package serves with ({number})"
        found[name] = f"{container.image}{f' @ {container.digest}' if container.digest else ''}"
    if not served and facts.package.image:
        found["the package serves with"] = facts.package.image
    return found


def _code(facts: Facts) -> dict[str, str]:
    return {step.name: ", ".join(_digest(uri) for uri in step.code) for step in facts.made if step.code}


def _digest(uri: str) -> str:
    """Return the part of a bundle's address that says its content."""
    return uri.rsplit("/", 2)[-2] if uri.count("/") > 2 else uri


def _steps(facts: Facts) -> dict[str, str]:
    return {step.name: step.step_class for step in facts.made}


def _parameters(facts: Facts) -> dict[str, str]:
    """Return the pipeline parameters of its run that its own steps use, but for fingerprints, which stand elsewhere."""
    if facts.record is None:
        return {}
    used = frozenset[str]().union(*(step.parameters for step in facts.made))
    own = {data.parameter for data in facts.data} | {MANIFEST_PARAMETER, PARAMETER}
    return {
        name: value[:_MOST_SAID]
        for name, value in facts.record.parameters.items()
        if name in used and name not in own and not name.startswith(_COMMIT)
    }


def _notes(before: Facts, after: Facts) -> list[str]:
    found: list[str] = []
    for facts in (before, after):
        name = f"version {facts.package.version}"
        if facts.metrics is None:
            found.append(f"{name} has no metrics: {facts.fault}")
        if facts.stubs:
            found.append(f"{name}: {', '.join(facts.stubs)} did not run, their results are stubs")
        found += [f"{name}, not known: {words}" for words in facts.missing]
    if before.run and before.run == after.run:
        found.append("both versions are of the same run")
    if before.pipeline and after.pipeline and before.pipeline != after.pipeline:
        found.append(f"they are of different pipelines, '{before.pipeline}' and '{after.pipeline}'")
    return found


def software_difference(
    before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]
) -> tuple[Difference, ...]:
    """Compare lines of requirements by package, those that are the same left out: what was added, removed, changed."""
    return changed_only(differences(_named(before), _named(after)))


def _named(lines: Mapping[str, Sequence[str]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for group in lines.values():
        for line in group:
            name = package_name(line)
            if line not in found.setdefault(name, []):
                found[name].append(line)
    return {name: "; ".join(sorted(texts)) for name, texts in sorted(found.items())}


def package_name(line: str) -> str:
    """Return the name of the package that a line of requirements is about, as pip compares names; an option's words."""
    name = ""
    if line.lstrip().startswith("-"):
        return line.strip()
    for char in line.strip():
        if not (char.isalnum() or char in "-_."):
            break
        name += char
    return name.replace("_", "-").replace(".", "-").lower() or line.strip()
