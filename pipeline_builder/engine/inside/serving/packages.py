"""Stand-ins for the packages of model servers: as much of `sagemaker_inference` and of `mms` as scripts of the images'
users import, made of what the handlers here are called with. Installed packages come first.

Other packages of AWS's images are in the environments of all jobs (`engine/standins`).
Sources: `sagemaker-inference` on PyPI; awslabs/multi-model-server for `mms.service`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside.serving import codecs, matrices, model_server, services

if TYPE_CHECKING:
    import types
    from importlib.abc import Loader as _LoaderBase
    from importlib.abc import MetaPathFinder as _FinderBase
    from importlib.machinery import ModuleSpec
else:  # that module is slow to import
    _LoaderBase = _FinderBase = object

_TYPES = {
    "JSON": codecs.JSON_TYPE, "CSV": codecs.CSV, "NPY": codecs.NPY, "NPZ": codecs.NPZ, "ANY": codecs.ANY,
    "OCTET_STREAM": "application/octet-stream", "UTF8_TYPES": list(codecs.TEXT_TYPES),
}  # fmt: skip


class BaseInferenceToolkitError(Exception):
    """A problem that a handler answers with a status."""

    def __init__(self, status_code: int, message: str, phrase: str) -> None:
        super().__init__(status_code, message, phrase)
        self.status_code, self.message, self.phrase = status_code, message, phrase


class GenericInferenceToolkitError(BaseInferenceToolkitError):
    """A problem, of which only the status need be said."""

    def __init__(self, status_code: int, message: str | None = None, phrase: str | None = None) -> None:
        said = message or "Invalid Request"
        super().__init__(status_code, said, phrase or said)


class DefaultInferenceHandler:
    """The toolkit's own functions, for classes that change some of them."""

    def default_model_fn(self, model_dir: str, context: Any = None) -> Any:
        """Say that there is no model."""
        raise NotImplementedError("Please provide a model_fn implementation.")

    def default_input_fn(self, input_data: Any, content_type: str, context: Any = None) -> Any:
        """Return the body as an array."""
        del context
        return codecs.decode(input_data, content_type)

    def default_predict_fn(self, data: Any, model: Any, context: Any = None) -> Any:
        """Say that there is no prediction."""
        raise NotImplementedError("Please provide a predict_fn implementation.")

    def default_output_fn(self, prediction: Any, accept: str, context: Any = None) -> Any:
        """Return the prediction in the first of the accepted types that can be written, and that type."""
        del context
        kind = next((kind for kind in parse_accept(accept) if codecs.encodes(kind)), None)
        if kind is None:
            raise codecs.UnsupportedFormatError(accept, "output_fn")
        return codecs.encode(prediction, kind), kind


def parse_accept(accept: str) -> list[str]:
    """Return the types that are accepted."""
    return accept.replace(" ", "").split(",")


def _modules() -> dict[str, dict[str, Any]]:
    """Return what is in each module; those that are packages have others below them."""
    base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
    return {
        "sagemaker_inference": {}, "sagemaker_inference.content_types": _TYPES,
        "sagemaker_inference.decoder": {"decode": codecs.decode},
        "sagemaker_inference.encoder": {"encode": codecs.encode},
        "sagemaker_inference.errors": {
            "UnsupportedFormatError": codecs.UnsupportedFormatError,
            "BaseInferenceToolkitError": BaseInferenceToolkitError,
            "GenericInferenceToolkitError": GenericInferenceToolkitError,
        },
        "sagemaker_inference.utils": {"parse_accept": parse_accept},
        "sagemaker_inference.environment": {
            "base_dir": base, "model_dir": f"{base}/model", "code_dir": f"{base}/model/code",
        },
        "sagemaker_inference.default_inference_handler": {"DefaultInferenceHandler": DefaultInferenceHandler},
        "sagemaker_inference.model_server": {"start_model_server": model_server.start_model_server},
        "_pipeline_builder_matrices": {
            "decode": matrices.decode, "from_csv": matrices.from_csv, "from_libsvm": matrices.from_libsvm,
            "from_recordio": matrices.from_recordio,
        },
        "mms": {}, "mms.service": {"PredictionException": services.PredictionException},
    }  # fmt: skip


class _Loader(_LoaderBase):
    """Makes one of the modules."""

    def create_module(self, spec: ModuleSpec) -> None:
        del spec

    def exec_module(self, module: types.ModuleType) -> None:
        table = _modules()
        vars(module).update(table[module.__name__])
        below = [name for name in table if name.rpartition(".")[0] == module.__name__]
        for name in below:
            setattr(module, name.rpartition(".")[2], importlib.import_module(name))


class _Finder(_FinderBase):
    """Finds them, where nobody else has."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        del path, target
        return find_spec(fullname)


def find_spec(name: str) -> ModuleSpec | None:
    """Return how one of the modules is made, None for any other name."""
    table = _modules()
    if name not in table:
        return None
    is_package = any(other.startswith(f"{name}.") for other in table)
    return importlib.util.spec_from_loader(name, _Loader(), is_package=is_package)


def offer() -> None:
    """Have them found in this process, after all that is installed."""
    sys.meta_path.append(_Finder())
