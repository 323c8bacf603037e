"""Groups of commands: errors become sentences, and a command is imported when it is called."""

from __future__ import annotations

import io
import logging
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest
import typer
from typer.testing import CliRunner, Result

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import note
from ldpf.cli.group import CommandGroup, CommandLine
from ldpf.cli.options import Quiet
from ldpf.errors import DataError
from ldpf.utils.progress import progress_bar
from ldpf.utils.stopping import Terminated, says_on_stop

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
    assert result.stderr == "Stopped. The same command starts again.\n"


def test_an_interruption_that_knows_says_what_comes_next():
    def body() -> None:
        with says_on_stop(lambda: "outer"), says_on_stop(lambda: "The same command resumes."):
            raise Terminated

    result = run_command(body)
    assert (result.exit_code, result.stderr) == (143, "Stopped. The same command resumes.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_without_a_traceback(number, code):
    program = (
        "import signal, time, typer\n"
        # A job in the background of a shell is started with the signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
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
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert errors == b"Stopped. The same command starts again.\n"


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


# --- the table of commands ----------------------------------------------------------------------


def command_line() -> typer.Typer:
    """A command line of all registered commands."""
    app = typer.Typer(cls=CommandLine, pretty_exceptions_enable=False)

    @app.callback()
    def start() -> None:
        pass

    return app


@pytest.fixture
def outside(monkeypatch, tmp_path) -> Callable[[str], typer.Typer]:
    """A function that installs a package with the command `extra`, and starts a command line."""

    def install(source: str) -> typer.Typer:
        (tmp_path / "outsider.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "outsider", raising=False)
        point = EntryPoint("extra", "outsider:extra", "ldpf.cli")
        monkeypatch.setitem(COMMANDS.__dict__, "_outside", {"extra": point})
        monkeypatch.setattr(COMMANDS, "_entries", dict(COMMANDS._entries))
        return command_line()

    return install


SOURCE = '''
from typing import Annotated
import typer
from ldpf.cli.options import OutputOptions


def extra(*, word: Annotated[str, typer.Argument()], output: OutputOptions) -> None:
    """Say a word."""
    print(word, output.as_json)
'''


def test_a_package_outside_adds_a_command(outside):
    app = outside(SOURCE)
    assert typer.main.get_command(app).commands["extra"].help == "Say a word."
    result = CliRunner().invoke(app, ["extra", "hello", "--json"])
    assert (result.exit_code, result.stdout) == (0, "hello True\n")


def test_a_package_outside_that_is_broken_breaks_no_other_command(outside):
    app = outside("import no_such_module")
    commands = typer.main.get_command(app).commands
    assert "train" in commands and "no_such_module" in commands["extra"].help
    result = CliRunner().invoke(app, ["extra"])
    assert result.exit_code == 2
    assert "no_such_module" in result.stderr


def test_a_command_with_a_required_argument_shows_its_help_without_any(outside):
    result = CliRunner().invoke(outside(SOURCE), ["extra"])
    assert result.exit_code == 2
    assert "Say a word." in result.output


def test_names_of_two_words_make_a_group():
    line = typer.main.get_command(command_line()).load_all()
    datasets = line.commands["datasets"].commands
    assert set(datasets) == {"check", "fetch", "info", "list", "prepare"}
    assert set(line.commands["datasets"].commands["prepare"].commands) == {
        "mini-domainnet",
        "terra-incognita",
    }


def test_what_was_typed_is_kept():
    line = typer.main.get_command(command_line())
    context = line.make_context("ldpf", ["train", "my photos", "--out", "m"])
    assert context.obj == "ldpf train 'my photos' --out m"
