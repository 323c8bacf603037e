"""The rooms lie one above the other: what is below knows nothing of what is above."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import ldpf

ROOT = Path(ldpf.__file__).parent

ROOMS = (
    "errors",
    "version",
    "utils",
    "demo",
    "data",
    "backbones",
    "features",
    "text",
    "training",
    "heads",
    "domains",
    "fusion",
    "models",
    "methods",
    "evaluation",
    "expectation",
    "estimators",
    "experiments",
    "inspection",
    "doctor",
    "report",
    "studies",
    "export",
    "app",
    "workflows",
    "cli",
)
"""From bottom to top. A room may import itself and the rooms before it."""

LOOSE = {"__init__.py", "__main__.py", "errors.py", "version.py"}

KNOW_NO_FILES = ("domains", "fusion", "heads", "methods")
"""Rooms of the method: they know arrays and feature sets, but no files, folders or screens."""


@dataclass(frozen=True)
class Import:
    """One module that a file imports.

    Attributes:
        file: relative to the package.
        line: where.
        module: full name of what is imported.
        for_types: only a type checker sees it.
    """

    file: Path
    line: int
    module: str
    for_types: bool

    @property
    def room(self) -> str:
        """The room that the file lies in."""
        return self.file.parts[0].removesuffix(".py")

    @property
    def target(self) -> str | None:
        """The room that is imported; None for other packages, and for names of `ldpf` itself."""
        first, *rest = self.module.split(".")
        return rest[0] if first == "ldpf" and rest and rest[0] in ROOMS else None

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def imports_of(file: Path, package: Path) -> Iterator[Import]:
    """Every import of a file, also those inside functions, and relative ones by their full name."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    relative = file.relative_to(package)
    own = ("ldpf", *relative.parent.parts)
    guarded = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = own[: len(own) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from ldpf import cli` imports a room too.
            named = [f"{module}.{alias.name}" for alias in node.names]
            modules = named if module == "ldpf" else [module]
        else:
            continue
        for module in modules:
            yield Import(relative, node.lineno, module, node in guarded)


def all_imports() -> list[Import]:
    return [found for file in sorted(ROOT.rglob("*.py")) for found in imports_of(file, ROOT)]


IMPORTS = all_imports()


def upwards(imports: list[Import]) -> list[str]:
    """Imports of a room above, in words. What only a type checker sees costs nothing and is free.

    `ldpf/__init__.py` and `ldpf/__main__.py` stand above all rooms.
    """
    return [
        str(found)
        for found in imports
        if found.target is not None
        and found.room not in ("__init__", "__main__")
        and not found.for_types
        and ROOMS.index(found.target) > ROOMS.index(found.room)
    ]


def test_no_import_runs_up():
    assert upwards(IMPORTS) == []


def test_no_room_imports_the_public_names():
    """They are for users: a room that took them would depend on everything."""
    public = [
        str(found)
        for found in IMPORTS
        if found.room not in ("__init__", "__main__")
        and (found.module == "ldpf" or (found.module.startswith("ldpf.") and not found.target))
    ]
    assert public == []


def test_only_four_files_lie_outside_of_a_room():
    assert {file.name for file in ROOT.glob("*.py")} == LOOSE


def test_every_room_has_its_place():
    rooms = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert rooms <= set(ROOMS), f"say in ROOMS where {rooms - set(ROOMS)} stands"


def test_the_rooms_of_the_method_know_no_files_and_no_screens():
    modules = ("ldpf.data", "ldpf.demo", "ldpf.utils.files", "ldpf.utils.progress", "rich", "typer")
    known = [
        str(found)
        for found in IMPORTS
        if found.room in KNOW_NO_FILES
        and not found.for_types
        and f"{found.module}.".startswith(tuple(f"{module}." for module in modules))
    ]
    assert known == []


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("from ldpf.cli import app", True),
        ("import ldpf.cli.app", True),
        ("from ldpf import cli", True),
        ("from .. import cli", True),
        ("from ..cli.app import page", True),
        ("def f():\n    from ldpf.methods import LDPF", True),
        ("from ldpf.features.feature_set import FeatureSet", False),
        ("from ldpf.utils import text", False),
        ("from .cache import FeatureCache", False),
        ("import numpy", False),
        ("if TYPE_CHECKING:\n    from ldpf.methods import LDPF", False),
        ("if TYPE_CHECKING:\n    import numpy\nelse:\n    from ldpf.methods import LDPF", True),
    ],
)
def test_an_import_that_runs_up_is_seen_in_every_form(code, wrong, tmp_path):
    (tmp_path / "features").mkdir()
    file = tmp_path / "features" / "made_up.py"
    file.write_text(code)
    assert bool(upwards(list(imports_of(file, tmp_path)))) is wrong
