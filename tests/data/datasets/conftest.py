"""Small trees with the real folder names of the data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest


def grow_tree(root: Path, domains: Iterable[str], classes: Iterable[str], each: int = 2) -> Path:
    """ROOT/DOMAIN/CLASS/0.jpg ...: files that nobody opens."""
    for domain in domains:
        for name in classes:
            folder = root / domain / name
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(each):
                (folder / f"{i}.jpg").write_bytes(f"{domain} {name} {i}".encode())
    return root


@pytest.fixture
def grow() -> Callable[..., Path]:
    """`grow_tree(root, domains, classes, each=2)`."""
    return grow_tree
