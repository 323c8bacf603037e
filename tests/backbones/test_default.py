"""Which backbone is taken where none is named, and what is said of the bundled one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ldpf import LDPFClassifier, load_backbone, workflows
from ldpf.backbones.default import DEFAULT_BACKBONE
from ldpf.demo.dataset import DEMO_DOMAINS, draw_domain, is_demo
from ldpf.workflows.inputs import list_images

LOUD = "nano HAS SEEN DRAWINGS ONLY"


@pytest.fixture
def asked(tiny_clip_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the backbones that are looked for; each is the small random one."""
    names: list[str] = []

    def resolve(name: str) -> Path:
        names.append(name)
        return tiny_clip_folder

    monkeypatch.setattr("ldpf.backbones.load.resolve_folder", resolve)
    return names


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A folder as the demo set's, with fewer images."""
    root = tmp_path / "demo-v2-seed0"
    for domain in DEMO_DOMAINS[:2]:
        draw_domain(root, domain, 0, 2)
    return root


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if LOUD in one.getMessage()]


@pytest.mark.slow
def test_photos_are_encoded_with_a_real_model(images: Path, asked: list[str]) -> None:
    workflows.encode(images)
    workflows.discover(images)
    load_backbone()
    assert asked == [DEFAULT_BACKBONE] * 3 == ["openai/clip-vit-base-patch16"] * 3


def test_the_demo_set_is_encoded_with_the_bundled_model(demo: Path, asked: list[str]) -> None:
    list_images(demo).open_backbone(None, "cpu")
    assert asked == ["nano"]


def test_a_named_backbone_is_taken(images: Path, asked: list[str]) -> None:
    workflows.encode(images, "somebody/clip")
    assert asked == ["somebody/clip"]


@pytest.mark.slow
def test_the_estimator_takes_a_real_model(images: Path, asked: list[str]) -> None:
    photos = sorted(images.glob("*/*/*.png"))
    labels = [photo.parent.name for photo in photos]
    LDPFClassifier(method="zero-shot").fit(photos, labels)
    assert asked == [DEFAULT_BACKBONE]


@pytest.mark.slow
def test_nano_says_what_it_is_on_anything_but_the_demo_set(
    images: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workflows.encode(images, "nano")
    assert len(said(caplog)) == 1
    assert f"backbone='{DEFAULT_BACKBONE}'" in said(caplog)[0]


@pytest.mark.slow
def test_nano_is_silent_on_the_demo_set(demo: Path, caplog: pytest.LogCaptureFixture) -> None:
    workflows.encode(demo, "nano")
    assert not said(caplog)


@pytest.mark.slow
@pytest.mark.parametrize("as_pixels", [False, True])
def test_the_estimator_says_what_nano_is(
    images: Path, as_pixels: bool, caplog: pytest.LogCaptureFixture
) -> None:
    photos = sorted(images.glob("*/*/*.png"))
    labels = [photo.parent.name for photo in photos]
    pixels = [np.zeros((8, 8, 3), np.uint8)] * len(photos)
    LDPFClassifier("nano", method="zero-shot").fit(pixels if as_pixels else photos, labels)
    assert len(said(caplog)) == 1


@pytest.mark.slow
def test_the_estimator_says_nothing_on_the_demo_set(
    demo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photos = sorted(demo.glob("*/*/*.png"))
    LDPFClassifier("nano", method="zero-shot").fit(photos, [one.parent.name for one in photos])
    assert not said(caplog)


@pytest.mark.slow
def test_predictions_of_a_model_on_nano_say_what_it_is(
    images: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = workflows.train(images, tmp_path / "m", backbone="nano", method="zero-shot").model
    caplog.clear()
    list(workflows.predict(model, images / "photo"))
    assert len(said(caplog)) == 1


def test_a_folder_of_the_demo_set_is_told_by_its_name() -> None:
    assert is_demo("cache/demo-v2-seed0") and is_demo(Path("c/demo-v2-seed3/night/cup/000.png"))
    assert not is_demo("photos/demo-v2-seedx") and not is_demo("demo")
