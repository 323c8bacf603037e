"""From the registry of commands to a command line that imports a command when it is called."""

from __future__ import annotations

import inspect
import shlex
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import (
    BAD_INPUT,
    OUTPUT_CLOSED,
    exit_code,
    give_up_stdout,
    messages_on_stderr,
    note,
)
from ldpf.cli.grouping import expand_groups
from ldpf.cli.streams import STDOUT, lenient_streams
from ldpf.errors import LdpfError
from ldpf.utils.failures import GONE, failure_sentence, working_folder_is_gone
from ldpf.utils.stopping import sigterm_like_ctrl_c
from ldpf.utils.ways import command_line

CONTEXT = {"help_option_names": ["-h", "--help"]}


class CommandGroup(TyperGroup):
    """Runs a command and turns what can go wrong into a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; unexpected exceptions pass through with their traceback."""
        lenient_streams()
        with messages_on_stderr(), sigterm_like_ctrl_c(), command_line(), failures_in_words():
            if working_folder_is_gone():  # libraries below end the process over it
                _refuse(GONE)
            return super().invoke(ctx)


@contextmanager
def failures_in_words() -> Iterator[None]:
    """Turn what can go wrong, also when the output is written, into a sentence and an exit code."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except LdpfError as error:
        _refuse(str(error))
    except (BrokenPipeError, SystemExit) as end:
        # Rich, which prints help, ends the process by itself where its reader is gone.
        if isinstance(end, SystemExit) and not isinstance(end.__context__, BrokenPipeError):
            raise
        give_up_stdout()
        raise typer.Exit(OUTPUT_CLOSED) from None
    except KeyboardInterrupt as stop:
        # Generators that stay suspended keep pools of threads, which would finish their queues.
        traceback.clear_frames(stop.__traceback__)
        what_next = stop.args[0] if stop.args else "The same command starts again."
        note(f"Stopped. {what_next}")
        raise typer.Exit(exit_code(stop)) from None
    except (OSError, MemoryError, RuntimeError, ImportError) as error:
        if (sentence := failure_sentence(error)) is None:
            raise
        if isinstance(error, OSError) and error.filename == STDOUT:
            give_up_stdout()
            sentence = (
                f"Standard output cannot be written ({error.strerror}); what the command "
                "prints is not complete."
            )
        _refuse(sentence)


def _refuse(sentence: str) -> NoReturn:
    note(f"Error: {sentence}", style="red")
    raise typer.Exit(BAD_INPUT) from None


class LazyGroup(TyperGroup):
    """The registered commands below a name.

    Until one is called, a stand-in with its name and summary is in its place, which is enough for
    the group's help and for "Did you mean".
    """

    def __init__(self, *, below: str = "", **attributes: Any) -> None:
        """List the commands whose names begin with `below`; none is imported."""
        super().__init__(**attributes)
        self._waiting: dict[str, str] = {}
        start = f"{below} " if below else ""
        for full in COMMANDS.names():
            name = full.removeprefix(start)
            if full.startswith(start) and " " not in name:
                self._waiting[name] = full
                summary, panel = _described(full)
                self.commands[name] = TyperCommand(name=name, help=summary, rich_help_panel=panel)

    def load(self, name: str) -> Any:
        """The command called `name`, imported now if it was not before."""
        if name in self._waiting:
            self.commands[name] = _made(name, self._waiting[name])
            del self._waiting[name]
        return self.commands[name]

    def load_all(self) -> LazyGroup:
        """This group with all commands imported, also those of the groups in it."""
        for name in list(self.commands):
            command = self.load(name)
            if isinstance(command, LazyGroup):
                command.load_all()
        return self

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Find the command that the arguments begin with, and import it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else self.load(name), rest


def _described(full: str) -> tuple[str, str | None]:
    """The first line of a command's help, and the heading that it is listed under.

    A package outside that cannot be imported breaks no other command.
    """
    try:
        return COMMANDS.summary(full), COMMANDS.facts(full).get("panel")
    except LdpfError as error:
        return f"Cannot be used: {error}", None


class CommandLine(CommandGroup, LazyGroup):
    """The whole of `ldpf`; a command's root context has in `obj` what was typed."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Also `--help` and `--version`, which print and end here, may meet a full disk."""
        with failures_in_words():
            return super().make_context(*arguments, **options)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the words before they are taken apart; an empty one is a mistake in a script.

        Raises:
            UsageError: there is one. A path of it would be the working directory.
        """
        if "" in args:
            before = args[args.index("") - 1] if args.index("") else "ldpf"
            ctx.fail(f"An argument is empty (after {before!r}); is a variable of a script not set?")
        ctx.obj = shlex.join(["ldpf", *args])
        return super().parse_args(ctx, args)


def _made(name: str, full: str) -> Any:
    """The command that a registered function stands for; a group if there are commands below it."""
    function = COMMANDS.get(full)
    panel = COMMANDS.facts(full).get("panel")
    if any(other.startswith(f"{full} ") for other in COMMANDS):
        return LazyGroup(
            below=full,
            name=name,
            help=inspect.getdoc(function),
            no_args_is_help=True,
            rich_markup_mode="rich",
            context_settings=CONTEXT,
            rich_help_panel=panel,
        )
    one = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    one.command(name, context_settings=CONTEXT, rich_help_panel=panel)(expand_groups(function))
    command: Any = typer.main.get_command(one)
    command.no_args_is_help = any(
        parameter.param_type_name == "argument" and parameter.required
        for parameter in command.params
    )
    return command
