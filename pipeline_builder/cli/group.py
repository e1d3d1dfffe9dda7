"""The group that all commands are in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

import click

from pipeline_builder import __version__
from pipeline_builder.inert import is_unicode

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

# The commands of each module: to run one, no other is imported.
_ADDED_BY = {
    "building": ("checkout", "policy", "graph", "build", "apply"),
    "calling": ("callback",),
    "console": ("console",),
    "deciding": ("promote", "reject", "rollback"),
    "importing": ("import",),
    "keeping": ("gc",),
    "locking": ("lock",),
    "logs": ("logs",),
    "looking": ("report", "status", "history", "verify"),
    "planning": ("plan",),
    "rehearsing": ("rehearse",),
    "rendering": ("render",),
    "running": ("up", "run", "retry", "stop"),
    "scaffolding": ("new",),
    "scoring": ("publish", "backfill"),
    "service": ("deploy", "destroy"),
    "staging": ("stage",),
    "tools": ("serve", "schema", "explain"),
    "validating": ("validate",),
    "watching": ("watch",),
}
MODULES = {name: module for module, names in _ADDED_BY.items() for name in names}


def load_all() -> None:
    """Have every command added."""
    for module in _ADDED_BY:
        import_module(f"pipeline_builder.cli.{module}")


class _Command(click.Command):
    """A command whose words are text; only paths may have bytes that are no UTF-8, half characters in an argument."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        left = super().parse_args(ctx, args)
        for parameter in self.get_params(ctx):
            given = ctx.params.get(parameter.name or "")
            if wrong := next((text for text in _texts(given) if not is_unicode(text)), None):
                raise click.BadParameter(f"{wrong[:100]!a} has bytes that are no UTF-8.", ctx, parameter)
        return left


def _texts(given: object) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    elif isinstance(given, list | tuple | Mapping):
        for item in (*given, *(given.values() if isinstance(given, Mapping) else ())):
            yield from _texts(item)


class _Sections(click.Group):
    """Lists the commands in sections; each is added when it is asked for."""

    command_class = _Command

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in MODULES:
            import_module(f"pipeline_builder.cli.{MODULES[cmd_name]}")
        else:
            load_all()  # who has mistyped one is told of those that there are
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        load_all()
        return [name for names in SECTIONS.values() for name in names if name in self.commands]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        load_all()
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
