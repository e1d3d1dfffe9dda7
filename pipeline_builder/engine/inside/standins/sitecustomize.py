"""Read by Python at its start: packages that only AWS's images have are found where they aren't installed."""

import importlib.abc
import importlib.util
import os
import sys

_PACKAGES = ("sagemaker_inference", "mms")
# Ours in any case: the package's own starts a Java program and writes into /etc.
_REPLACED = "sagemaker_inference.model_server"
_INSIDE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - quick to start


class _Finder(importlib.abc.MetaPathFinder):
    """Loads what makes the packages when one of them is asked for."""

    def __init__(self, replaced: bool) -> None:
        self._replaced = replaced

    def find_spec(self, fullname, path=None, target=None):  # type: ignore[no-untyped-def] # noqa: ARG002
        wanted = fullname == _REPLACED if self._replaced else fullname.split(".")[0] in _PACKAGES
        return _load().find_spec(fullname) if wanted else None  # type: ignore[no-untyped-call]


def _load():  # type: ignore[no-untyped-def]
    if "_pipeline_builder_packages" not in sys.modules:
        spec = importlib.util.spec_from_file_location("_transform", os.path.join(_INSIDE, "transform.py"))  # noqa: PTH118
        assert spec
        assert spec.loader
        transform = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(transform)
        with transform._own_names():  # noqa: SLF001 - of this house
            from pipeline_builder.engine.inside.serving import packages
        sys.modules["_pipeline_builder_packages"] = packages
    return sys.modules["_pipeline_builder_packages"]


sys.meta_path.insert(0, _Finder(replaced=True))
sys.meta_path.append(_Finder(replaced=False))
