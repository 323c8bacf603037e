"""Groups of commands: errors become sentences, and a command is imported when it is called."""

from __future__ import annotations

import io
import logging
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable

import typer
from typer.testing import CliRunner, Result

from ldpf.cli.console import note
from ldpf.cli.group import CommandGroup
from ldpf.cli.options import Quiet
from ldpf.errors import DataError
from ldpf.utils.progress import progress_bar

log = logging.getLogger("ldpf")


def run_command(body: Callable[[], None], *arguments: str) -> Result:
    """Run `body` as a command of a group of ours."""
    app = typer.Typer(cls=CommandGroup, pretty_exceptions_enable=False)

    @app.command()
    def one(quiet: Quiet = False) -> None:
        body()

    @app.command()
    def other() -> None:
        pass

    return CliRunner().invoke(app, ["one", *arguments])


def raising(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def test_our_errors_are_one_sentence_on_stderr_and_exit_2():
    result = run_command(raising(DataError("there are [no] images in /x; give some")))
    assert result.exit_code == 2
    assert result.stderr == "Error: there are [no] images in /x; give some\n"
    assert result.stdout == ""


def test_long_sentences_are_not_broken_into_lines():
    sentence = "word " * 100 + "end"
    assert run_command(raising(DataError(sentence))).stderr == f"Error: {sentence}\n"


def test_ctrl_c_says_how_to_go_on_and_exits_130():
    result = run_command(raising(KeyboardInterrupt()))
    assert result.exit_code == 130
    assert result.stderr == "Stopped. The same command goes on from here.\n"


def test_ctrl_c_in_a_terminal_leaves_no_traceback():
    code = (
        "import time, typer\n"
        "from ldpf.cli.group import CommandGroup\n"
        "app = typer.Typer(cls=CommandGroup)\n"
        "@app.command()\n"
        "def one():\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "@app.command()\n"
        "def other(): ...\n"
        "app(['one'])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == b"Stopped. The same command goes on from here.\n"


def test_unexpected_exceptions_keep_their_traceback():
    result = run_command(raising(ZeroDivisionError("division by zero")))
    assert isinstance(result.exception, ZeroDivisionError)


def test_the_log_and_warnings_go_to_stderr_and_a_warning_is_shown_once():
    def body() -> None:
        log.info("device: %s", "cpu")
        for _ in range(2):
            log.warning("latent domain 1 is small")
        warnings.warn("left out 2 folders", stacklevel=1)
        print("result")

    result = run_command(body)
    assert result.stdout == "result\n"
    assert result.stderr.splitlines() == [
        "device: cpu",
        "Warning: latent domain 1 is small",
        "Warning: left out 2 folders",
    ]


def test_quiet_keeps_warnings_only():
    def body() -> None:
        log.info("device: cpu")
        log.warning("latent domain 1 is small")

    assert run_command(body, "--quiet").stderr == "Warning: latent domain 1 is small\n"


def test_messages_do_not_run_into_a_progress_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar("runs", 2) as advance:
        advance(1)
        note("coop is done")
        advance(1)
    before, after = terminal.getvalue().split("coop is done")
    assert before.endswith("\r\x1b[2K")  # the bar's line was emptied first
    assert after.startswith("\n")


def test_nothing_is_left_behind_in_the_logger():
    before = list(log.handlers), log.level, warnings.showwarning
    run_command(lambda: None, "--quiet")
    assert (list(log.handlers), log.level, warnings.showwarning) == before
