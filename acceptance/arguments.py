"""The words of `scripts/acceptance`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(".acceptance")
BUDGET = 1.0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/acceptance",
        description="Bring a tiny service to the account of your credentials, find out what nobody could verify "
        "without one, and take everything away again.",
        epilog="docs/how-to/acceptance.md says more.",
    )
    _add_looks(parser)
    _add_manner(parser)
    return parser.parse_args(arguments)


def _add_looks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--list", action="store_true", help="the points and scenarios, and what they cost; nothing is made"
    )
    parser.add_argument("--policy", action="store_true", help="print the permissions that it needs; nothing is made")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="ID", help="these points or scenarios, and what they need"
    )
    parser.add_argument("--region", default="", help="default: that of the credentials")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the report goes; default: in --folder")
    parser.add_argument("--yes", action="store_true", help="don't ask before anything is made")


def _add_manner(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--budget", type=float, default=BUDGET, metavar="USD", help=f"the most it may cost ({BUDGET:.2f})"
    )
    parser.add_argument("--keep", action="store_true", help="take nothing away at the end; --destroy does it later")
    going = parser.add_mutually_exclusive_group()
    going.add_argument("--resume", action="store_true", help="go on with the acceptance that was cut off")
    going.add_argument("--destroy", action="store_true", help="only take away what an acceptance has left")
    parser.add_argument("--state", type=Path, metavar="FILE", help="which one, where there are several")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where state and reports are (.acceptance)")
    parser.add_argument("--long", action="store_true", help="also a build of more than 8 hours, for 3.50 USD")
    parser.add_argument("--connection", default="", metavar="ARN", help="a connection to a git host, for webhooks")
    parser.add_argument("--repository", default="", metavar="TEAM/NAME", help="a repository there that you can push to")
    parser.add_argument("--image", default="", metavar="URI", help="a scikit-learn image, where AWS's isn't known")
    parser.add_argument("--suffix", default="", help=argparse.SUPPRESS)
