"""Encodings that cannot hold every name, full disks, and streams that are closed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ldpf.cli.streams import stdout_for_rows

NAME = "pelíkan"

PROGRAM = """
import sys, typer
from ldpf.cli.console import say, say_json
from ldpf.cli.group import CommandLine
from ldpf.cli.streams import prepare_streams, utf8_stdout

app = typer.Typer(cls=CommandLine, pretty_exceptions_enable=False, no_args_is_help=True)

@app.command()
def words():
    say("class pelíkan, file \\udcff")

@app.command()
def as_json():
    say_json({"class": "pelíkan"})

@app.command()
def rows():
    utf8_stdout(errors="surrogateescape")
    print("pelíkan,\\udcff")

@app.command()
def listen():
    print(sys.stdin.read())

prepare_streams()
app()
"""


def run(command: str, *, shell: str = "", **variables: str) -> subprocess.CompletedProcess[bytes]:
    words = f'"$0" -c "$1" {command} {shell}'
    return subprocess.run(
        ["sh", "-c", words, sys.executable, PROGRAM],
        capture_output=True,
        env={**os.environ, **variables},
        timeout=120,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_words_for_people_are_escaped_where_they_cannot_be_shown(encoding):
    result = run("words", PYTHONIOENCODING=encoding)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.decode(encoding).startswith("class pel")
    assert b"\\udcff" in result.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_json_and_rows_are_utf8_in_every_terminal(encoding):
    result = run("as-json", PYTHONIOENCODING=encoding)
    assert json.loads(result.stdout.decode("utf-8")) == {"class": NAME}
    result = run("rows", PYTHONIOENCODING=encoding)
    assert result.stdout == f"{NAME},".encode() + b"\xff\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["words", "as-json"])
def test_output_onto_a_full_disk_is_one_sentence(command):
    result = run(command, shell=">/dev/full")
    assert result.returncode == 2
    assert result.stderr == (
        b"Error: Standard output cannot be written (No space left on device); what the command "
        b"prints is not complete.\n"
    )


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_output_that_is_closed_is_one_sentence():
    result = run("words", shell=">&-")
    assert result.returncode == 2
    assert result.stderr.startswith(b"Error: Standard output cannot be written (")
    assert result.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_input_that_is_closed_is_one_sentence():
    result = run("listen", shell="<&-")
    assert result.returncode == 2
    assert result.stderr.startswith(b"Error: ") and result.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_messages_that_no_one_can_read_are_no_error():
    result = run("as-json", shell="2>&-")
    assert result.returncode == 0 and json.loads(result.stdout) == {"class": NAME}


@pytest.mark.parametrize(
    ("terminal", "written"), [(True, "a\\x1b[2J,b\n"), (False, "a\x1b[2J,b\n")]
)
def test_rows_on_a_terminal_have_no_control_characters(terminal, written, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys, "stdout", out)
    stdout_for_rows().write("a\x1b[2J,b\n")
    assert out.getvalue() == written


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["--help", "words --help", ""])
def test_help_onto_a_full_disk_is_one_sentence(command):
    result = run(command, shell=">/dev/full")
    assert result.returncode == 2
    assert result.stderr.startswith(b"Error: Standard output cannot be written (")
    assert result.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
@pytest.mark.parametrize("command", ["--help", "words --help", "words"])
def test_output_that_no_one_reads_ends_quietly(command):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        words = [sys.executable, "-c", PROGRAM, *command.split()]
        result = subprocess.run(words, stdout=stdout, stderr=subprocess.PIPE, timeout=120)
    assert (result.returncode, result.stderr) == (141, b"")
