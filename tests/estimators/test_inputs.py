"""What `LDPFClassifier` is given is encoded by the image engine that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone

from ldpf.data import load_dataset
from ldpf.errors import SettingsError
from ldpf.estimators import inputs
from ldpf.features.engines.choose import engine_of, with_engine


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["paths", "set"])
def test_the_image_engine_encodes_in_fit_and_in_prediction(
    kind, estimator, tmp_path, write_image, monkeypatch
):
    monkeypatch.setenv("LDPF_CACHE", str(tmp_path / "cache"))
    files = [write_image(tmp_path / c / f"{i}.png", seed=i) for i in range(8) for c in "ab"]
    labels = ["a", "b"] * 8
    images = files if kind == "paths" else load_dataset(tmp_path)
    given = None if kind == "set" else labels
    asked = []
    for place in ("ldpf.estimators.inputs", "ldpf.features.extract"):
        monkeypatch.setattr(
            f"{place}.with_engine", lambda *a: asked.append(a[1]) or with_engine(*a)
        )
    model = clone(estimator).set_params(backbone=estimator.backbone, image_engine="torch-bf16")
    model.fit(images, given)
    assert set(asked) == {"torch-bf16"}
    asked.clear()
    model.predict(images)
    assert set(asked) == {"torch-bf16"}
    assert engine_of(model.backbone_) == "torch"  # the text side, and what is saved
    table = np.asarray(
        model.backbone_.encode_images(model.backbone_.preprocess([Image.open(files[0])]))
    )
    asked.clear()
    model.predict(table)
    assert asked == []


@pytest.mark.slow
def test_pictures_are_encoded_by_the_image_engine(estimator, tmp_path, write_image, monkeypatch):
    files = [write_image(tmp_path / f"{i}.png", seed=i) for i in range(8)]
    used, original = [], inputs.to_features
    monkeypatch.setattr(
        inputs,
        "to_features",
        lambda given, encoder, **how: (
            used.append(engine_of(encoder)) or original(given, encoder, **how)
        ),
    )
    model = clone(estimator).set_params(backbone=estimator.backbone, image_engine="torch-bf16")
    model.fit(files, ["cat", "dog"] * 4).predict(files)
    assert used == ["torch-bf16", "torch-bf16"]


def test_an_unknown_image_engine_is_named(estimator, tmp_path, write_image):
    files = [write_image(tmp_path / f"{i}.png", seed=i) for i in range(8)]
    model = clone(estimator).set_params(backbone=estimator.backbone, image_engine="torhc")
    with pytest.raises(SettingsError, match="image_engine='torhc'"):
        model.fit(files, ["cat", "dog"] * 4)
