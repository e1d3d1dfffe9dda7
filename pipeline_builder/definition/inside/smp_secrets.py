"""Reads the secrets that a job is given into its environment, then becomes the job's program.

It runs in the container, whose Python may be an old one (3.7) and
has nothing of this package.
"""

from __future__ import annotations

import importlib
import json
import os
import shlex
import sys

PREFIX = "SMP_SECRET_"
PROGRAM = "SMP_PROGRAM"


def read_secret(secret: str) -> str:
    """Return what AWS Secrets Manager has under `secretsmanager:ID`, or under the key of it that `#KEY` names."""
    name, _, key = secret.partition(":")[2].partition("#")
    region = name.split(":")[3] if name.startswith("arn:") else os.environ.get("AWS_REGION") or None
    try:
        client = importlib.import_module("boto3").client("secretsmanager", region_name=region)
    except ImportError:
        sys.exit("smp_secrets: the image has no boto3, which reading the job's secrets takes")
    try:
        text = str(client.get_secret_value(SecretId=name)["SecretString"])
        return str(json.loads(text)[key]) if key else text
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing of the secret may get into the log
        sys.exit(f"smp_secrets: the secret '{name}' can't be read: {type(error).__name__}")


def main() -> None:
    """Become the program; a variable that is set already stays, as on a machine that hands secrets over by itself."""
    for variable, secret in sorted(os.environ.items()):
        name = variable[len(PREFIX) :]
        if variable.startswith(PREFIX) and name not in os.environ:
            os.environ[name] = read_secret(secret)
    program = shlex.split(os.environ[PROGRAM])
    if program[0].endswith(".sh"):
        os.execvp("/bin/bash", ["/bin/bash", *program, *sys.argv[1:]])  # noqa: S606 - no shell is wanted
    if not program[0].startswith("-") and not program[0].endswith(".py"):
        os.chmod(program[0], 0o700)  # noqa: PTH101 - as plain as it can be
        os.execv(program[0], [*program, *sys.argv[1:]])  # noqa: S606 - no shell is wanted
    os.execv(sys.executable, [sys.executable, *program, *sys.argv[1:]])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
