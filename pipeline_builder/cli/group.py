"""The group that all commands are in."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from pipeline_builder import __version__
from pipeline_builder.cli.output import is_read

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


# What is free text: none is no other than an empty one, or is refused in words of its own.
_MAY_BE_EMPTY = ("comment", "description", "step")


class _Command(click.Command):
    """Refuses what would do something else than was meant: an empty value, which is a script's variable that has none,
    and two options that answer the same question.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        typed = list(args)  # the parser takes them out of its list
        left = super().parse_args(ctx, args)
        if ctx.resilient_parsing:  # a shell completes what is typed so far
            return left
        given, _, order = self.make_parser(ctx).parse_args(typed)
        first: dict[str | None, click.Parameter] = {}
        for param in order:
            if (other := first.setdefault(param.name, param)) is not param:
                raise click.UsageError(f"{other.opts[0]} and {param.opts[0]} don't go together", ctx)
            if given.get(param.name or "") == "" and param.name not in _MAY_BE_EMPTY:
                raise click.BadParameter("it is empty", ctx, param)
        return left


class _Sections(click.Group):
    """Lists the commands in sections; each is added when it is asked for."""

    command_class = _Command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; click takes any pipe that breaks for one that nobody reads from, and ends without a word."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            if is_read():
                raise RuntimeError("a pipe has broken that is none of the output's") from error
            raise

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
