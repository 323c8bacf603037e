"""Outputs that cannot be written are refused by every command before any work begins."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from ldpf.cli import app

OUT = "OUT"

COMMANDS: dict[str, tuple[str, ...]] = {
    "app": ("model", "--out", OUT),
    "backbone convert": ("model.bin", OUT),
    "benchmark --out": ("--data", "photos", "--out", OUT),
    "benchmark --track": ("--data", "photos", "--out", "results", "--track", OUT),
    "classes": ("model", "--add", "cat", "--out", OUT),
    "datasets fetch": ("pacs", "--to", OUT),
    "datasets prepare mini-domainnet": (
        *("--domainnet", "photos", "--splits", "photos", "--out", OUT),
    ),
    "datasets prepare terra-incognita": (
        *("--annotations", "list.json", "--images", "photos", "--out", OUT),
    ),
    "domains": ("--data", "photos", "--out", OUT),
    "features": ("--data", "photos", "--out", OUT),
    "study --out": ("temperature", "--data", "photos", "--out", OUT),
    "study --runs": ("temperature", "--data", "photos", "--out", "studies", "--runs", OUT),
    "train --out": ("--data", "photos", "--out", OUT),
    "train --track": ("--data", "photos", "--out", "model-2", "--track", OUT),
    "backbone convert to a file": ("model.bin", f"{OUT}.safetensors"),
    "data check": ("photos", "--out", OUT),
    "export": ("model", "--out", f"{OUT}.onnx"),
    "predict": ("model", "photos", "--out", OUT),
    "report": ("model", "--out", OUT),
    "table": ("results.jsonl", "--out", OUT),
}
"""What is typed behind each command; inputs are such that any work on them fails in another way."""

FOLDERS = list(COMMANDS)[:14]
FILES = list(COMMANDS)[14:]
NAMES = {"--out", "--to", "--track", "--runs", "OUT"}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A working directory with inputs, a file and links that lead nowhere."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos/dog/1.jpg", "photos/cat/1.jpg", "model/config.json", "file"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for name in ("model.bin", "list.json", "results.jsonl"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_bytes(b"mine")
    return tmp_path


def typed(command: str, out: str) -> list[str]:
    name = command.partition(" --")[0].partition(" to a ")[0]
    return [*name.split(), *(word.replace(OUT, out) for word in COMMANDS[command])]


def tree(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def refused(run: Any, place: Path, command: str, out: str) -> str:
    """What the command says; it ends with an error and has changed nothing."""
    before = tree(place)
    result = run(*typed(command, out))
    assert result.exit_code == 2, result.output
    assert tree(place) == before
    said = result.stderr.removeprefix("Error: ")
    assert said != result.stderr and said.count("\n") == 1
    return said


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("file/below", "Not a directory"),
        ("file/far/below", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("x" * 300 + "/below", "File name too long"),
        ("circle/below", "Too many levels of symbolic links"),
        ("/proc/nothing/below", "No such file or directory"),
    ],
)
def test_a_place_that_cannot_be_written_is_noticed_first(run, place, command, out, reason):
    said = refused(run, place, command, out)
    assert f"cannot be written ({reason}); give another place with " in said
    assert said.split("with ")[-1].strip(".\n") in NAMES


@pytest.mark.parametrize("command", FOLDERS)
def test_a_file_where_a_folder_belongs(run, place, command):
    assert "file' is a file; give a folder with " in refused(run, place, command, "file")


@pytest.mark.parametrize("command", FILES)
def test_a_folder_where_a_file_belongs(run, place, command):
    assert "' is a folder; give a file in it with " in refused(run, place, command, "folder")


@pytest.mark.parametrize(
    "command",
    ["benchmark --out", "datasets fetch", "domains", "features", "study --out", "train --out"],
)
def test_a_folder_of_other_files_is_not_written_into(run, place, command):
    said = refused(run, place, command, "folder")
    assert "is not empty" in said or "other files" in said


@pytest.mark.parametrize("text", ["not JSON", '{"a": 1}', "[1]"])
def test_results_of_other_programs_are_not_written_over(run, place, text):
    (place / "folder" / "results.jsonl").write_text(text)
    said = refused(run, place, "benchmark --out", "folder")
    assert "folder/results.jsonl' holds no results of a benchmark, and would be lost" in said


def test_a_file_where_the_cache_belongs(run, place, monkeypatch):
    result = run("predict", "model", "photos", "--cache-dir", "file")
    assert result.exit_code == 2 and "Invalid value for '--cache-dir'" in result.stderr
    monkeypatch.setenv("LDPF_CACHE", "file")
    result = run("train", "--data", "photos", "--backbone", "nano", "--out", "new")
    assert result.exit_code == 2
    assert "The cache folder ($LDPF_CACHE) 'file' is a file; name a folder" in result.stderr


def outputs(command: Any, name: str = "") -> Iterator[str]:
    """Every command of the command line that has an output."""
    for word, below in getattr(command, "commands", {}).items():
        yield from outputs(below, f"{name} {word}".strip())
    if name and {word for one in command.params for word in one.opts} & {*NAMES, "out"}:
        yield name


def test_every_command_with_an_output_is_tried():
    tried = {command.partition(" --")[0].partition(" to a ")[0] for command in COMMANDS}
    line: Any = typer.main.get_command(app)
    assert set(outputs(line.load_all())) == tried


held_back = pytest.mark.skipif(
    sys.platform != "linux", reason="needs Linux, whose root can be held back"
)
"""Root may do anything, so some commands run in a process that gave up root's exceptions."""

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, PR_CAPBSET_DROP = 1, 2, 24

