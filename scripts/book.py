"""Makes a site of `docs/`: copies the pages, leads links out of it to copies of what they name, builds.

Usage: book.py build [--out DIR] | serve [--port N]; `scripts/docs` calls it.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import html
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
STAGE = ROOT / ".pipeline_builder" / "book"
LOCK = ROOT / "requirements-docs.txt"
_LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
_ITEM = re.compile(r"(?:[-*]|\d+\.) ")
_FENCED = re.compile(r"^( *)(`{3,})[^`\n]*\n.*?^\1\2 *$", re.MULTILINE | re.DOTALL)
BAR = "\\|"
_OLDEST = (3, 11)  # of Zensical


def main(arguments: list[str]) -> int:
    """Build, or serve and build anew what changes."""
    parser = argparse.ArgumentParser(prog="scripts/docs", description="The book: docs/ as a site.")
    commands = parser.add_subparsers(dest="command", required=True)
    build_ = commands.add_parser("build", help="write the site")
    build_.add_argument("--out", type=Path, default=ROOT / "build" / "book", help="its folder (default: build/book)")
    serve_ = commands.add_parser("serve", help="serve the site on 127.0.0.1, and build anew what changes")
    serve_.add_argument("--port", type=int, default=8267, help="default: 8267")
    given = parser.parse_args(arguments)
    try:
        zensical = environment()
        return build(zensical, given.out) if given.command == "build" else serve(zensical, given.port)
    except subprocess.CalledProcessError as error:
        print(f"{error.stderr or error}\nthe book can't be made; scripts/docs can be repeated", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        return 130


def build(zensical: Path, out: Path) -> int:
    """Write the site whole into its folder, in the place of what was there."""
    STAGE.mkdir(parents=True, exist_ok=True)
    with (STAGE / "lock").open("w") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        stage()
        done = subprocess.run(
            [zensical, "build", "--strict", "--config-file", STAGE / "zensical.toml"],
            cwd=STAGE, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        if done.returncode:
            print(done.stdout + done.stderr, file=sys.stderr)
            return 1
        put(STAGE / "site", out)
    print(out / "index.html")
    return 0


def put(made: Path, out: Path) -> None:
    """Put a folder in another's place; only one that is a site is replaced."""
    if out.exists() and any(out.iterdir()) and not (out / "sitemap.xml").exists():
        raise SystemExit(f"'{out}' has something else in it: name another folder with --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    new = out.with_name(f"{out.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(made, new)
    shutil.rmtree(out, ignore_errors=True)
    new.replace(out)


def serve(zensical: Path, port: int) -> int:
    """Serve until interrupted; every second what has changed is copied, and Zensical builds it."""
    stage()
    command = [zensical, "serve", "--config-file", STAGE / "zensical.toml", "--dev-addr", f"127.0.0.1:{port}"]
    server = subprocess.Popen(command, cwd=STAGE)
    try:
        while server.poll() is None:
            time.sleep(1)
            stage()
    finally:
        server.terminate()
        server.wait()
    return server.returncode


# --- what is built


def stage() -> None:
    """Lay the pages and what they link to where Zensical reads them; what is the same stays untouched."""
    files = {STAGE / "zensical.toml": (DOCS / "site" / "zensical.toml").read_bytes()}
    places = sources()
    for source, target in places.items():
        if source.suffix == ".md":
            text, linked = moved(source, source.read_text("utf-8"), places)
            files[STAGE / "docs" / target] = text.encode()
            files |= {STAGE / "docs" / place: path.read_bytes() for path, place in linked.items()}
        else:
            files[STAGE / "docs" / target] = source.read_bytes()
    for old in (STAGE / "docs").rglob("*"):
        if old.is_file() and old not in files:
            old.unlink()
    for path, content in files.items():
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def sources() -> dict[Path, str]:
    """Return what is a part of the site, with where: `docs/`, and pages beside it."""
    inside = (path for path in sorted(DOCS.rglob("*")) if path.is_file() and path.name != "zensical.toml")
    beside = (
        ROOT / "CHANGELOG.md",
        *sorted(ROOT.glob("examples/*/README.md")),
        *sorted(ROOT.glob("examples/*/*/README.md")),
    )
    found = {path: path.relative_to(DOCS).as_posix() for path in inside}
    # A README would become a folder's own page, to which no link from a disk leads.
    found |= {path: path.relative_to(ROOT).as_posix().replace("/README.md", ".md") for path in beside}
    return {path: target for path, target in found.items() if "aws-train" not in path.parts}


def moved(page: Path, text: str, places: Mapping[Path, str]) -> tuple[str, dict[Path, str]]:
    """Return a page's text as it stands in the site, and the files beside it that it links to, with their places."""
    linked = dict[Path, str]()
    here = Path(places[page]).parent

    def new(match: re.Match[str]) -> str:
        name, mark, anchor = match[1].partition("#")
        if not name or re.match(r"[a-z]+:", name):
            return match[1]
        path = face((page.parent / name).resolve())
        if path not in places:
            linked[path] = f"files/{path.relative_to(ROOT).as_posix()}.txt"
        return os.path.relpath(places.get(path) or linked[path], here) + mark + anchor

    return "".join(_LINK.sub(new, part) if prose else part for prose, part in parts(shifted(uncommented(text)))), linked


def face(path: Path) -> Path:
    """Return the file that a reader of a folder begins with; the project's first page is the book's."""
    if path == ROOT / "README.md":
        return DOCS / "index.md"
    if path.is_dir():
        return next(path / name for name in ("README.md", "__init__.py", "index.md") if (path / name).exists())
    return path


def uncommented(text: str) -> str:
    """Leave out the marks of what is generated: a table right below one would be none; and code has its bars plain."""
    text = re.sub(r"^<!-- .*? -->\n", "\n", text, flags=re.MULTILINE)
    return re.sub(r"`([^`\n]*\\\|[^`\n]*)`", _barred, text)


def _barred(match: re.Match[str]) -> str:
    """Return code in a cell of a table with its bars as characters: escaped ones would be shown so."""
    return f"<code>{html.escape(match[1].replace(BAR, '|')).replace('|', '&#124;')}</code>"


def shifted(text: str) -> str:
    """Return a page's lists as Python's Markdown takes them; a git host takes more.

    What belongs to an item is indented by four, not by two or three, and an item behind another one of several
    paragraphs has a blank line before it.
    """
    lines, more, inside, apart = list[str](), "", False, False
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip(" "))
        if not inside:
            more = " " * (4 - indent) if indent in (2, 3) else ""
            if apart and _ITEM.match(line) and lines[-1].strip():
                lines.append("")
            if indent and lines and not lines[-1].strip():
                apart = True  # a second paragraph, or a block, of an item
            elif line.strip() and not indent:
                apart = False
        inside ^= line.lstrip(" ").startswith("```")
        lines.append(more + line if line.strip() else line)
    return "\n".join(lines) + "\n"


def parts(text: str) -> list[tuple[bool, str]]:
    """Return the text in parts, each with whether it is prose, or a fenced block, which stays as it is."""
    found, done = list[tuple[bool, str]](), 0
    for block in _FENCED.finditer(text):
        found += [(True, text[done : block.start()]), (False, block[0])]
        done = block.end()
    return [*found, (True, text[done:])]


# --- what it is built with


def environment() -> Path:
    """Return Zensical's program; the first call for a lock file makes its environment."""
    if sys.version_info < _OLDEST:
        raise SystemExit(
            f"the book needs Python {'.'.join(map(str, _OLDEST))} or newer, this one is {sys.version.split()[0]}"
        )
    wanted = hashlib.sha256(f"{sys.version}\0{ROOT}\0{LOCK.read_text('utf-8')}".encode()).hexdigest()
    folder = STAGE / "venv"
    ready = folder / ".ready"
    STAGE.mkdir(parents=True, exist_ok=True)
    with (STAGE / "venv.lock").open("w") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        if not ready.is_file() or ready.read_text("utf-8") != wanted:
            print(f"setting up {folder.relative_to(ROOT)} from {LOCK.name}", file=sys.stderr)
            uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
            uv(
                "pip",
                "install",
                "--quiet",
                "--python",
                str(folder / "bin" / "python"),
                "--require-hashes",
                "-r",
                str(LOCK),
            )
            ready.write_text(wanted, "utf-8")
    return folder / "bin" / "zensical"


def uv(*arguments: str) -> None:
    """Run the uv that the tools' environment has."""
    command = [str(ROOT / ".venv" / "bin" / "uv"), *arguments]
    subprocess.run(command, capture_output=True, text=True, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
