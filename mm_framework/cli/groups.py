"""Groups of verbs: one that shows its help when called alone, and the root, which imports lazily."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import click

__all__ = ["LazyGroup", "VerbGroup"]


class VerbGroup(click.Group):
    """A verb with verbs of its own; alone it prints its help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help when nothing follows."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit(0)
        return super().parse_args(ctx, args)


def _fill_streams() -> None:
    """Where a service manager closed our streams, what is told goes nowhere.

    Else the next file that is opened would take their place in the system, and hold what is printed.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, "r" if name == "stdin" else "w", encoding="utf-8"))


class LazyGroup(VerbGroup):
    """Verbs from a table, imported one at a time; errors become one line and an exit code.

    ``verbs`` maps a verb to the module that exports ``command`` and to its line in the help;
    ``earlier_names`` maps names that work, and that no help mentions, to verbs.
    """

    def __init__(
        self,
        *args: Any,
        verbs: Mapping[str, tuple[str, str]],
        earlier_names: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.verbs, self.earlier_names = verbs, earlier_names

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order of the table."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb's module; None for an unknown word."""
        name = self.earlier_names.get(cmd_name, cmd_name)
        if name not in self.verbs:
            return None
        command = importlib.import_module(self.verbs[name][0]).command
        if not isinstance(command, click.Command):
            raise RuntimeError(f"{self.verbs[name][0]}.command is not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; an unknown verb is a usage error that names the nearest."""
        word = args[0]
        if word not in self.verbs and word not in self.earlier_names and not word.startswith("-"):
            from mm_framework.settings import nearest

            ctx.fail(f"mm has no command {word!r}; {nearest(word, self.verbs)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs with the lines of the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.verbs.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a verb and leave with its exit code; click's own way serves completion and embedding."""
        if not standalone_mode or "_MM_COMPLETE" in os.environ:
            return super().main(
                args,
                prog_name,
                complete_var,
                standalone_mode,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        self._leave(list(sys.argv[1:] if args is None else args), prog_name or "mm", extra)

    def _leave(self, args: list[str], prog_name: str, extra: dict[str, Any]) -> NoReturn:
        from mm_framework.cli.output import Output, exit_code_of

        _fill_streams()
        # Usage errors come before the verb has seen its --json, so it is looked for here.
        out = Output(json="--json" in (args[: args.index("--")] if "--" in args else args))
        try:
            with self.make_context(prog_name, args, **{"obj": out, **extra}) as context:
                result = self.invoke(context)
            sys.stdout.flush()
            code = result if type(result) is int else 0
        except click.exceptions.Exit as leave:
            code = leave.exit_code
        except (Exception, KeyboardInterrupt) as error:
            found = exit_code_of(error, out, debug=os.environ.get("MM_DEBUG", "") not in ("", "0"))
            if found is None:
                raise
            code = found
        sys.exit(code)
