"""The command `multi-model-server` of AWS's images, for server programs that start it themselves."""

import sys

# In place of this folder and not beside it: what is here are no modules of the user's.
sys.path.pop(0)

if __name__ == "__main__":
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import sitecustomize  # type: ignore[import-not-found,unused-ignore]

    sys.path.pop(0)
    sys.exit(sitecustomize._load().model_server.main(sys.argv[1:]))  # noqa: SLF001 - of this house
