"""Outputs that cannot be written are refused by every command before any work begins."""

from __future__ import annotations

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
    "command", ["benchmark --out", "datasets fetch", "domains", "features", "train --out"]
)
def test_a_folder_of_other_files_is_not_written_into(run, place, command):
    said = refused(run, place, command, "folder")
    assert "is not empty" in said or "other files" in said


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
