"""What a model can be written with: AWS's images for it by Region, and the packages that stand for them here."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_builder.layout import TEMPLATES
from pipeline_builder.regions.hosts import registry

_REGIONS = TEMPLATES / "model" / "regions.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One of AWS's images: whose accounts it is in, its repository and tag, and its packages on this machine."""

    family: str
    name: str
    match: str
    requirements: tuple[str, ...]

    def address(self, region: str) -> str:
        """Return where it is in a Region."""
        return f"{registry(load_accounts(self.family)[region], region)}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """What a model is written with.

    `tables` is the image that prepares and evaluates, `training` that of the training job, `serving` the one that
    answers; one with `repack` looks for its handlers in the model's archive only.
    """

    name: str
    title: str
    tables: Image
    training: Image
    serving: Image
    hyperparameters: tuple[tuple[str, float | int], ...]
    repack: bool = False

    @property
    def images(self) -> tuple[Image, ...]:
        """Those that need packages on this machine, one for each pattern."""
        found = {image.match: image for image in (self.tables, self.training, self.serving) if image.requirements}
        return tuple(found.values())

    @property
    def requirements(self) -> tuple[str, ...]:
        """The packages of all of its images together, as its tests need them."""
        return tuple(dict.fromkeys(text for image in self.images for text in image.requirements))


_NUMPY = (
    "numpy==2.2.6; python_version < '3.14'",  # the last one that Python 3.10 has
    "numpy==2.3.5; python_version >= '3.14'",
)
_TABLES = (*_NUMPY, "pandas==2.3.3", "scikit-learn==1.7.2")
_CLASSIC, _DEEP = "classic", "deep-learning"


def _sklearn(*requirements: str) -> Image:
    name = "sagemaker-scikit-learn:1.2-1-cpu-py3"
    return Image(family=_CLASSIC, name=name, match="*/sagemaker-scikit-learn:*", requirements=requirements)


def _deep(name: str, match: str, *requirements: str) -> Image:
    return Image(family=_DEEP, name=name, match=match, requirements=requirements)


_SKLEARN = _sklearn(*_TABLES)
_PLAIN = _sklearn()  # for SageMaker's toolkits in it
_XGBOOST = Image(
    family=_CLASSIC,
    name="sagemaker-xgboost:1.7-1",
    match="*/sagemaker-xgboost:*",
    requirements=(*_TABLES, "xgboost-cpu==3.2.0"),
)
# The last images for the CPU whose training and inference are of one version; the tags are the SDK's.
_TORCH = ("*/pytorch-*", *_NUMPY, "pandas==2.3.3", "torch==2.13.0")
# One environment does for training and serving: TensorFlow Serving itself isn't needed to answer.
_FLOW = ("*/tensorflow-*", *_NUMPY, "pandas==2.3.3", "tensorflow-cpu==2.21.0")
_NETWORK = (("epochs", 60), ("batch_size", 64), ("units", 32), ("learning_rate", 0.01), ("patience", 8), ("seed", 17))
FRAMEWORKS: Mapping[str, Framework] = {
    "sklearn": Framework(
        name="sklearn",
        title="scikit-learn",
        tables=_SKLEARN,
        training=_SKLEARN,
        serving=_SKLEARN,
        hyperparameters=(("learning_rate", 0.05), ("max_iter", 80), ("max_leaf_nodes", 8), ("seed", 17)),
    ),
    "xgboost": Framework(
        name="xgboost",
        title="XGBoost",
        tables=_XGBOOST,
        training=_XGBOOST,
        serving=_XGBOOST,
        hyperparameters=(
            ("eta", 0.05), ("max_depth", 3), ("num_round", 300), ("early_stopping_rounds", 30), ("seed", 17),
        ),
    ),
    "pytorch": Framework(
        name="pytorch",
        title="PyTorch",
        tables=_SKLEARN,
        training=_deep("pytorch-training:2.6.0-cpu-py312", *_TORCH),
        serving=_deep("pytorch-inference:2.6.0-cpu-py312", *_TORCH),
        hyperparameters=_NETWORK,
        repack=True,
    ),
    "tensorflow": Framework(
        name="tensorflow",
        title="TensorFlow",
        tables=_SKLEARN,
        training=_deep("tensorflow-training:2.19.0-cpu-py312", *_FLOW),
        serving=_deep("tensorflow-inference:2.19.0-cpu", *_FLOW),
        hyperparameters=_NETWORK,
        repack=True,
    ),
    "none": Framework(
        name="none",
        title="plain Python",
        tables=_PLAIN,
        training=_PLAIN,
        serving=_PLAIN,
        hyperparameters=(("learning_rate", 0.3), ("epochs", 200)),
    ),
}  # fmt: skip


@functools.cache
def load_accounts(family: str) -> Mapping[str, str]:
    """Return the account of a family of AWS's images by Region."""
    import yaml

    families: Mapping[str, Mapping[str, str]] = yaml.safe_load(_REGIONS.read_text("utf-8"))
    return families[family]


def regions_of(framework: Framework) -> tuple[str, ...]:
    """Return the Regions that have all of a framework's images."""
    images = (framework.tables, framework.training, framework.serving)
    families = [load_accounts(family).keys() for family in sorted({image.family for image in images})]
    return tuple(region for region in families[0] if all(region in regions for regions in families))
