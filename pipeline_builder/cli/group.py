"""The group that all commands are in."""

from __future__ import annotations

import click

from pipeline_builder import __version__

# In the order of the work, which is also that of the reference.
SECTIONS = {
    "The whole job": ("up", "watch"),
    "Stages": ("checkout", "lock", "validate", "policy", "graph", "build", "plan", "apply", "run", "publish"),
    "Looking": ("console",),
    "Runs": ("status", "logs", "callback", "retry", "stop", "report", "history", "backfill"),
    "Models": ("promote", "reject", "rollback", "verify", "new", "import"),
    "The service on AWS": ("render", "deploy", "destroy", "rehearse", "stage"),
    "Tools": ("serve", "gc", "schema", "explain"),
}


class _Sections(click.Group):
    """Lists the commands in sections."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return [name for names in SECTIONS.values() for name in names if name in self.commands]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        width = max(map(len, self.commands))
        for section, names in SECTIONS.items():
            rows = [self._row(name, width) for name in names if name in self.commands]
            with formatter.section(section):
                formatter.write_dl(rows or [("", "")])

    def _row(self, name: str, width: int) -> tuple[str, str]:
        return name.ljust(width), self.commands[name].get_short_help_str(limit=90)


@click.group(cls=_Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="pipeline-builder")
def main() -> None:
    """GitOps CI/CD for Amazon SageMaker: many model repositories, one pipeline.

    \b
    The main job, from checkout to a promoted model:
      pipeline-builder up
    """
