"""Which of AWS's images a container is of: that decides how its program is found, called, and what it may leave out.

By the name of the repository alone, so that a copy in another account is the same image.
Sources: the images' own code on GitHub, aws/sagemaker-{scikit-learn,xgboost,tensorflow-serving}-container and
aws/sagemaker-{pytorch,huggingface,mxnet}-inference-toolkit; aws/deep-learning-containers for the names.
"""

from __future__ import annotations

import re

SKLEARN, XGBOOST, TENSORFLOW, PYTORCH, HUGGINGFACE, MXNET, OWN = (
    "scikit-learn", "XGBoost", "TensorFlow Serving", "PyTorch", "Hugging Face", "MXNet", "",
)  # fmt: skip
_REPOSITORIES = {
    SKLEARN: r"sagemaker-scikit-learn",
    XGBOOST: r"(?:sagemaker-)?xgboost",
    TENSORFLOW: r"(?:tensorflow-inference|sagemaker-tensorflow-serving)(?:-eia|-graviton|-arm64)?",
    PYTORCH: r"pytorch-(?:inference|training)(?:-eia|-graviton|-arm64)?",
    HUGGINGFACE: r"huggingface-(?:pytorch|tensorflow)-(?:trcomp-)?(?:inference|training)",
    MXNET: r"mxnet-(?:inference|training)(?:-eia)?",
}
WORKERS = frozenset([SKLEARN, XGBOOST])
"""Images whose server is a Flask worker of `sagemaker_containers`."""
TOOLKITS = frozenset([PYTORCH, HUGGINGFACE, MXNET])
"""Images with `sagemaker_inference`, which looks for the program in the archive's `code` folder only."""
# What the image answers with where it is given no program at all.
_ALONE = frozenset([XGBOOST, TENSORFLOW, PYTORCH, HUGGINGFACE, MXNET])


def image_of(uri: str) -> str:
    """Return which of AWS's images an address is of, OWN where of none."""
    repository = uri.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0]
    return next((name for name, pattern in _REPOSITORIES.items() if re.fullmatch(pattern, repository)), OWN)


def answers_alone(uri: str) -> bool:
    """Tell whether the image answers without a program."""
    return image_of(uri) in _ALONE
