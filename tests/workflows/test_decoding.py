"""Every entrance decodes each new image once."""

from __future__ import annotations

import pytest

from ldpf import LDPFClassifier, workflows


@pytest.fixture
def fresh(draw, tmp_path, monkeypatch):
    """54 images that no cache knows."""
    monkeypatch.setenv("LDPF_CACHE", str(tmp_path / "cache"))
    return draw(tmp_path / "data")


def encode(images, model, backbone, folder):
    workflows.encode(images, backbone)


def train(images, model, backbone, folder):
    workflows.train(images, folder / "model", backbone=backbone, method="zero-shot")


def evaluate(images, model, backbone, folder):
    workflows.evaluate(model, images)


def expect(images, model, backbone, folder):
    workflows.expect(model, images)


def predict(images, model, backbone, folder):
    assert len(list(workflows.predict(model, images))) == 54


def fit(images, model, backbone, folder):
    files = sorted(images.rglob("*.png"))
    labels = [file.parent.name for file in files]
    LDPFClassifier(method="zero-shot", backbone=backbone).fit(files, labels)


@pytest.mark.parametrize("entrance", [encode, train, evaluate, expect, predict, fit])
def test_each_image_is_decoded_once(entrance, fresh, model, tiny_clip_folder, tmp_path, decodes):
    entrance(fresh, model, str(tiny_clip_folder), tmp_path)
    assert decodes.total == 54
