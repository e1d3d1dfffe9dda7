"""Makes the pictures of `docs/pictures`: trains two models in a fresh folder, decides, and looks at the console.

Usage: pictures.py [NAME…], by default all of them. Only what is asked for is written; times in them differ each time.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
COMMAND = ROOT / ".venv" / "bin" / "pipeline-builder"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
MOST = 200_000
"""Bytes of a picture."""

# Name: page, what of it (a selector, empty for what is seen first), which link of a list leads on (-1: the oldest run).
SHOTS = {
    "console": ("/", "", None),
    "dag": ("/runs", ".graph svg", -1),
    "models": ("/models/churn", "", None),
    "run": ("/runs", "", 0),
    "decide": ("/decide", "", 0),
}


def main(arguments: list[str]) -> int:
    """Take the pictures that are asked for."""
    asked = arguments or list(SHOTS)
    if unknown := set(asked) - set(SHOTS):
        print(f"there is no picture {', '.join(sorted(unknown))}, only {', '.join(SHOTS)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        history(folder)
        with console(folder) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=1.25)
            page.goto(address)
            for picture in asked:
                take(page, address, picture)
            browser.close()
    return 0


def history(folder: Path) -> None:
    """Let a pipeline of two models have a past: one promoted twice, one that the gate stopped, one that waits."""
    builder(folder, "new churn --framework none --yes --add")
    builder(folder, "new price --framework none --task regression --metric rmse --max 60 --yes --add")
    conf = folder / "churn" / "conf" / "conf.yaml"
    commit(folder, "churn", "The price is trained with it")
    builder(folder, "up --approve --comment first")
    edit(conf, "# max_regression: 2%", "max_regression: 2%")
    script = folder / "churn" / "scripts" / "preprocess.py"
    edit(script, "elif name != LABEL", 'elif name not in (LABEL, "spent")')
    commit(folder, "churn", "Leave out what was spent")
    builder(folder, "up --approve --comment better")
    edit(script, '"spent"', '"spent", "visits"')
    commit(folder, "churn", "Leave out the visits too")
    builder(folder, "up", code=5)
    edit(script, '"spent", "visits"', '"spent"')
    edit(conf, "epochs: 200", "epochs: 400")
    commit(folder, "churn", "Train longer")
    builder(folder, "up")


def builder(folder: Path, arguments: str, code: int = 0) -> str:
    """Run the program; return what it prints."""
    command = [str(COMMAND), *arguments.split()]
    done = subprocess.run(
        command, cwd=folder, env=surroundings(folder), capture_output=True, text=True, check=False, input=""
    )
    if done.returncode != code:
        raise SystemExit(f"pipeline-builder {arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def surroundings(folder: Path) -> dict[str, str]:
    """Return what is around each command: Ada, a home of her own, prices."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    who = {"USER": "ada", "LOGNAME": "ada", "SMP_APPROVER": "ada", "SMP_MACHINE_PRICES": "ml.m5.large=0.115"}
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **who}


def edit(path: Path, old: str, new: str) -> None:
    """Put one text in another's place."""
    text = path.read_text("utf-8")
    if old not in text:
        raise SystemExit(f"'{path.name}' has no '{old}' any more")
    path.write_text(text.replace(old, new), "utf-8")


def commit(folder: Path, repository: str, message: str) -> None:
    """Commit what has changed, as Ada."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", "-C", repository, *who, "commit", "-q", "-a", "-m", message], cwd=folder, check=True)


@contextlib.contextmanager
def console(folder: Path) -> Iterator[str]:
    """Serve the console; yield its address, with the token."""
    command = [str(COMMAND), "console", "--port", "0", "--no-open"]
    server = subprocess.Popen(
        command, cwd=folder, env=surroundings(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert server.stdout
        said = ""
        for line in server.stdout:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+/\S*", line):
                yield found[0]
                break
        else:
            raise SystemExit(f"the console doesn't start: {said}")
    finally:
        server.terminate()
        server.wait()


def take(page: Page, address: str, picture: str) -> None:
    """Write one picture; a page with a list is left for what its newest line leads to."""
    path, selector, link = SHOTS[picture]
    page.goto(re.sub(r"/\?.*", path, address))
    if link is not None:
        page.locator(f"main a[href^='{path}/churn/']").nth(link).click()
    page.wait_for_load_state("load")
    page.wait_for_timeout(500)
    file = PICTURES / f"{picture}.png"
    if selector:
        page.locator(selector).first.screenshot(path=file)
    else:
        end = page.evaluate("document.querySelector('main').getBoundingClientRect().bottom")
        page.screenshot(path=file, clip={"x": 0, "y": 0, "width": 1280, "height": min(end + 24, 800)})
    size = file.stat().st_size
    print(f"{file.relative_to(ROOT)}  {size / 1000:.0f} kB")
    if size > MOST:
        raise SystemExit(f"'{file.name}' is larger than {MOST / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
