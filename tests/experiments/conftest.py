from __future__ import annotations

import pytest
from example_run import ANSWERS, SETTINGS

from ldpf.backbones import load_backbone
from ldpf.experiments.run_folder import RunFolder


@pytest.fixture
def finished(tmp_path):
    """The folder of a finished run."""
    folder = RunFolder(tmp_path / "runs", SETTINGS)
    folder.open()
    folder.finish([{"accuracy": 0.5}], ANSWERS)
    return folder


@pytest.fixture(scope="module")
def backbone(tiny_clip_folder):
    return load_backbone(tiny_clip_folder)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(5)
