"""Messages of the library are read by people who wrote Python, too: no bare option stands in one.

What `ldpf.utils.ways` writes is an option where a command runs, and an argument in Python. A whole
command ("ldpf train ... --out FOLDER") is one in Python as well.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ldpf

ROOT = Path(ldpf.__file__).parent

OPTION = re.compile(r"(?<![\w(-])--[a-z][a-z-]*\b|(?<!var)\(--[a-z]")
COMMAND = re.compile(r"\b(ldpf|hf|tensorboard) [a-z]")

MAKE_COMMANDS = {"app/edits.py", "doctor/case.py", "report/commands.py"}
"""They put commands together from words."""


def is_command_line(file: str) -> bool:
    return file.startswith(("cli/", "doctor/signs/")) or file in MAKE_COMMANDS


def docstrings(tree: ast.AST) -> set[int]:
    """Every text that stands alone, as docstrings and comments on constants do."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def text_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "{}" for part in node.values)
    return None


def texts(source: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(source)
    skipped = docstrings(tree)
    for node in ast.walk(tree):
        if id(node) in skipped or (text := text_of(node)) is None:
            continue
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
        yield node.lineno, text


def bare_options(source: str) -> list[str]:
    """Texts with an option that belongs to no command before it."""
    found = []
    for line, text in texts(source):
        first = OPTION.search(text)
        if first is not None and not COMMAND.search(text[: first.start()]):
            found.append(f"{line}: {text}")
    return found


@pytest.mark.parametrize(
    "file",
    sorted(
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if not is_command_line(path.relative_to(ROOT).as_posix())
    ),
)
def test_no_message_of_the_library_names_a_bare_option(file: str) -> None:
    assert bare_options((ROOT / file).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        'raise E(f"{name} is there; give another with --out")',
        'log.info("leave them out (--skip-bad)")',
        'f"--group-by {pattern}"',
        'f"{x}" "and --data."',
    ],
)
def test_a_bare_option_is_found(source: str) -> None:
    assert bare_options(source)


@pytest.mark.parametrize(
    "source",
    [
        "log.info(\"'ldpf train --out FOLDER' makes one\")",
        '"""What --data takes."""',
        'css = "color: var(--body-text-color)"',
        "raise E(f\"give another with {named('out')}\")",
    ],
)
def test_commands_docstrings_and_styles_are_none(source: str) -> None:
    assert bare_options(source) == []
