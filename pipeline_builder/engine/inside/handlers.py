"""What answers the requests of a batch transform: chosen by the container's image, and by what its program is."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside.job import here, tell
from pipeline_builder.engine.inside.serving import images, matrices, packages, programs

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from pipeline_builder.engine.inside.answers import Container

    Spec = Mapping[str, Any]
    Names = Callable[[], AbstractContextManager[None]]


def open_container(spec: Spec, names: Names = nullcontext) -> Container:
    """Load the model once and return what answers requests.

    `spec` has "model_dir", "code_dir" and "program", "" where none is given; and "image", the address of the image.
    What only some containers need is imported before anything of the user's, while `names` lets ours be imported.
    """
    image = images.image_of(spec.get("image", ""))
    model_dir = here(spec["model_dir"])
    folders = programs.folders_of(spec.get("image", ""), here(spec["code_dir"]), model_dir)
    # AWS's images import the entry point by its name, so that one in a folder isn't found there.
    is_known = not image or "/" not in spec["program"]
    program = programs.find(folders, spec["program"] or programs.DEFAULT) if is_known else None
    packages.offer()
    matrices.read_as(spec.get("image", ""))
    if image == images.TENSORFLOW:
        return _tensorflow(model_dir, spec["program"], names)
    if image == images.XGBOOST and not spec["program"]:
        return matrices.open_algorithm(str(model_dir))
    if image in images.WORKERS:
        with names():
            from pipeline_builder.engine.inside.serving import worker
        defaults = worker.XgboostDefaults() if image == images.XGBOOST else worker.SklearnDefaults()
        return worker.open_worker(_module(program, folders, spec), str(model_dir), defaults)
    if image in images.TOOLKITS:
        return _toolkit(image, program, folders, spec, names)
    return _own(program, folders, spec, names)


def _tensorflow(model_dir: Path, asked: str, names: Names) -> Container:
    with names():
        from pipeline_builder.engine.inside.serving import tensorflow
    path = model_dir / tensorflow.PROGRAM
    if not path.is_file():
        if asked:
            tell(
                f"TensorFlow Serving's image looks for handlers in '{tensorflow.PROGRAM}' of the model's archive only, "
                f"where there are none: it answers without '{asked}' (set 'ModelRepack: \"True\"' to have them there)"
            )
        return tensorflow.open_alone(model_dir)
    sys.path[0:1] = [str(folder) for folder in (path.parent, path.parent / "lib") if folder.is_dir()]
    sys.argv = [str(path)]
    spec = importlib.util.spec_from_file_location("inference", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return tensorflow.open_handlers(module, model_dir)


def _toolkit(image: str, program: Path | None, folders: list[Path], spec: Spec, names: Names) -> Container:
    with names():
        from pipeline_builder.engine.inside.serving import huggingface, mxnet, pytorch, toolkit
    if program is None and spec["program"]:
        tell(
            f"the image for {image} looks for its program at the top of 'code' in the archive only, where there is no "
            f"'{spec['program']}': it answers with its defaults (set 'ModelRepack: \"True\"' to have it there)"
        )
    module = _imported(program, folders, spec) if program else None
    model_dir = str(here(spec["model_dir"]))
    if image == images.HUGGINGFACE:
        return huggingface.open_huggingface(module, model_dir)
    defaults = mxnet.MxnetDefaults() if image == images.MXNET else pytorch.PytorchDefaults()
    return toolkit.open_toolkit(module, model_dir, defaults, own=False)


def _own(program: Path | None, folders: list[Path], spec: Spec, names: Names) -> Container:
    """Open what an image that isn't AWS's runs: handlers, a service of the multi-model server, or a server."""
    if program is None:
        raise FileNotFoundError(f"there is no '{spec['program'] or programs.DEFAULT}' in {programs.listed(folders)}")
    kind = programs.kind_of(program)
    if kind in (programs.SERVER, programs.APPLICATION):
        with names():
            from pipeline_builder.engine.inside.serving import servers
        return servers.open_server(program, kind, port=spec.get("port"), seconds=spec["timeout"])
    with names():
        from pipeline_builder.engine.inside.serving import services, tensorflow, toolkit
    module = _imported(program, folders, spec)
    model_dir = here(spec["model_dir"])
    if kind == programs.SERVICE:
        return services.open_service(module, str(model_dir))
    if tensorflow.has_handlers(module):
        return tensorflow.open_handlers(module, model_dir)
    return toolkit.open_toolkit(module, str(model_dir), toolkit.Defaults(), own=True)


def _module(program: Path | None, folders: list[Path], spec: Spec) -> types.ModuleType:
    if program is None:
        name = spec["program"] or programs.DEFAULT
        raise FileNotFoundError(f"there is no '{name}' at the top of {programs.listed(folders)}, where the image looks")
    return _imported(program, folders, spec)


def _imported(program: Path, folders: list[Path], spec: Spec) -> types.ModuleType:
    # In place of this program's own folder, so that none of the names beside it hides one of the user's.
    sys.path[0:1] = [str(folder) for folder in folders if folder.is_dir()]
    sys.path += [str(folder / "lib") for folder in folders if (folder / "lib").is_dir()]
    sys.argv = [str(program)]  # never the engine's own
    name = spec["program"] or programs.DEFAULT
    name = name[: -len(".py")] if name.endswith(".py") else name  # noqa: FURB188 - Python 3.8 has no other way
    return importlib.import_module(name.replace("/", "."))
