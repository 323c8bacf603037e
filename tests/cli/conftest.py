"""What the tests of the command line share: images in three styles, a short recipe, a model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

CLASSES = ("cat", "dog", "house")
DOMAINS = ("art", "photo", "sketch")
IMAGES_EACH = 6


def draw_images(root: Path, domains: tuple[str, ...] = DOMAINS, *, flat: bool = False) -> Path:
    """DOMAIN/CLASS/0.png ... (or CLASS/DOMAIN-0.png): a class is a shape, a domain a colouring."""
    for d, domain in enumerate(domains):
        for k, name in enumerate(CLASSES):
            folder = root / name if flat else root / domain / name
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(IMAGES_EACH):
                draws = np.random.default_rng([d, k, i])
                pixels = np.full((24, 24, 3), (40, 90, 200)[d % 3], np.int64)
                pixels[:, :, d % 3] += 30
                top, left = draws.integers(2, 8, 2)
                height, width = ((12, 4), (4, 12), (9, 9))[k]
                pixels[top : top + height, left : left + width] = (250, 20, 120)[d % 3]
                pixels += draws.integers(-12, 13, pixels.shape)
                image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
                image.save(folder / (f"{domain}-{i}.png" if flat else f"{i}.png"))
    return root


@pytest.fixture(scope="session")
def draw() -> Callable[..., Path]:
    """`draw_images`, for tests that change what they draw."""
    return draw_images


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """54 images in DOMAIN/CLASS folders. Read only."""
    return draw_images(tmp_path_factory.mktemp("images") / "shapes")


@pytest.fixture(scope="session")
def flat_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same images in CLASS folders, domains unknown. Read only."""
    return draw_images(tmp_path_factory.mktemp("images") / "flat", flat=True)


@pytest.fixture(scope="session")
def session_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """One cache for the session, and a recipe of a few steps under the name of the fast one."""
    from ldpf.training.recipe import FAST, RECIPES

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDPF_CACHE", str(tmp_path_factory.mktemp("cache")))
        short = replace(FAST, max_steps=20, patience=10, cooldown=5)
        patch.setitem(RECIPES, "fast", short)
        yield patch


@pytest.fixture(scope="session")
def run(session_settings: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function that runs `ldpf` with arguments in this process."""
    from ldpf.cli import app

    def run_here(*arguments: object, **options: Any) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)

    return run_here


@pytest.fixture(scope="session")
def model(
    images: Path,
    tiny_clip_folder: Path,
    run: Callable[..., Result],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A small LDPF model with three latent domains. Read only: copy it to change it."""
    folder = tmp_path_factory.mktemp("models") / "ldpf"
    result = run("train", "--data", images, "--backbone", tiny_clip_folder, "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="session")
def coop_model(
    images: Path,
    tiny_clip_folder: Path,
    run: Callable[..., Result],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A small CoOp model: one prompt, no latent domains. Read only."""
    folder = tmp_path_factory.mktemp("models") / "coop"
    result = run(
        *("train", "--data", images, "--backbone", tiny_clip_folder, "--out", folder),
        *("--method", "coop"),
    )
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def start(session_settings: pytest.MonkeyPatch) -> Callable[..., subprocess.Popen[bytes]]:
    """A function that starts `ldpf` as a process of its own, with pipes."""

    def begin(*arguments: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "ldpf.cli", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    return begin
