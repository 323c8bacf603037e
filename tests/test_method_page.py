"""docs/method.md names code that is there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs/method.md"


def named() -> list[tuple[str, str]]:
    """Each module on the page with the names that follow it, up to the next module."""
    text = PAGE.read_text(encoding="utf-8")
    steps = text[text.index("## Steps") : text.index("## What the paper leaves open")]
    pairs, module = [], ""
    for word in re.findall(r"`([\w/.]+)`", steps):
        if word.endswith(".py"):
            module = "ldpf." + word.removesuffix(".py").replace("/", ".")
        elif not word.endswith("/"):
            pairs.append((module, word))
    return pairs


@pytest.mark.parametrize(("module", "name"), named(), ids=lambda word: word)
def test_the_code_beside_an_equation_is_there(module: str, name: str) -> None:
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    assert found.__doc__


def test_every_step_names_its_code() -> None:
    assert len(named()) >= 15
