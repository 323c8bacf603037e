"""What a long job will take, before it begins: the work of `--estimate`.

A few images are really encoded, and what follows is really done, in a temporary folder, on a part
of the images and with a few steps of each training (`ldpf.training.probe`). How many images, runs,
steps and text passes there are is counted. Seconds are measured here and now, and extended along
the number of images by two parts of different size.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ldpf.backbones.styled import StyledBackbone
from ldpf.data import EmbeddedImages, require_trainable
from ldpf.errors import DataError, LdpfError
from ldpf.experiments.engines import DEFAULT_ENGINE, ENGINES
from ldpf.experiments.experiment import Job
from ldpf.experiments.pool import choose_jobs
from ldpf.experiments.run import do_run, finished_before
from ldpf.experiments.runner import experiment_of, tasks_of
from ldpf.features.engines.choose import with_engine
from ldpf.features.extract import Extraction
from ldpf.features.feature_set import FeatureSet
from ldpf.features.sampling import EncodingSample, sample_encoding
from ldpf.utils.cache_dir import cache_root
from ldpf.utils.quiet import quiet
from ldpf.utils.resources import peak_memory_mib, reset_peak_memory
from ldpf.utils.shards import Shard, shard_of
from ldpf.utils.span import Span
from ldpf.utils.ways import setting
from ldpf.workflows.benchmarking import make_plan
from ldpf.workflows.defaults import SELECTION
from ldpf.workflows.estimates import ABOVE, BELOW, Estimate, unreadable_note
from ldpf.workflows.inputs import AnyBackbone, Images, ListedImages, list_images
from ldpf.workflows.search import search_space
from ldpf.workflows.training import any_needs_style, method_of, train
from ldpf.workflows.trials import Cost, side_by_side, threads, tried, warmed

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.experiments.plan import BenchmarkPlan, Task

_MIB = 2**20
_OF_METHOD = ("method", "recipe", "n_domains", "tau", "settings", "preset")


@dataclass(frozen=True)
class _StandIn(ListedImages):
    """Images whose features are there already, or are made up."""

    features: FeatureSet | None = None

    def encode(self, backbone: Backbone, **_: Any) -> Extraction:
        """The features."""
        assert self.features is not None
        return Extraction(self.features, encoded=0, seconds=0.0)


def estimate_encoding(
    data: Images,
    backbone: AnyBackbone | None = None,
    *,
    verify: bool = False,
    shard: Shard | str | None = None,
    device: str = "auto",
    out: str | Path | None = None,
) -> Estimate:
    """What `encode` would take; nothing is kept.

    Args:
        data, backbone, verify, shard, device, out: as in `encode`.

    Raises:
        LdpfError: as in `encode`.
    """
    started = time.perf_counter()
    part = shard_of(shard)
    images = list_images(data)
    if isinstance(images.dataset, EmbeddedImages):
        raise DataError(f"{images.source.source} holds embeddings; there is no image to encode.")
    frozen = images.open_backbone(backbone, device)
    opened = time.perf_counter() - started
    dataset = images.dataset
    if part is not None:
        dataset = dataset.subset([i for i, path in enumerate(dataset.paths) if part.has(path)])
    reset_peak_memory(frozen.device)
    sample = _sample(replace(images, dataset=dataset), frozen, verify=verify)
    peak = peak_memory_mib(frozen.device)
    written = sample.cache_bytes
    if out is not None:
        written += sum(4 * frozen.embed_dim + 2 * len(path) for path in dataset.paths)
    return Estimate(
        job="features",
        seconds=(_encoding_seconds(sample) + Span(opened, opened)).widened(BELOW, ABOVE),
        memory_mib=Span(peak, 1.2 * peak),
        disk_mib=Span(written / _MIB, 1.02 * written / _MIB),
        images=len(dataset),
        to_encode=sample.encoded,
        images_per_second=sample.rate,
        notes=tuple(unreadable_note(sample.unreadable, sample.looked_at)),
    )


def estimate_training(
    data: Images, *, backbone: AnyBackbone | None = None, device: str = "auto", **options: Any
) -> Estimate:
    """What `train` would take.

    Args:
        data, backbone, device: as in `train`.
        options: other arguments of `train`, but `out`; `track` and `fail_on_leaks` change nothing.

    Raises:
        LdpfError: as in `train`.
    """
    started = time.perf_counter()
    images = list_images(data)
    require_trainable(images.dataset)
    frozen = images.open_backbone(backbone, device)
    opened = time.perf_counter() - started
    kept = {k: v for k, v in options.items() if k not in ("track", "fail_on_leaks", "out")}
    asked = {name: kept[name] for name in _OF_METHOD if name in kept}
    learner = method_of(**asked)
    search = kept.get("search", ()), kept.get("trials"), kept.get("selection", SELECTION)
    style = any_needs_style(learner, search_space(*search, learner), kept.get("seed", 0))
    sample = _sample(images, frozen, style=style)
    features = _features(images, sample, frozen)

    def work(part: FeatureSet, folder: Path) -> None:
        listed = images.dataset
        if len(part) < len(listed):
            row = {path: i for i, path in enumerate(listed.paths)}
            listed = listed.subset([row[path] for path in part.paths])
        stand_in = _StandIn(listed, images.source, part)
        train(stand_in, folder / "model", backbone=frozen, device=device, **kept)

    cost = tried(work, features, frozen.device)
    seconds = _encoding_seconds(sample) + cost.seconds + Span(opened, opened)
    disk = cost.disk_mib + sample.cache_bytes / _MIB
    return Estimate(
        job="train",
        seconds=seconds.widened(BELOW, ABOVE),
        memory_mib=cost.memory_mib,
        disk_mib=Span(0.9 * disk, 1.2 * disk),
        images=len(images.dataset),
        to_encode=sample.encoded,
        images_per_second=sample.rate,
        text_passes=cost.text_passes,
        notes=tuple(unreadable_note(sample.unreadable, sample.looked_at)),
    )


def estimate_benchmark(
    data: Images = "demo",
    out: str | Path = "results",
    *,
    backbone: AnyBackbone | None = None,
    jobs: int | None = None,
    shard: Shard | str | None = None,
    engine: str = DEFAULT_ENGINE,
    gpus_per_run: float | None = None,
    device: str = "auto",
    **options: Any,
) -> Estimate:
    """What `benchmark` would take; runs that `out` has are not counted again.

    Args:
        data, out, backbone, jobs, shard, engine, gpus_per_run, device: as in `benchmark`.
        options: what is compared, and how; see `ldpf.workflows.benchmarking.make_plan`.

    Raises:
        LdpfError: as in `benchmark`; or a run cannot be done.
    """
    started = time.perf_counter()
    part = shard_of(shard)
    place = ENGINES.make(engine, jobs=jobs, gpus_per_run=gpus_per_run)
    plan = make_plan(**options)
    images = list_images(data)
    dataset = images.dataset
    plan.rules.check(dataset, plan.targets or ())
    require_trainable(dataset)
    frozen = images.open_backbone(backbone, device)
    opened = time.perf_counter() - started
    tasks = plan.tasks(dataset.domain_names)
    tasks = tasks if part is None else tasks_of(part, tasks)
    learning = sum(plan.make(task.method).learns for task in tasks)
    beside = jobs or choose_jobs(learning, frozen.device)[0]
    sample = _sample(images, frozen, style=plan.needs_style)
    features = _features(images, sample, frozen)
    left = tasks
    if not sample.encoded:  # runs of other features are other runs
        runs = experiment_of(features, dataset.name, frozen, plan, Path(out) / "runs")
        left = [task for task in tasks if finished_before(runs, Job.of(task, plan)) is None]
    costs: dict[str, Cost] = {}
    with threads(max(1, torch.get_num_threads() // beside)):
        for task in {task.method: task for task in reversed(left)}.values():
            work = _run(task, plan, dataset.name, frozen)
            opened += warmed(work, features, frozen.device)
            costs[task.method] = tried(work, features, frozen.device)
    each = [costs[task.method] for task in left]
    seconds = side_by_side([cost.seconds for cost in each], min(beside, max(len(each), 1)))
    seconds += _encoding_seconds(sample) + Span(opened, opened)
    peak = Span(
        max((cost.memory_mib.low for cost in each), default=0.0),
        max((cost.memory_mib.high for cost in each), default=0.0),
    )
    disk = sum(cost.disk_mib for cost in each) + sample.cache_bytes / _MIB
    notes = list(unreadable_note(sample.unreadable, sample.looked_at))
    if not place.on_this_machine:
        notes.append(f"Time is that of this machine, not of what {setting('engine', engine)} has.")
    if frozen.device.type != "cpu":
        notes.append("Runs that share their text passes take less time.")
    return Estimate(
        job="benchmark",
        seconds=seconds.widened(BELOW, ABOVE),
        memory_mib=peak * beside,
        disk_mib=Span(0.9 * disk, 1.2 * disk),
        images=len(dataset),
        to_encode=sample.encoded,
        images_per_second=sample.rate,
        runs=len(tasks),
        runs_done=len(tasks) - len(left),
        jobs=beside,
        text_passes=sum((cost.text_passes for cost in each), start=Span()),
        notes=tuple(notes),
    )


def _sample(
    images: ListedImages, frozen: Backbone, *, style: bool = False, verify: bool = False
) -> EncodingSample:
    """Encode a few images by the engine and with the cache of the job itself."""
    root = images.source.cache_dir or cache_root()
    encoder: Any = StyledBackbone(frozen) if style else frozen
    with quiet():
        if not style and not isinstance(images.dataset, EmbeddedImages):
            encoder = with_engine(frozen, images.source.image_engine, root)
        return sample_encoding(images.dataset, encoder, root, verify=verify)


def _features(images: ListedImages, sample: EncodingSample, frozen: Backbone) -> FeatureSet:
    """The features of the sample, and style statistics where they stand behind them."""
    width = frozen.embed_dim
    known = FeatureSet.of(images.dataset, sample.features[:, :width].contiguous())
    style = sample.features[:, width:]
    return replace(known, style=style.contiguous()) if style.shape[1] else known


def _encoding_seconds(sample: EncodingSample) -> Span:
    if sample.rate is None:
        return Span()
    return Span(sample.encoded / sample.rate.high, sample.encoded / sample.rate.low)


def _run(
    task: Task, plan: BenchmarkPlan, name: str, frozen: Backbone
) -> Callable[[FeatureSet, Path], None]:
    """What a run does."""

    def work(part: FeatureSet, folder: Path) -> None:
        outcome = do_run(experiment_of(part, name, frozen, plan, folder), Job.of(task, plan))
        if outcome.failure is not None:
            raise LdpfError(f"{task} cannot be done: {outcome.failure}")

    return work
