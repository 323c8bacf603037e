"""The part of docs/python.md about workflows, as it is there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ldpf import workflows

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
_HEADING = "^## The functions behind the commands$"
PART = re.search(rf"{_HEADING}(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)[1]
BACKBONE = "openai/clip-vit-base-patch16"


@pytest.mark.slow
def test_its_code_runs(images, tiny_clip_folder, session_settings, tmp_path, monkeypatch):
    for name in ("photos", "labeled-new-photos", "new-photos"):
        shutil.copytree(images, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```", PART, re.MULTILINE | re.DOTALL)
    assert code.count(BACKBONE) == 2
    names: dict[str, object] = {}
    exec(code.replace(BACKBONE, str(tiny_clip_folder)), names)
    assert names["measured"].n_test == 54
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 55


def test_its_table_names_every_function():
    told = set(re.findall(r"`(\w+)(?:\(|`)", PART))
    functions = {name for name in workflows.__all__ if not name.startswith("prepare_")}
    assert functions - told == set()
