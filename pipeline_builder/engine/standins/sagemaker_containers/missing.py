"""What a stand-in says where a script asks for more than it has."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def refuser(module: str) -> Callable[[str], object]:
    """Return the `__getattr__` of a module."""

    def refuse(name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ImportError(
            f"'{module}.{name}' is not here: on the local target '{module}' is a small stand-in for a package of AWS's "
            "images; for all of it, name the package itself (such as sagemaker-training) in the requirements of the "
            "image in the manifest's 'local.images'"
        )

    return refuse