RUN_ALL = """
import json, sys
from typer.testing import CliRunner
from ldpf.cli import app
answers = []
for line in json.load(sys.stdin):
    result = CliRunner().invoke(app, line)
    trace = "" if isinstance(result.exception, SystemExit | None) else repr(result.exception)
    answers.append([result.exit_code, result.stderr, trace])
print(json.dumps(answers))
"""


def obey_permissions() -> None:
    """Give up what lets root write and read where no permission says so."""
    if os.geteuid() == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def answers(lines: list[list[str]], place: Path) -> list[tuple[int, str, str]]:
    """Exit code, what stderr got and a traceback of each line, all of one process."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=True,
        cwd=place,
        preexec_fn=obey_permissions,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "300"},
    )
    return [tuple(one) for one in json.loads(done.stdout)]


@held_back
@pytest.mark.slow
def test_every_output_that_may_not_be_written_is_noticed_first(tmp_path):
    for name in ("photos/dog/1.jpg", "photos/cat/1.jpg", "model/config.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for name in ("model.bin", "list.json", "results.jsonl"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "locked").mkdir(mode=0o500)
    lines = [typed(command, "locked/out") for command in COMMANDS]
    for command, (code, said, trace) in zip(COMMANDS, answers(lines, tmp_path), strict=True):
        assert (code, trace) == (2, ""), command
        assert "cannot be written (Permission denied); give another place with" in said, command
    assert not list((tmp_path / "locked").iterdir())


@held_back
@pytest.mark.slow
def test_a_file_that_is_write_protected_is_not_replaced(tmp_path):
    for name in ("photos/dog/1.jpg", "photos/cat/1.jpg", "model/config.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for name in ("model.bin", "results.jsonl", "mine", "mine.onnx", "mine.safetensors"):
        (tmp_path / name).write_bytes(b"x")
        (tmp_path / name).chmod(0o400)
    commands = [command for command in FILES if OUT in "".join(COMMANDS[command])]
    found = answers([typed(command, "mine") for command in commands], tmp_path)
    for command, (code, said, trace) in zip(commands, found, strict=True):
        assert (code, trace) == (2, ""), command
        assert "cannot be written (it is write-protected); give another place with" in said, command
    assert (tmp_path / "mine").read_bytes() == b"x"


@held_back
@pytest.mark.slow
def test_what_may_not_be_read_is_named_so(model, images, tmp_path):
    for name in ("picture", "folder"):
        shutil.copytree(images, tmp_path / name)
    shutil.copytree(model, tmp_path / "model")
    picture = next((tmp_path / "picture").rglob("*.png"))
    table = tmp_path / "table.csv"
    table.write_text(f"path,label\n{next(images.rglob('*.png'))},dog\n")
    for closed in (
        picture,
        next((tmp_path / "folder").rglob("*.png")).parent,
        table,
        tmp_path / "model" / "model.safetensors",
    ):
        closed.chmod(0)
    lines = [
        ["evaluate", str(model), "picture"],
        *([command, str(model), "folder"] for command in ("predict", "evaluate", "expect")),
        *([command, str(model), "table.csv"] for command in ("predict", "evaluate")),
        *([command, "model", str(images)] for command in ("predict", "evaluate")),
        ["predict", str(model), str(picture)],
    ]
    *refused_lines, row = answers(lines, tmp_path)
    for line, (code, said, trace) in zip(lines, refused_lines, strict=False):
        assert (code, trace) == (2, "") and "ermission" in said, line
    # One bad picture stops no prediction: it has a row with the reason.
    assert row[0] == 1 and not row[2] and "got no answer" in row[1]
