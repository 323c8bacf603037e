"""What a report is made of, whether it comes from a benchmark or from a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ldpf.doctor import Finding
    from ldpf.evaluation.bootstrap import Right
    from ldpf.evaluation.per_prompt import PromptAnswers
    from ldpf.inspection.latent_summary import LatentImages
    from ldpf.report.tables.benchmark_table import BenchmarkTable

ALL = "all images"
"""Name of the one target where domains are unknown."""


@dataclass(frozen=True)
class Run:
    """What was answered for the N images of one target with one seed.

    Attributes:
        labels: [N] true class ids.
        predictions: by method or read-out, the class ids [N] it answered.
        confidence: by method or read-out, the probability [N] of its answer, where kept.
        paths: of the images; None where they were not kept.
        prompts: what each prompt of the main method said; None without latent domains.
        bound: [N] the class answered if the best prompt of the main method were always chosen;
            None where that was not kept.
        folder: of the main method's run of a benchmark; None for a model, or where it is missing.
    """

    labels: np.ndarray
    predictions: Mapping[str, np.ndarray]
    confidence: Mapping[str, np.ndarray] = field(default_factory=dict)
    paths: tuple[str, ...] | None = None
    prompts: PromptAnswers | None = None
    bound: np.ndarray | None = None
    folder: Path | None = None

    def right(self, method: str) -> np.ndarray:
        """Which images [N] a method got right."""
        return self.predictions[method] == self.labels

    def reachable(self) -> np.ndarray | None:
        """Which images [N] any prompt of the main method gets right; None where unknown."""
        if self.prompts is not None:
            return (self.prompts.votes.numpy() == self.labels[:, None]).any(axis=1)
        return None if self.bound is None else self.bound == self.labels


@dataclass(frozen=True)
class Training:
    """One set of latent domains and how it came about.

    Attributes:
        name: what was trained, in words, such as "without sketch".
        targets: the targets it answered for.
        measured: as `DomainDiscovery.measure()` has it, or a part of that.
        similarity: [S][S] mean cosines of the prompts; empty where not measured.
        latent: images in the latent domains; None where they are not at hand.
        words: for each latent domain its nearest style words with scores; None where not at hand.
    """

    name: str
    targets: tuple[str, ...]
    measured: Mapping[str, Any] = field(default_factory=dict)
    similarity: list[list[float]] = field(default_factory=list)
    latent: LatentImages | None = None
    words: list[list[tuple[str, float]]] | None = None


@dataclass(frozen=True)
class Findings:
    """Everything a report shows.

    Attributes:
        kind: `benchmark` or `model`.
        title: of the report.
        main: the method it is about.
        class_names: the K classes.
        targets: what it was measured on, one after the other; empty where nothing was measured.
        seeds: of the runs; pictures are of the first.
        oracles: the read-outs that need true labels.
        runs: by target and seed.
        table: accuracies of all methods; None where nothing was measured.
        trainings: the latent domains; empty for a method without any.
        facts: (name, value), for the head.
        trained_on: rows of (target, learned from, train, validation, test images), as text.
        commands: that make the results, this report last.
        versions: of the libraries.
        backbone: its name and fingerprint.
        run_names: (run, settings hash), for those who look for the files.
        root: the folder that paths of images start from; None where there are no pictures.
        no_pictures: why there are none, and what to do, in a sentence.
        no_answers: why answers or probabilities are missing, and what to do, in a sentence.
        no_latent: why there is nothing to see of the latent domains, and what to do, in a sentence.
        notes: what else to know of the measurement, in sentences.
        learned: whether the model learned from images.
        target_seen: whether checkpoints were chosen by true labels of a part of each target.
        signs: what the doctor says; empty where it was not asked.
        expected: what to expect of the model at the sites it knows and at a new one, in sentences.
        sites: by target and seed, what the model said of the target without its labels; see
            `ldpf.expectation.site_record`.
    """

    kind: str
    title: str
    main: str
    class_names: tuple[str, ...]
    targets: tuple[str, ...]
    seeds: tuple[int, ...]
    oracles: frozenset[str]
    runs: Mapping[tuple[str, int], Run]
    table: BenchmarkTable | None
    trainings: tuple[Training, ...]
    facts: tuple[tuple[str, str], ...]
    trained_on: tuple[tuple[str, ...], ...]
    commands: tuple[str, ...]
    versions: Mapping[str, str]
    backbone: tuple[str, str]
    run_names: tuple[tuple[str, str], ...] = ()
    root: Path | None = None
    no_pictures: str = ""
    no_answers: str = ""
    no_latent: str = ""
    notes: tuple[str, ...] = ()
    learned: bool = True
    target_seen: bool = False
    signs: tuple[Finding, ...] = ()
    expected: tuple[str, ...] = ()
    sites: Mapping[tuple[str, int], Mapping[str, Any]] = field(default_factory=dict)

    @property
    def methods(self) -> list[str]:
        """Every method and read-out with answers, in the order of the runs."""
        return list(dict.fromkeys(m for run in self.runs.values() for m in run.predictions))

    def right(self, method: str) -> Right:
        """Which images a method got right, by target and seed."""
        return {
            key: run.right(method) for key, run in self.runs.items() if method in run.predictions
        }

    def shown(self, target: str) -> Run | None:
        """The run of a target whose pictures are shown: the main method's of the first seed."""
        runs = (self.runs.get((target, seed)) for seed in self.seeds)
        return next((run for run in runs if run and self.main in run.predictions), None)

    def training(self, target: str) -> Training | None:
        """The latent domains that answered for a target."""
        return next((one for one in self.trainings if target in one.targets), None)
