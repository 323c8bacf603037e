"""The documentation site holds every page, and what it says of the rooms is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def pages(part: Any) -> Iterator[str]:
    """Every page below a part of the navigation."""
    if isinstance(part, str):
        yield part
    else:
        for item in part.values() if isinstance(part, dict) else part:
            yield from pages(item)


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def test_every_page_is_in_the_navigation_once(config: dict[str, Any]) -> None:
    listed = sorted(pages(config["nav"]))
    docs = ROOT / "docs"
    assert listed == sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))


def test_the_python_reference_names_what_exists() -> None:
    pages_of_python = (ROOT / "docs" / "reference").glob("*.md")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages_of_python)
    names = re.findall(r"^::: (\S+)$", text, re.M)
    assert len(names) > 20
    assert [name for name in names if not exists(name)] == []


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    module, _, attribute = name.rpartition(".")
    return hasattr(import_module(module), attribute) or find_spec(name) is not None


def test_the_python_reference_has_every_public_name() -> None:
    import ldpf

    text = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs/reference").glob("*.md"))
    named = {name.rpartition(".")[2] for name in re.findall(r"^::: (\S+)$", text, re.M)}
    assert set(ldpf.__all__) - named - {"METHODS", "__version__"} == set()


def test_the_architecture_has_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "src" / "ldpf").glob("*/__init__.py")}
    rooms |= {path.name for path in (ROOT / "src/ldpf").iterdir() if any(path.glob("*.py"))}
    assert set(re.findall(r"^  (\w+)/ ", text, re.M)) == rooms - {"__pycache__"}


def test_equations_become_mathml() -> None:
    pytest.importorskip("latex2mathml", reason="the extra docs is not installed")
    from site_math import on_page_markdown

    text = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    page = on_page_markdown(text)
    equations = re.findall(r"<math.*?</math>", page)
    assert len(equations) == text.count("$$") / 2 > 3
    assert "$$" not in page
    # A command of TeX that the converter does not know would be shown as it is written.
    assert [one for one in equations if "\\" in re.sub(r"<[^>]*>", "", one)] == []
