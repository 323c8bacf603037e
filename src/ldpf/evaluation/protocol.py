"""Leave one domain out: who is trained on what, and the loop over methods, targets and seeds."""

from __future__ import annotations

import hashlib
import logging
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

import ldpf
from ldpf.backbones import Backbone
from ldpf.data.splits import make_split
from ldpf.errors import DataError, LdpfError, SettingsError
from ldpf.evaluation.measure import peak_memory_mib, reset_peak_memory
from ldpf.evaluation.metrics import accuracy, confusion_counts, per_class_accuracy
from ldpf.evaluation.readouts import READOUTS, get_readout
from ldpf.evaluation.store import RESULT_VERSION, RunFolder, write_results
from ldpf.features import FeatureSet
from ldpf.methods import Method, make_method
from ldpf.recipes import Recipe
from ldpf.training import RunRecord

log = logging.getLogger("ldpf")

SELECTION = "training-domain-validation"
"""Checkpoints are chosen on held-out images of the training domains, never on the target."""


@dataclass(frozen=True)
class BenchmarkPlan:
    """What `benchmark` runs: every method on every target with every seed.

    Attributes:
        methods: names from `READOUTS`.
        targets: domains left out in turn; None for all.
        seeds: number of seeds, 0 to seeds - 1. A seed drives split, start and order.
        recipe: for the methods that learn.
        n_domains: latent domains of LDPF; None for its default.
        train_fraction: share of each source domain that is trained on; the rest is validation.
    """

    methods: Sequence[str]
    recipe: Recipe
    targets: Sequence[str] | None = None
    seeds: int = 3
    n_domains: int | None = None
    train_fraction: float = 0.8

    def __post_init__(self) -> None:
        if not self.methods:
            raise SettingsError(f"No methods were given; choose from {', '.join(READOUTS)}.")
        for name in self.methods:
            get_readout(name)
        if self.seeds < 1:
            raise SettingsError(f"seeds={self.seeds} should be at least 1.")


@dataclass(frozen=True)
class Episode:
    """One target domain left out, with one seed's split of the others."""

    target: str
    seed: int
    train: FeatureSet
    validation: FeatureSet
    test: FeatureSet


def leave_one_domain_out(
    data: FeatureSet, target: str, seed: int, train_fraction: float = 0.8
) -> Episode:
    """Everything of `target` is test; every other domain is split into train and validation.

    Where a manifest names splits they are kept: source images marked `test` are not used, and of
    the target only those marked `test`, if there are any.

    Args:
        data: features with known domains.
        target: name of the domain to leave out.
        seed: of the split.
        train_fraction: share of each source domain and class that is trained on.

    Raises:
        DataError: domains are unknown, `target` is none of them, there is only one, or no images
            are left to train or test on.
    """
    check_domains(data, [target])
    is_target = data.domains == data.domain_names.index(target)
    sources = (~is_target).nonzero().flatten().numpy()
    held_out = is_target.nonzero().flatten().numpy()
    for rows, place in ((held_out, "in"), (sources, "outside of")):
        if not len(rows):
            raise DataError(
                f"There is no image {place} the domain {target!r}, so it cannot be left out; "
                "choose another target or give more images."
            )
    splits = data.splits
    split = make_split(
        None if splits is None else splits[sources],
        data.labels[sources].numpy(),
        data.domains[sources].numpy(),
        train_fraction=train_fraction,
        seed=seed,
    )
    if splits is not None and (splits[held_out] == "test").any():
        held_out = held_out[splits[held_out] == "test"]
    return Episode(
        target=target,
        seed=seed,
        train=data.subset(sources[split.train]),
        validation=data.subset(sources[split.validation]),
        test=data.subset(held_out),
    )


def check_domains(data: FeatureSet, targets: Sequence[str]) -> None:
    """Raise DataError unless `data` has at least two domains and all `targets` among them."""
    if data.domains is None:
        raise DataError(
            "Leaving one domain out needs known domains, but these images have none: arrange them "
            "as domain/class/image, or give a manifest with a 'domain' column. Without domains, "
            "'ldpf train' and 'ldpf evaluate' do the work."
        )
    if len(data.domain_names) < 2:
        raise DataError(
            f"Leaving one domain out needs at least 2 domains, but there is only "
            f"{data.domain_names[0]!r}."
        )
    unknown = [name for name in targets if name not in data.domain_names]
    if unknown:
        raise DataError(
            f"There is no domain {unknown[0]!r}; the domains are {', '.join(data.domain_names)}."
        )


