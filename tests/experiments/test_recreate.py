"""Models that a benchmark keeps: their images are divided again as the protocol divided them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ldpf import workflows
from ldpf.data import load_dataset
from ldpf.errors import DataError
from ldpf.experiments.protocols import PROTOCOLS, get_protocol
from ldpf.experiments.recreate import is_training_data, split_as_trained
from ldpf.models.saving import load_model, read_config
from ldpf.workflows.inputs import list_images

SEED = 1


@pytest.fixture(scope="module")
def kept(images, tiny_clip_folder, session_settings, tmp_path_factory):
    """The model of a run with `SEED` in each protocol."""
    made = {}

    def model(protocol: str):
        if protocol not in made:
            out = tmp_path_factory.mktemp(protocol)
            result = workflows.benchmark(
                images,
                out,
                methods=["gda"],
                backbone=tiny_clip_folder,
                protocol=protocol,
                seeds=SEED + 1,
                targets=["art"],
                jobs=1,
            )
            assert not result.failures
            folders = [path.parent for path in out.glob("runs/*/model/config.json")]
            made[protocol] = next(
                one for one in folders if read_config(one)["provenance"]["seed"] == SEED
            )
        return made[protocol]

    return model


def encoded(images, model):
    classifier, backbone = load_model(model)
    features = list_images(images).encode(backbone).features
    return features.with_classes_of(classifier.class_names)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_split_is_that_of_the_protocol(kept, images, protocol):
    model = kept(protocol)
    origin = read_config(model)["provenance"]
    features = encoded(images, model)
    assert is_training_data(features, origin)
    train, held_out, measured = split_as_trained(features, origin)
    episode = get_protocol(protocol).episode(
        features, origin["benchmark"]["case"], SEED, origin["train_fraction"]
    )
    for now, then in (
        (train, episode.train),
        (held_out, episode.validation),
        (measured, episode.test),
    ):
        assert now.paths == then.paths
    assert (len(train), len(held_out)) == (origin["n_train"], origin["n_validation"])


def test_the_split_of_a_preset_is_another_than_the_plain_one(kept, images):
    """Else the tests here would see nothing."""
    model = kept("spg")
    origin = read_config(model)["provenance"]
    features = encoded(images, model)
    train, _, _ = split_as_trained(features, origin)
    sources = features.subset(features.domains != features.domain_names.index("art"))
    plain, _, _ = sources.split(origin["train_fraction"], seed=origin["seed"])
    assert len(train) == len(plain) and set(train.paths) != set(plain.paths)


def test_other_images_are_refused(kept, images):
    model = kept("spg")
    features = encoded(images, model)
    fewer = features.subset(np.arange(len(features)) % 5 > 0)
    origin = read_config(model)["provenance"]
    assert not is_training_data(fewer, origin)
    with pytest.raises(DataError, match=r"case 'art' .*give the same images as to the benchmark"):
        split_as_trained(fewer, origin)


def test_splits_and_groups_belong_to_the_data_of_a_benchmark(kept, images):
    model = kept("spg")
    features = encoded(images, model)
    origin = read_config(model)["provenance"]
    marked = replace(features, splits=np.full(len(features), "train"))
    assert not is_training_data(marked, origin)


@pytest.mark.parametrize("protocol", ["spg", "domainbed"])
def test_a_diagnosis_looks_at_what_the_run_learned_from(kept, images, protocol):
    model = kept(protocol)
    origin = read_config(model)["provenance"]
    for result in (
        workflows.diagnose(model, training=images, signs=["calibration"]),
        workflows.diagnose(model, images, signs=["calibration"]),
    ):
        assert (result.n_train, result.n_held_out) == (origin["n_train"], origin["n_validation"])
        assert result.labeled and 0 < result.n_photos <= 18
        assert (
            result.n_photos == sum(path.startswith("art/") for path in load_dataset(images).paths)
            or protocol == "domainbed"
        )
