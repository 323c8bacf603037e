"""Leak checks of `train`, `evaluate` and `benchmark`."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest
from PIL import Image

from ldpf import workflows
from ldpf.data import load_dataset
from ldpf.errors import DataError
from ldpf.workflows.leaks import SEEN_IMAGES


@pytest.fixture
def photos(tmp_path, image_tree):
    """Images of noise in two domains: no two are alike."""
    return image_tree({f"{d}/{k}": 12 for d in ("art", "photo") for k in ("cat", "dog")})


@pytest.fixture
def train(tiny_clip_folder, session_settings, tmp_path):
    def run(data, out="model", **options):
        return workflows.train(
            data, tmp_path / out, backbone=tiny_clip_folder, method="zero-shot", **options
        )

    return run


def held_out_files(photos, seed=0):
    _, validation, _ = load_dataset(photos).split(seed=seed)
    return [validation.file(i) for i in range(len(validation))]


@pytest.mark.slow
def test_a_training_image_copied_to_the_held_out_ones_is_reported(train, photos, caplog):
    first, second = held_out_files(photos)[:2]
    kept = sorted(set(first.parent.iterdir()) - set(held_out_files(photos)))
    shutil.copy(kept[0], first)
    Image.open(kept[1]).resize((24, 20)).save(second)
    with caplog.at_level(logging.WARNING, "ldpf"):
        result = train(photos)
    leak = result.leaks.leaks[0]
    assert (leak.kind.name, leak.same_files, leak.near_duplicates) == ("held_out", 1, 1)
    assert "2 of 10 held-out images are also among the training images" in caplog.text
    assert str(first.relative_to(photos)) in caplog.text and "group_by" in caplog.text
    assert result.to_json()["leaks"][0]["same_files"] == 1


@pytest.mark.slow
def test_different_images_are_reported_by_nobody(train, photos, caplog):
    with caplog.at_level(logging.WARNING, "ldpf"):
        assert not train(photos, fail_on_leaks=True).leaks
    assert "also" not in caplog.text


def test_one_file_under_two_labels_stops_the_training_where_asked(train, photos, tmp_path):
    shutil.copy(photos / "art/cat/000.png", photos / "photo/dog/copy.png")
    with pytest.raises(DataError, match=r"under another class.*art/cat/000.png \(cat\)"):
        train(photos, fail_on_leaks=True)
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_evaluation_recognizes_what_the_model_was_trained_on(
    train, photos, tmp_path, image_tree, caplog
):
    model = train(photos).model
    new = tmp_path / "new"
    for name in ("cat", "dog"):
        (new / name).mkdir(parents=True)
    shutil.copy(photos / "art/cat/003.png", new / "cat/other-name.png")
    draws = np.random.default_rng(99)
    for i in range(4):
        pixels = draws.integers(0, 256, (10, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(new / f"dog/{i}.png")
    with caplog.at_level(logging.WARNING, "ldpf"):
        result = workflows.evaluate(model, new)
    assert "1 of 5 images is also among those that the model was trained on" in caplog.text
    assert "cat/other-name.png and art/cat/003.png (the same file)" in caplog.text
    assert result.to_json()["leaks"][0]["same_files"] == 1
    with pytest.raises(DataError, match="1 of 5 images"):
        workflows.evaluate(model, new, fail_on_leaks=True)


@pytest.mark.slow
def test_a_model_without_a_record_knows_only_whether_all_images_are_those_of_the_training(
    train, photos, caplog
):
    model = train(photos).model
    (model / "training" / SEEN_IMAGES).unlink()
    with caplog.at_level(logging.WARNING, "ldpf"):
        assert workflows.evaluate(model, photos).leaks.leaks == ()
    assert "these are the images the model was trained on" in caplog.text
    with pytest.raises(DataError, match="these are the images the model was trained on"):
        workflows.evaluate(model, photos, fail_on_leaks=True)
    shutil.rmtree(photos / "art")
    assert workflows.evaluate(model, photos, fail_on_leaks=True).leaks.leaks == ()


@pytest.mark.slow
def test_all_images_of_the_training_are_warned_of_once(train, photos, caplog):
    model = train(photos).model
    with caplog.at_level(logging.WARNING, "ldpf"):
        result = workflows.evaluate(model, photos)
    assert caplog.text.count("trained on") == 1
    assert result.leaks.leaks[0].same_files == 48


@pytest.mark.slow
def test_a_benchmark_compares_each_target_with_its_sources(
    photos, tmp_path, tiny_clip_folder, session_settings, caplog
):
    shutil.copy(photos / "art/cat/000.png", photos / "photo/cat/copy.png")
    options = {"methods": ["zero-shot"], "seeds": 1, "backbone": tiny_clip_folder}
    with caplog.at_level(logging.WARNING, "ldpf"):
        result = workflows.benchmark(photos, tmp_path / "results", **options)
    assert [(leak.where, leak.same_files) for leak in result.leaks.found] == [
        ("target art", 1),
        ("target photo", 1),
    ]
    assert "Target art: 1 of 24 test images is also among the training images" in caplog.text
    with pytest.raises(DataError, match="Target photo: 1 of 25"):
        workflows.benchmark(photos, tmp_path / "again", fail_on_leaks=True, **options)
