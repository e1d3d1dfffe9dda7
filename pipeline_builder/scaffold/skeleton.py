"""A new model repository as text: what decides its files, and the files rendered from `templates/model`."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline_builder.layout import TEMPLATES
from pipeline_builder.scaffold.frameworks import Framework

if TYPE_CHECKING:
    from jinja2 import Environment

Task = Literal["classification", "regression"]
Ci = Literal["github", "gitlab", "none"]
_MODEL = TEMPLATES / "model"
DATA = "data"
"""The folder of the sample data, which stands for the table on the local target."""
DAY = "2026-01-01"
"""The sample day that can be scored."""
_ROWS_OF_A_DAY = 100
_OTHER_HANDLERS = ("pytorch", "tensorflow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number of the evaluation's report, and the bound that is asked of it where nobody says another."""

    name: str
    bound: float
    higher_is_better: bool = True


METRICS: Mapping[Task, tuple[Metric, ...]] = {
    "classification": (
        Metric(name="auc", bound=0.7),
        Metric(name="f1", bound=0.5),
        Metric(name="precision", bound=0.5),
        Metric(name="recall", bound=0.5),
        Metric(name="accuracy", bound=0.65),
    ),
    "regression": (
        Metric(name="r2", bound=0.7),
        Metric(name="rmse", bound=40.0, higher_is_better=False),
        Metric(name="mse", bound=1600.0, higher_is_better=False),
        Metric(name="mae", bound=25.0, higher_is_better=False),
    ),
}
REPORTS: Mapping[Task, str] = {"classification": "binary_classification_metrics", "regression": "regression_metrics"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A model that says something of each row before the new one is trained, and the step of it that does."""

    model: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """Everything that decides a new repository's files; the values have been checked.

    `low` and `high` are the bounds of the gate on `metric`; `pipeline` is the name of the pipeline where the model is
    the `anchor`, whose conf has the `sagemakerPipeline` section. With `inference` it has a second conf, which scores
    days of data, and `scoring_anchor` says the same of that. What those of `asking` predict are features of it.
    """

    name: str
    description: str
    framework: Framework
    task: Task
    region: str
    instance_type: str
    metric: str
    low: float | None
    high: float | None
    anchor: bool
    pipeline: str
    ci: Ci
    inference: bool = False
    scoring_anchor: bool = False
    asking: tuple[Asked, ...] = ()

    @property
    def scoring_pipeline(self) -> str:
        """The name of the pipeline that scores."""
        return scoring_name(self.pipeline)

    @property
    def image(self) -> str:
        """The address of the image that prepares and evaluates, in the Region."""
        return self.framework.tables.address(self.region)

    @property
    def training_image(self) -> str:
        """The address of the training's image; that of the others where it is theirs."""
        return self.framework.training.address(self.region)

    @property
    def serving_image(self) -> str:
        """The address of the image that answers."""
        return self.framework.serving.address(self.region)

    @property
    def label(self) -> str:
        """The column of the sample data that is predicted."""
        return "label" if self.task == "classification" else "target"

    @property
    def metric_path(self) -> str:
        return f"{REPORTS[self.task]}.{self.metric}.value"

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(metric.name for metric in METRICS[self.task])

    @property
    def gate_words(self) -> str:
        """What the gate keeps out: "whose auc is below 0.7"."""
        low = f"below {self.low:g}" if self.low is not None else ""
        high = f"above {self.high:g}" if self.high is not None else ""
        return f"whose {self.metric} is {' or '.join(filter(None, (low, high)))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where the new folder's git repository is, seen from the folder, and the folder's path in it."""

    url: str = "."
    path: str = ""


def render_files(model: NewModel, home: Home) -> Mapping[str, str]:
    """Return the text of each file of the repository by its path."""
    environment = _environment()
    ci_file = {"github": ".github/workflows/check.yml", "gitlab": ".gitlab-ci.yml", "none": ""}[model.ci]
    templates = {target: source for target, source in _sources(model, ci_file).items() if target}
    values = {"model": model, "home": home, "ci": model.ci, "ci_file": ci_file, "day": DAY}
    files = {target: environment.get_template(source).render(values) for target, source in templates.items()}
    if model.inference:
        files |= {f"{DATA}/days/dt={DAY}/rows.csv": _day_of(files[f"{DATA}/sample.csv"])}
        files |= {"conf/inference.schema.json": _schema(inference=True)}
    return {**files, "conf/conf.schema.json": _schema()}


def _day_of(table: str) -> str:
    """Return the first rows of a table without its last column, which is the label."""
    return "".join(f"{line.rpartition(',')[0]}\n" for line in table.splitlines()[: 1 + _ROWS_OF_A_DAY])


def render_steps(model: NewModel) -> str:
    """Return the model's steps as they stand below `sagemakerPipeline.models`."""
    return _environment().get_template("steps.yaml.j2").render(model=model)


def render_scoring_steps(model: NewModel) -> str:
    """Return the same of the pipeline that scores."""
    return _environment().get_template("scoring-steps.yaml.j2").render(model=model)


def render_asking_step(model: NewModel, asked: Asked) -> str:
    """Return the step by which another model is asked, as it stands below that model's `steps`."""
    return _environment().get_template("asking-step.yaml.j2").render(model=model, asked=asked)


def scoring_name(pipeline: str) -> str:
    """Return the name of the pipeline that scores beside one that trains."""
    return f"{pipeline}-scoring"


def _sources(model: NewModel, ci_file: str) -> Mapping[str, str]:
    scoring = _scoring_sources(model) if model.inference else {}
    chaining = {"scripts/rows.py": f"scripts/{_kind(model)}/rows.py.j2"} if model.asking else {}
    return {**_training_sources(model, ci_file), **scoring, **chaining}


def _scoring_sources(model: NewModel) -> Mapping[str, str]:
    return {
        "conf/inference.yaml": "inference.yaml.j2",
        "" if model.scoring_anchor else "alone/scoring.yaml": "scoring.yaml.j2",
        "scripts/prepare.py": f"scripts/{_kind(model)}/prepare.py.j2",
    }


def _kind(model: NewModel) -> str:
    return "plain" if model.framework.name == "none" else "table"


def _training_sources(model: NewModel, ci_file: str) -> Mapping[str, str]:
    kind = _kind(model)
    framework = model.framework.name
    train = "train" if kind == "plain" else f"train-{framework}"
    inference = f"inference-{framework}" if framework in _OTHER_HANDLERS else "inference"
    network = {"scripts/network.py": "scripts/table/network.py.j2"} if framework == "pytorch" else {}
    return {
        **network,
        "README.md": "README.md.j2",
        ".gitignore": "gitignore",
        "pyproject.toml": "pyproject.toml",
        "requirements-test.txt": "requirements-test.txt.j2",
        "model_repos.yaml": "manifest.yaml.j2",
        "conf/conf.yaml": "conf.yaml.j2",
        "" if model.anchor else "alone/pipeline.yaml": "pipeline.yaml.j2",
        "data/generate.py": "data/generate.py.j2",
        "data/sample.csv": f"data/{model.task}.csv",
        "scripts/.smpignore": "smpignore",
        "scripts/preprocess.py": f"scripts/{kind}/preprocess.py.j2",
        "scripts/train.py": f"scripts/{kind}/{train}.py.j2",
        "scripts/inference.py": f"scripts/{kind}/{inference}.py.j2",
        "scripts/evaluate.py": f"scripts/{kind}/evaluate.py.j2",
        "tests/test_scripts.py": "tests/test_scripts.py.j2",
        ci_file: f"ci/{model.ci}.yml.j2",
    }


@functools.cache
def _environment() -> Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_MODEL),
        autoescape=False,  # noqa: S701 - no HTML; what comes from outside goes through a filter of its own
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"yaml": yaml_text, "conf": conf_text, "markdown": markdown_text, "line": line_text}
    return environment


