"""A method of an installed package: made by its name, kept, and loaded without the package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from ldpf import LDPFClassifier
from ldpf.errors import ModelError, SettingsError
from ldpf.methods import METHODS, make_method
from ldpf.models.instance_classifier import GENERATORS
from ldpf.models.saving import load_model, save_model

MEANS = '''
"""Nearest class mean."""
from dataclasses import dataclass

import torch

from ldpf.methods import METHODS, Method
from ldpf.models.linear_classifier import LinearClassifier


@METHODS.register("class-means")
@dataclass(frozen=True)
class ClassMeans(Method):
    """Cosine to the mean feature of each class."""

    name: str = "class-means"
    scale: float = 10.0

    def fit(self, train, validation, backbone, *, seed=0, record=None):
        """Average."""
        names = tuple(train.class_names)
        rows = [train.features[train.labels == k].mean(dim=0) for k in range(len(names))]
        weight = self.scale * torch.nn.functional.normalize(torch.stack(rows), dim=1)
        bias = torch.zeros(len(names))
        return LinearClassifier(self.name, names, weight, bias, {"text_passes": 0})
'''

SHIFTED = '''
"""One context, shifted along a learned direction by the first number of the image feature."""
from dataclasses import dataclass

import torch

from ldpf.methods import METHODS, Method
from ldpf.models.instance_classifier import (
    GENERATORS,
    InstancePromptClassifier,
    PromptGenerator,
)
from ldpf.text.memory_budget import build_encoder


@GENERATORS.register("shifted")
class Shifted(PromptGenerator):
    """context [M, W] + f_0 * direction [W]."""

    def __init__(self, context, direction):
        super().__init__()
        self.register_buffer("context", context)
        self.register_buffer("direction", direction)

    @property
    def n_tokens(self):
        return len(self.context)

    def forward(self, features, group=None):
        return self.context + features[:, :1, None] * self.direction

    @classmethod
    def shapes(cls, embed_dim, width):
        return {"context": ("tokens", width), "direction": (width,)}

    @classmethod
    def from_tensors(cls, tensors):
        return cls(tensors["context"], tensors["direction"])


@METHODS.register("shifted-prompts", learns=False)
@dataclass(frozen=True)
class ShiftedPrompts(Method):
    """Random prompts."""

    name: str = "shifted-prompts"

    def fit(self, train, validation, backbone, *, seed=0, record=None):
        """Draw."""
        draws = torch.Generator().manual_seed(seed)
        numbers = 0.1 * torch.randn(3, backbone.text.width, generator=draws)
        return InstancePromptClassifier(
            method=self.name,
            class_names=tuple(train.class_names),
            generator=Shifted(numbers[:2], numbers[2]),
            encoder=build_encoder(backbone, train.class_names, prompts=4, length=2),
            logit_scale=backbone.logit_scale,
            at_once=4,
            training={"text_passes": 0},
        )
'''

POINTS = """
[ldpf.methods]
class-means = far_means:ClassMeans
shifted-prompts = far_shifted:ShiftedPrompts

[ldpf.generators]
shifted = far_shifted:Shifted
"""


def forget() -> None:
    """What the registries and Python know of the package."""
    ours = {METHODS: ("class-means", "shifted-prompts"), GENERATORS: ("shifted",)}
    for registry, names in ours.items():
        vars(registry).pop("_outside", None)
        for name in names:
            registry._entries.pop(name, None)
            registry._facts.pop(name, None)
    for module in ("far_means", "far_shifted"):
        sys.modules.pop(module, None)


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """A package with two methods and a generator, installed while the test runs."""
    folder = tmp_path / "site"
    info = folder / "far-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: far\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    (folder / "far_means.py").write_text(MEANS)
    (folder / "far_shifted.py").write_text(SHIFTED)
    forget()
    sys.path.insert(0, str(folder))
    yield folder
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    forget()


def uninstall(package: Path) -> None:
    sys.path.remove(str(package))
    forget()


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(5), make_features(3, seed=1)


def test_it_is_listed_with_its_summary_and_facts(package):
    assert {"class-means", "shifted-prompts"} <= set(METHODS)
    assert METHODS.summary("class-means") == "Cosine to the mean feature of each class."
    assert METHODS.facts("shifted-prompts") == {"learns": False}
    assert not make_method("shifted-prompts").learns
    assert make_method("class-means", settings={"scale": 2.0}).scale == 2.0


def test_its_model_loads_where_the_package_is_not_installed(package, data, tiny_clip, tmp_path):
    fitted = make_method("class-means").fit(*data, tiny_clip)
    save_model(fitted, tiny_clip, tmp_path / "model")
    uninstall(package)
    assert "class-means" not in METHODS
    loaded, _ = load_model(tmp_path / "model", tiny_clip)
    assert loaded.method == "class-means"
    assert torch.equal(loaded.logits(data[1].features), fitted.logits(data[1].features))


def test_the_estimator_takes_it(package, data, tiny_clip, tmp_path):
    model = LDPFClassifier(tiny_clip, method="class-means", settings={"scale": 5.0})
    model.fit(data[0]).save(tmp_path / "model")
    loaded = LDPFClassifier.load(tmp_path / "model", tiny_clip)
    assert (loaded.method, loaded.settings) == ("class-means", {"scale": 5.0})
    images = data[1].features
    assert np.array_equal(loaded.predict_proba(images), model.predict_proba(images))


def test_a_generator_of_its_own_is_kept_and_needs_the_package(package, data, tiny_clip, tmp_path):
    fitted = make_method("shifted-prompts").fit(*data, tiny_clip)
    save_model(fitted, tiny_clip, tmp_path / "model")
    forget()  # as in a new process, where nothing has imported the package yet
    loaded, _ = load_model(tmp_path / "model", tiny_clip)
    assert torch.equal(loaded.logits(data[1].features), fitted.logits(data[1].features))
    uninstall(package)
    with pytest.raises((ModelError, SettingsError), match="'shifted'"):
        load_model(tmp_path / "model", tiny_clip)
