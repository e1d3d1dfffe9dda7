"""Stand-ins for packages that AWS's images have: as much of `sagemaker_containers` and of `sagemaker_inference` as
scripts of the images' users import, made of what the handlers here are called with. Installed packages come first.

Sources: `sagemaker-containers` and `sagemaker-inference` on PyPI; awslabs/multi-model-server for `mms.service`.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside.serving import codecs, model_server, services
from pipeline_builder.engine.inside.serving.responses import body_of_response

if TYPE_CHECKING:
    import types
    from importlib.machinery import ModuleSpec

_TYPES = {
    "JSON": codecs.JSON_TYPE, "CSV": codecs.CSV, "NPY": codecs.NPY, "NPZ": codecs.NPZ, "ANY": codecs.ANY,
    "OCTET_STREAM": "application/octet-stream", "UTF8_TYPES": list(codecs.TEXT_TYPES),
}  # fmt: skip


class Response:
    """What `sagemaker_containers.beta.framework.worker.Response` is to handlers: a body and its type."""

    def __init__(  # noqa: PLR0917 - its own
        self, response: Any = None, accept: str | None = None, status: int = 200, headers: Any = None,
        mimetype: str | None = None, direct_passthrough: bool = False,
    ) -> None:  # fmt: skip
        del headers, direct_passthrough
        self._body = b"" if response is None else body_of_response(response)
        self.status_code, self.mimetype = int(status), mimetype or accept or codecs.JSON_TYPE

    @property
    def content_type(self) -> str:
        """Return the type of the body."""
        return self.mimetype

    @property
    def data(self) -> bytes:
        """Return the body."""
        return self._body

    def get_data(self, as_text: bool = False) -> Any:
        """Return the body, as text where that is asked for."""
        return self._body.decode("utf-8") if as_text else self._body


class Surroundings:
    """What `sagemaker_containers` calls an environment: of `SM_MODEL_DIR` its `model_dir`, of JSON the value."""

    def __getattr__(self, name: str) -> Any:
        if name == "channel_input_dirs":
            return {channel: os.environ[f"SM_CHANNEL_{channel.upper()}"] for channel in self.channels}
        if name == "hyperparameters":
            name = "hps"
        value = os.environ.get(f"SM_{name.upper()}")
        if value is None or name.startswith("_"):
            raise AttributeError(f"there is no 'SM_{name.upper()}' in this container")
        try:
            return json.loads(value)
        except ValueError:
            return value


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


def _framework() -> dict[str, dict[str, Any]]:
    encoders = {
        "encode": codecs.worker_encode, "decode": codecs.worker_decode, "array_to_json": codecs.as_json,
        "array_to_csv": lambda value: codecs.worker_encode(value, codecs.CSV),
        "array_to_npy": lambda value: codecs.worker_encode(value, codecs.NPY),
        "csv_to_numpy": lambda body: codecs.worker_decode(body, codecs.CSV),
        "json_to_numpy": lambda body: codecs.worker_decode(body, codecs.JSON_TYPE),
        "npy_to_numpy": lambda body: codecs.worker_decode(body, codecs.NPY),
    }  # fmt: skip
    errors = {
        "UnsupportedFormatError": codecs.UnsupportedFormatError,
        "ClientError": type("ClientError", (Exception,), {}),
    }
    return {
        "worker": {"Response": Response}, "encoders": encoders, "content_types": _TYPES, "errors": errors,
        "env": {"TrainingEnv": Surroundings, "ServingEnv": Surroundings, "training_env": Surroundings},
        "modules": {}, "transformer": {}, "server": {}, "mapping": {}, "logging": {}, "files": {}, "params": {},
        "trainer": {}, "entry_point": {}, "functions": {}, "runner": {},
    }  # fmt: skip


def _modules() -> dict[str, dict[str, Any]]:
    """Return what is in each module; those that are packages have others below them."""
    framework = {f"sagemaker_containers.beta.framework.{name}": content for name, content in _framework().items()}
    base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
    return {
        "sagemaker_containers": {"training_env": Surroundings}, "sagemaker_containers.beta": {},
        "sagemaker_containers.beta.framework": {}, **framework,
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
        "mms": {}, "mms.service": {"PredictionException": services.PredictionException},
    }  # fmt: skip


class _Loader(importlib.abc.Loader):
    """Makes one of the modules."""

    def create_module(self, spec: ModuleSpec) -> None:
        del spec

    def exec_module(self, module: types.ModuleType) -> None:
        table = _modules()
        vars(module).update(table[module.__name__])
        below = [name for name in table if name.rpartition(".")[0] == module.__name__]
        for name in below:
            setattr(module, name.rpartition(".")[2], importlib.import_module(name))


class _Finder(importlib.abc.MetaPathFinder):
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
