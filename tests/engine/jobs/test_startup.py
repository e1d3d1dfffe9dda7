"""What is compiled of an environment before jobs, which can't write into it, import it."""

from __future__ import annotations

from pathlib import Path

from pipeline_builder.engine.jobs.startup import compile_modules


def test_the_packages_own_tests_are_not_compiled(tmp_path: Path) -> None:
    """Also where the environment itself lies below a folder `tests`, all else is."""
    packages = tmp_path / "tests" / "env" / "lib" / "python3" / "site-packages"
    names = (
        "one.py",
        "pack/__init__.py",
        "pack/testing.py",
        "pack/tests/test_it.py",
        "pack/more/tests/deep/test_it.py",
    )
    for name in (*names, "pack/broken.py"):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text("=" if "broken" in name else "")
    compile_modules(tmp_path / "tests" / "env")
    compiled = {path.name.partition(".")[0] for path in packages.rglob("*.pyc")}
    assert compiled == {"one", "__init__", "testing"}
