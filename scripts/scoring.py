"""Shows the loop on the first example: a model is trained, approved and used, a day is blocked, the next model waits.

`scripts/run --scoring` calls it, with the program's path. Each part is a command that a person could type, and printed
before it runs. What is there already stays: models that are approved, days that are scored.
"""

import subprocess
import sys

EXAMPLE = "examples/purchase-intent"
DATA = "examples/data/purchase-intent"
FIRST, LAST, SALE = "2026-11-20", "2026-11-26", "2026-11-27"
BLOCKED = 5
"""The exit code of a run that came to nothing, as the sale's is to."""


def main(program, *given):
    """Go through the loop; end with the exit code of the first part that ends otherwise than it should."""
    days, approve = [sys.executable, f"{EXAMPLE}/data/days.py"], ["--approve", "--comment", "scripts/run --scoring"]
    scoring = ["--pipeline", "scoring"]
    tell("A model is trained, and approved, unless one is there.")
    run([program, "up", "--pipeline", "training", *approve, *given])
    tell("A day of new sessions is scored with it, and published: they are like those that it was trained on.")
    run([*days, f"{DATA}/sessions"])
    run([program, "up", *scoring, "--date", FIRST, *given])
    tell("So are six more, several at once; days that are scored already are left.")
    run([program, "backfill", *scoring, "--from", FIRST, "--to", LAST, *given])
    tell("The eighth is a sale, and other people come: the day is caught, and its scores are not published.")
    run([program, "up", *scoring, "--date", SALE, *given], expected=(BLOCKED,))
    tell(
        "The sale's labels come. What the day has asked for is picked up: the model is trained anew, once for a cause."
    )
    run([*days, f"{DATA}/labelled", "--labelled", SALE])
    run([program, "watch", "--once", "--pipeline", "training", *given])
    tell("What there is now:")
    run([program, "history", *scoring])
    print(
        "\nbuild/pipelines/scoring/report.html  the sale: what has drifted, and how far"
        "\nbuild/report.html                    the new model beside the one in use, and why it was trained"
        "\n'pipeline-builder promote' puts a version that waits into use: from then on each day is scored with it."
    )


def tell(words):
    """Say what comes next."""
    print(f"\n== {words}", flush=True)


def run(command, expected=(0,)):
    """Run a part; nothing comes after one that ends otherwise than it should."""
    shown = " ".join(word if " " not in word else f"'{word}'" for word in command[1:])
    print(f"$ {'python' if command[0] == sys.executable else 'pipeline-builder'} {shown}", flush=True)
    status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    if status not in expected:
        sys.exit(status or 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
