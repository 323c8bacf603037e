"""The tables of docs come from the registries."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from ldpf.backbones.families import FAMILIES
from ldpf.data.datasets.base import DATASETS
from ldpf.domains.assignment.base import ASSIGNMENTS
from ldpf.domains.clustering.base import CLUSTERERS
from ldpf.domains.disentangle.base import DISENTANGLERS
from ldpf.domains.how_many.base import HOW_MANY
from ldpf.fusion.base import FUSION_RULES
from ldpf.methods.base import METHODS
from ldpf.studies.base import STUDIES

ROOT = Path(__file__).parents[2]
REGISTRIES = (
    METHODS,
    FUSION_RULES,
    DISENTANGLERS,
    CLUSTERERS,
    ASSIGNMENTS,
    HOW_MANY,
    STUDIES,
    DATASETS,
    FAMILIES,
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("write_tables")


@pytest.mark.parametrize("page", ["docs/protocol.md", "docs/method.md", "docs/studies.md"])
def test_a_page_has_the_tables_that_the_registries_give(page: str, script: ModuleType) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert script.BLOCK.search(text)
    assert script.rewritten(text) == text, "run python scripts/write_tables.py"


def test_a_table_that_is_out_of_date_is_rewritten(script: ModuleType) -> None:
    page = "Before.\n<!-- table studies -->\nold\n<!-- end of table -->\nBehind.\n"
    new = script.rewritten(page)
    assert "old" not in new
    assert "| `ablation` | What is each part of LDPF worth? |" in new
    assert new.startswith("Before.\n<!-- table") and new.endswith("table -->\nBehind.\n")


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_every_summary_is_a_whole_sentence(registry) -> None:
    for name in registry:
        assert registry.summary(name).endswith((".", "?")), f"{name}: {registry.summary(name)!r}"