def yaml_text(value: str | float) -> str:
    """Return a value as it stands in YAML, quoted where it would be read as something else or end early."""
    import yaml

    if isinstance(value, float | int):
        text = repr(value)
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    plain = re.fullmatch(r"[A-Za-z0-9./_](?:[A-Za-z0-9 ./_=-]*[A-Za-z0-9./_=-])?", value)
    return value if plain and yaml.safe_load(value) == value else json.dumps(value, ensure_ascii=False)


def conf_text(value: str) -> str:
    """Return a text as it stands in a conf, where `${NAME}` would be filled in."""
    return yaml_text(re.sub(r"\$\{(?=[A-Za-z_]\w*(?::-[^}]*)?\})", "$${", value, flags=re.ASCII))


def markdown_text(value: str) -> str:
    """Return a text as a paragraph of Markdown that says just this."""
    text = re.sub(r"([\\`*_{}\[\]<>#|~$&!])", r"\\\1", value)
    return re.sub(r"^([-+=:]|\d+(?=[.)]))", lambda match: _escaped_start(match[1]), text)


def _escaped_start(start: str) -> str:
    """A line that begins so is a list, a heading or the like; a number is one with what follows it."""
    return f"\\{start}" if not start[0].isdigit() else f"{start}\\"


def line_text(value: str) -> str:
    """Return a text for a comment of one line."""
    return " ".join(value.split())


@functools.cache  # pydantic makes it anew, of all sections, whenever it is asked
def _schema(*, inference: bool = False) -> str:
    """Return the JSON Schema of `conf.yaml`, or `inference.yaml`, which editors look up beside it."""
    from pipeline_builder.conf.conf import ConfFile
    from pipeline_builder.conf.inference import InferenceFile

    file = InferenceFile if inference else ConfFile
    return json.dumps(file.model_json_schema(by_alias=True), indent=1) + "\n"
