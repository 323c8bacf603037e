"""Images encoded by the workers of an engine: what comes of it is what one process makes."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np
import pytest

from ldpf import workflows
from ldpf.backbones import load_backbone
from ldpf.data import load_dataset
from ldpf.errors import DataError, SettingsError
from ldpf.experiments.engines.base import ENGINES, Engine
from ldpf.workflows import spreading
from ldpf.workflows.inputs import ListedImages
from ldpf.workflows.source import DataSource


@dataclass(frozen=True)
class Pretended(Engine):
    """Workers that are this process; the first `lost` parts never come back."""

    lost: int = 0

    def run(self, experiment, groups_for):
        raise NotImplementedError

    def spread(self, work, groups_for, *, on_gpu):
        for number, group in enumerate(groups_for(2)):
            if number < self.lost:
                yield from ((part, work.given_up("its worker died")) for part in group)
                continue
            ((_, outcomes, _),) = work.do(work.packed, [(number, group)])
            yield from zip(group, outcomes, strict=True)


@pytest.fixture
def pretended(monkeypatch):
    """`--engine ray` is pretended; a function makes parts of it get lost."""
    lost = [0]
    make = ENGINES.make
    monkeypatch.setattr(
        "ldpf.workflows.encoding.ENGINES.make",
        lambda name, **given: Pretended(lost=lost[0]) if name == "ray" else make(name, **given),
    )
    monkeypatch.setattr(spreading, "SMALLEST", 10)
    return lambda n: lost.__setitem__(0, n)


@pytest.fixture
def sources(images, session_settings, tmp_path):
    return [DataSource(images, cache_dir=tmp_path / name) for name in ("one", "other")]


def encoded_twice(sources, backbone, engine):
    one = workflows.encode(sources[0], backbone, batch_size=8)
    return one, workflows.encode(sources[1], backbone, batch_size=8, engine=engine, jobs=2)


@pytest.mark.parametrize("lost", [0, 2, 100])
def test_features_are_those_of_one_process(sources, tiny_clip_folder, pretended, lost):
    pretended(lost)
    one, other = encoded_twice(sources, tiny_clip_folder, "ray")
    assert other.features.digest() == one.features.digest()
    assert other.encoded == one.encoded == 54
    again = workflows.encode(sources[1], tiny_clip_folder, engine="ray")
    assert (again.encoded, again.cached) == (0, 54)


def test_parts_are_encoded_by_the_workers_and_not_again(
    sources, tiny_clip_folder, pretended, monkeypatch, tmp_path
):
    parts = []
    original = spreading._encode
    monkeypatch.setattr(
        spreading, "_encode", lambda *given: parts.append(original(*given)) or parts[-1]
    )
    result = workflows.encode(sources[1], tiny_clip_folder, engine="ray")
    assert sum(parts) == result.encoded == 54
    assert len(parts) == 6 and max(parts) == 10
    assert len(list((tmp_path / "other").rglob("shard-*.safetensors"))) == 6


def test_only_what_the_cache_lacks_goes_to_the_workers(
    sources, tiny_clip_folder, pretended, monkeypatch
):
    workflows.encode(sources[1], tiny_clip_folder, shard="1/2")
    sent = []
    monkeypatch.setattr(spreading, "_encode", lambda common, part, _: sent.append(len(part)) or 0)
    result = workflows.encode(sources[1], tiny_clip_folder, engine="ray")
    assert 0 < sum(sent) == result.encoded < 54


def test_bad_files_are_named_in_the_end_and_the_good_ones_kept(
    image_tree, tiny_clip_folder, pretended, tmp_path, session_settings
):
    root = image_tree({"cat": 30, "dog": 30}, tmp_path / "photos")
    bad = sorted(root.rglob("*.png"))[:12]
    for file in bad:
        file.write_bytes(b"no image")
    source = DataSource(root, cache_dir=tmp_path / "cache")
    with pytest.raises(DataError) as caught:
        workflows.encode(source, tiny_clip_folder, engine="ray")
    assert "12 of 60 images" in str(caught.value) and bad[0].name in str(caught.value)
    rest = workflows.encode(
        DataSource(root, cache_dir=tmp_path / "cache", skip_bad=True), tiny_clip_folder
    )
    assert (len(rest.features), rest.encoded) == (48, 0)


def test_a_part_of_bad_files_alone_stops_no_worker(tiny_clip_folder, image_tree, tmp_path):
    root = image_tree({"cat": 3, "dog": 3}, tmp_path / "photos")
    for file in root.rglob("*.png"):
        file.write_bytes(b"no image")
    dataset = load_dataset(root)
    images = ListedImages(dataset, DataSource(root, cache_dir=tmp_path / "cache"))
    assert spreading.encode_elsewhere(images, load_backbone(tiny_clip_folder), Pretended()) == 0


def test_the_local_engine_has_no_other_machines(tiny_clip_folder, image_tree, tmp_path):
    with pytest.raises(SettingsError, match=r"engine=.ray. or dask"):
        list(ENGINES.make("local").spread(None, lambda n: [], on_gpu=False))


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_real_workers_write_the_same_file(
    sources, tiny_clip_folder, tmp_path, engine, package, monkeypatch
):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(spreading, "SMALLEST", 10)
    one, other = encoded_twice(sources, tiny_clip_folder, engine)
    assert other.encoded == 54
    # Processes may compute with another number of threads.
    assert np.allclose(one.features.features, other.features.features, atol=1e-6)
    assert one.features.paths == other.features.paths
