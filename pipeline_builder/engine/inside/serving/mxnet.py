"""What AWS's image for MXNet does where the program doesn't: a Module from three files, or a Gluon block.

Source: aws/sagemaker-mxnet-inference-toolkit (default_inference_handler.py, mxnet_module_transformer.py).
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from pipeline_builder.engine.inside.serving import codecs
from pipeline_builder.engine.inside.serving.toolkit import Defaults

_FILES = ("model-symbol.json", "model-0000.params", "model-shapes.json")


def _mxnet() -> Any:
    return importlib.import_module("mxnet")


class MxnetDefaults(Defaults):
    """The image's own functions; which hold, the model that was loaded decides."""

    def model_fn(self, model_dir: str) -> Any:
        """Load the Module of the three files that MXNet's `save_checkpoint` and the SDK leave."""
        missing = [name for name in _FILES if not Path(model_dir, name).exists()]
        if missing:
            raise ValueError(f"without 'model_fn' the archive needs {', '.join(_FILES)}; missing: {', '.join(missing)}")
        shapes = json.loads(Path(model_dir, _FILES[2]).read_text(encoding="utf-8"))
        data = [(entry["name"], (1, *entry["shape"][1:])) for entry in shapes]
        symbol, arguments, auxiliary = _mxnet().model.load_checkpoint(str(Path(model_dir, "model")), 0)
        names = [name for name, _ in data]
        module = _mxnet().mod.Module(symbol=symbol, context=_mxnet().cpu(), data_names=names, label_names=None)
        module.bind(for_training=False, data_shapes=data)
        module.set_params(arguments, auxiliary, allow_missing=True)
        return module

    def input_fn(self, body: Any, content_type: str | None) -> Any:
        """Return the body as an array of MXNet's."""
        return _mxnet().nd.array(codecs.decode(body, content_type)).as_in_context(_mxnet().cpu())

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Return what a block makes of the array, or a Module of an iterator over it."""
        if not hasattr(model, "data_shapes"):
            return model(data)
        ((_, shape),) = [(entry[0], entry[1]) for entry in model.data_shapes]
        rows = data.reshape((-1, *shape[1:]))
        return model.predict(_mxnet().io.NDArrayIter(rows, batch_size=shape[0], last_batch_handle="pad"))

    def output_fn(self, prediction: Any, accept: str) -> Any:
        """Return the prediction in the first of the accepted types that can be written."""
        for kind in accept.replace(" ", "").split(","):
            if codecs.encodes(kind):
                return codecs.encode(prediction.asnumpy().tolist(), kind)
        raise codecs.UnsupportedFormatError(accept, "output_fn")