def run_benchmark(
    data: FeatureSet,
    dataset_name: str,
    backbone: Backbone,
    plan: BenchmarkPlan,
    out: Path,
    *,
    on_run: Callable[[dict[str, Any], bool], None] | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Run whatever of `plan` is not done yet and write `out/results.jsonl`.

    A finished run is never repeated, an unfinished one goes on from its checkpoint, and one that
    fails is reported at the end and stops no other.

    Args:
        on_run: called after each run with its first result line and whether it was done before.

    Returns:
        The result lines of the plan, and a sentence for each failed run.

    Raises:
        DataError: see `check_domains`.
    """
    targets = list(plan.targets or data.domain_names)
    check_domains(data, targets)
    digest = _digest_with_splits(data)
    trained = list(dict.fromkeys(get_readout(name).trained_as for name in plan.methods))
    lines: list[dict[str, Any]] = []
    failures: list[str] = []
    for target in targets:
        for seed in range(plan.seeds):
            try:
                episode = leave_one_domain_out(data, target, seed, plan.train_fraction)
            except DataError as error:
                failures.append(f"target {target}, seed {seed}: {error}")
                continue
            for name in trained:
                method = make_method(name, plan.recipe, plan.n_domains)
                settings = run_settings(method, name, dataset_name, digest, backbone, episode, plan)
                folder = RunFolder(out / "runs", settings)
                try:
                    before = folder.done
                    results = (
                        folder.results() if before else run_one(method, episode, backbone, folder)
                    )
                except LdpfError as error:
                    failures.append(f"{name}, target {target}, seed {seed}: {error}")
                    if folder.path.exists():
                        folder.fail(str(error))
                    continue
                lines += [line for line in results if line["method"] in plan.methods]
                write_results(out / "results.jsonl", lines)
                if on_run is not None:
                    on_run(results[0], before)
    return lines, failures


def _digest_with_splits(data: FeatureSet) -> str:
    """The digest of the images and, where a manifest names splits, of these: both decide a run."""
    if data.splits is None:
        return data.digest()
    return hashlib.sha256("\n".join([data.digest(), *data.splits]).encode()).hexdigest()


def run_settings(
    method: Method,
    name: str,
    dataset_name: str,
    digest: str,
    backbone: Backbone,
    episode: Episode,
    plan: BenchmarkPlan,
) -> dict[str, Any]:
    """Everything the result of a run depends on, ready for JSON and for the hash."""
    return {
        "result_version": RESULT_VERSION,
        "dataset": dataset_name,
        "data_digest": digest,
        "fingerprint": backbone.fingerprint,
        "method_name": name,
        "method": asdict(method),
        "target": episode.target,
        "seed": episode.seed,
        "train_fraction": plan.train_fraction,
        "selection": SELECTION if method.learns else "none",
    }


def run_one(
    method: Method, episode: Episode, backbone: Backbone, folder: RunFolder
) -> list[dict[str, Any]]:
    """Train, then look at the target once: a result line for the method and each read-out."""
    record = RunRecord(folder.open())
    reset_peak_memory()
    started = time.perf_counter()
    classifier = method.fit(
        episode.train, episode.validation, backbone, seed=episode.seed, record=record
    )
    seconds = time.perf_counter() - started + record.seconds_before
    peak = peak_memory_mib()
    settings, test = folder.settings, episode.test
    n_classes = len(test.class_names)
    results = []
    for name, readout in READOUTS.items():
        if readout.trained_as != settings["method_name"]:
            continue
        predictions = readout.predict(classifier, test.features, test.labels)
        results.append(
            {
                "dataset": settings["dataset"],
                "method": name,
                "target": episode.target,
                "seed": episode.seed,
                "recipe": method.recipe.name if method.learns else "none",
                "selection": settings["selection"],
                "oracle": readout.oracle,
                "accuracy": accuracy(predictions, test.labels),
                "n_test": len(test),
                "n_train": len(episode.train),
                "n_validation": len(episode.validation),
                "seconds": round(seconds, 3),
                "text_passes": classifier.training["text_passes"],
                "peak_memory_mib": round(peak, 1),
                "settings_hash": folder.hash,
                "backbone": backbone.name,
                "fingerprint": backbone.fingerprint,
                "class_names": list(test.class_names),
                "per_class_accuracy": per_class_accuracy(predictions, test.labels, n_classes),
                "confusion": confusion_counts(predictions, test.labels, n_classes),
                "training": classifier.training,
                "versions": versions(),
            }
        )
    folder.finish(results)
    return results


def versions() -> dict[str, str]:
    """Versions that stand in every result."""
    return {
        "ldpf": ldpf.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }
