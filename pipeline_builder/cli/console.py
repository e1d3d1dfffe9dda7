"""The console: pages on this machine about what is in production, what waits, what ran."""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import click

from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import Asked, located, open_session
from pipeline_builder.cli.output import say, show, terminal
from pipeline_builder.machine.collector import collect_all


@main.command()
@located
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Default: 8266 where it is free, else another; 0 takes a free one."
)
@click.option("--open/--no-open", "opens", default=None, help="Open a browser; default: where a person sits here.")
@click.option(
    "--decide/--read-only",
    "decides",
    default=None,
    help="Let the pages approve and reject; default: on the local target.",
)
@click.option("--export", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write a static site.")
@click.option("--most", type=click.IntRange(0), help="Runs whose pages the site has, the newest; default: 200.")
def console(
    *,
    asked: Asked,
    as_json: bool,
    port: int | None,
    opens: bool | None,
    decides: bool | None,
    folder: Path | None,
    most: int | None,
) -> None:
    """Show what is in production, what waits for a decision, what runs and what ran, as pages for a browser.

    It listens on 127.0.0.1 only. The address that is printed lets in whoever has it; keep it for yourself. Pages are
    about the local state, or with '--target aws' about AWS, where they are read-only without '--decide'. They follow
    what happens while they are open. Ctrl-C ends it.

    With '--export' the same pages are written into a folder, as a static site for a bucket or an artifact of a CI;
    again, what is the same stays. Nothing can be decided there.

    \b
    Example: pipeline-builder console --port 8266
    """
    from pipeline_builder.console.looks import Looks
    from pipeline_builder.console.server import open_console

    if folder is None and most is not None:
        raise click.UsageError("--most says how much --export writes: give both")
    if folder is not None:
        if (port, opens, decides) != (None, None, None):
            raise click.UsageError("--export writes files and serves none: leave --port, --open and --decide out")
        _export(asked, folder, most, as_json=as_json)
        return
    may_decide = asked.target == "local" if decides is None else decides
    looks = Looks(open_session=functools.partial(open_session, asked), may_decide=may_decide)
    server = open_console(looks, port=port, report=say)
    show({"url": server.url, "address": server.address}, as_json=as_json, text=server.address)
    if not as_json:
        say(f"the console of {os.path.relpath(asked.manifest.parent)}; Ctrl-C ends it")
    with contextlib.ExitStack() as stack:
        if _shown() if opens is None else opens:
            stack.enter_context(_opened(server.address))
        with contextlib.suppress(KeyboardInterrupt):
            collect_all()
            server.serve()


def _export(asked: Asked, folder: Path, most: int | None, *, as_json: bool) -> None:
    """Write the pages into a folder."""
    from pipeline_builder.console.export import MOST, export_site
    from pipeline_builder.console.looks import Looks
    from pipeline_builder.console.site import Folder

    site = Folder(folder)
    looks = Looks(open_session=functools.partial(open_session, asked))
    try:
        done = export_site(looks.current(), site, most=MOST if most is None else most)
    finally:
        looks.close()
    for line in done.failed:
        say(f"          {line}")
    page = folder / "index.html"
    found = {"index": str(page), "files": done.files, "written": done.written}
    show(found, as_json=as_json, text=f"{os.path.relpath(page)}  {done.files} files, {done.written} written")


def _shown() -> bool:
    """Tell whether a person sits here who has a screen for a browser."""
    return terminal() and bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.name != "posix")


@contextlib.contextmanager
def _opened(address: str) -> Iterator[None]:
    """Open a browser at a file that leads on: arguments of its process, with a token in them, were for all to see."""
    with tempfile.TemporaryDirectory(prefix="pipeline-builder-console-") as folder:
        page = Path(folder) / "open.html"
        page.touch(mode=0o600)
        page.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">\n', "utf-8")
        webbrowser.open(page.as_uri())
        yield
