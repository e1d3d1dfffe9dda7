"""What AWS's image for PyTorch does where the program doesn't: a TorchScript model, tensors in and out.

Source: aws/sagemaker-pytorch-inference-toolkit (default_pytorch_inference_handler.py).
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from pipeline_builder.engine.inside.serving import codecs
from pipeline_builder.engine.inside.serving.toolkit import Defaults


def _torch() -> Any:
    return importlib.import_module("torch")


def _device() -> Any:
    return _torch().device("cuda" if _torch().cuda.is_available() else "cpu")


class PytorchDefaults(Defaults):
    """The image's own functions."""

    def model_fn(self, model_dir: str) -> Any:
        """Load `model.pt`, or the only file of that kind, which TorchScript must have written."""
        path = Path(model_dir, "model.pt")
        if not path.exists():
            found = sorted(p for p in Path(model_dir).iterdir() if p.is_file() and p.suffix in (".pt", ".pth"))
            if len(found) != 1:
                names = [file.name for file in found]
                raise ValueError(
                    f"Exactly one .pth or .pt file is required for PyTorch models without 'model_fn': {names}"
                )
            path = found[0]
        try:
            model = _torch().jit.load(str(path), map_location=_device())
        except RuntimeError as error:
            raise ValueError(
                f"'{path.name}' could not be loaded: save it with TorchScript, or define 'model_fn'"
            ) from error
        return model.to(_device())

    def input_fn(self, body: Any, content_type: str | None) -> Any:
        """Return the body as a tensor; of text as 32 bit numbers."""
        array = codecs.decode(body, content_type)
        is_text = content_type in codecs.TEXT_TYPES
        return (_torch().FloatTensor(array) if is_text else _torch().from_numpy(array)).to(_device())

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Return what the model makes of the tensor."""
        with _torch().no_grad():
            model = model.to(_device())
            model.eval()
            return model(data.to(_device()))

    def output_fn(self, prediction: Any, accept: str) -> Any:
        """Return the prediction in the first of the accepted types that can be written."""
        if type(prediction) is _torch().Tensor:
            prediction = prediction.detach().cpu().numpy().tolist()
        for kind in accept.replace(" ", "").split(","):
            if codecs.encodes(kind):
                return codecs.encode(prediction, kind)
        raise codecs.UnsupportedFormatError(accept, "output_fn")
