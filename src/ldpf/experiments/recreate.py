"""The images that a kept model learned from and was chosen by, divided again as in its training."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ldpf.errors import DataError
from ldpf.experiments.protocols import get_protocol
from ldpf.experiments.selection import DEFAULT_SELECTION, SELECTION_RULES, get_selection
from ldpf.models.kept_groups import with_groups_of
from ldpf.utils.text import count

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet

BENCHMARK = "benchmark"
"""Where the provenance of a model names the protocol and the case of a benchmark's run."""


def is_of_benchmark(origin: Mapping[str, Any]) -> bool:
    """Whether a benchmark has trained the model of this provenance, on some of its domains."""
    return BENCHMARK in origin


def split_as_trained(
    features: FeatureSet, origin: Mapping[str, Any]
) -> tuple[FeatureSet, FeatureSet, FeatureSet]:
    """Images learned from, those held out to choose by, and those left aside.

    Args:
        features: all images of the training; of a benchmark's model all images of the benchmark.
        origin: the provenance of the model.

    Returns:
        By `ldpf train`'s split, or by the protocol of the benchmark: then the images left aside are
        those of the domains that were measured.

    Raises:
        DataError: the groups, domains or numbers of images are others than in the training.
    """
    if not is_of_benchmark(origin):
        features = with_groups_of(features, origin)
        return features.split(origin["train_fraction"], seed=origin["seed"])
    run = origin[BENCHMARK]
    fraction = origin["train_fraction"]
    episode = get_protocol(run["protocol"]).episode(features, run["case"], origin["seed"], fraction)
    rule = run.get("selection")  # what learns nothing has none
    rule = rule if rule in SELECTION_RULES else DEFAULT_SELECTION
    episode = get_selection(rule).prepare(episode, fraction)
    here, then = len(episode.train), origin["n_train"]
    if here != then:
        raise DataError(
            f"The model learned from {count(then, 'image')} of the case {run['case']!r} in a "
            f"benchmark, and of these images it would have been {here:,}; give the same images as "
            "to the benchmark, read the same way."
        )
    return episode.train, episode.validation, episode.test


def is_training_data(features: FeatureSet, origin: Mapping[str, Any]) -> bool:
    """Whether these are, bit for bit, the images of the training or of the benchmark."""
    if is_of_benchmark(origin):
        return digest_with_splits(features) == origin[BENCHMARK]["data_digest"]
    return features.digest() == origin.get("data_digest")


def digest_with_splits(data: FeatureSet) -> str:
    """The digest of images, splits and groups, where there are some: all decide a run."""
    digest = data.digest()
    for names in (data.splits, data.groups):
        if names is not None:
            digest = hashlib.sha256("\n".join([digest, *names]).encode()).hexdigest()
    return digest
