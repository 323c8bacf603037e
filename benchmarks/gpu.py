#!/usr/bin/env python
"""What a GPU gives: images, text steps and whole trainings, one JSON object a line.

    python benchmarks/gpu.py                        everything, on CUDA; about three minutes
    python benchmarks/gpu.py --part texts           one of images, texts, runs
    python benchmarks/gpu.py --device cpu --tower tiny --images 20 --steps 3 --rows 200   a trial

Weights are random and of the size of ViT-B/16, nothing is downloaded. Lines:

- `device`: what the numbers were measured on.
- `images`: images a second of the image tower alone (`forward`, by batch size and precision, pixels
  on the card), of reading, decoding and preprocessing alone (`decode`), and of `ldpf features` from
  files to features (`end_to_end`), with its share of the smaller of the two.
- `texts`: forward and backward pass in milliseconds, median of the repeats: the encoder's own way
  (`shared`), the same as a CUDA graph where there is one (`graph`), the tower's own layers over all
  77 positions (`reference`), with the largest relative difference of values and gradients to it.
- `runs`: 12 trainings of the size of Office-Home (65 classes, 15,588 rows of features, 4 targets
  left out in turn, 3 seeds) by `ldpf benchmark`'s own code: seconds in all (with every fusion rule
  and head read off each training), the longest training (all share their text passes), text passes,
  steps, and the images that a training sees over its training images (`epochs_worth`). Then,
  for the paper's recipe (batches of 32 for 20 epochs), the time of its steps over some of them
  (`step_ms`), and what all steps of 12 runs come to at that rate (`seconds_at_this_rate`).
- `peak_mib` in each: the largest memory on the card (of the process, on a CPU).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F

from image_workload import decode_rate, end_to_end_rate, write_photos
from ldpf.backbones import Backbone
from ldpf.backbones.devices import pick_device, place
from ldpf.data.images import default_workers
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.runner import run_benchmark
from ldpf.features.feature_set import FeatureSet
from ldpf.methods import make_method
from ldpf.text import PromptedTextEncoder
from ldpf.text.graphs import differences, record
from ldpf.training.recipe import PAPER, RECIPES
from ldpf.utils.resources import peak_memory_mib, reset_peak_memory
from random_clip import TOWERS, class_names, random_clip
from text_workload import Pass

CASES = ((7, 1), (65, 1), (65, 3), (345, 3), (65, 36))
"""Classes and prompts of a text step; the last one is that of 12 runs with 3 prompts each."""

CLASSES, DOMAINS, TARGETS, SEEDS = 65, ("art", "clipart", "product", "real"), 4, 3


def say(part: str, **values: object) -> None:
    """One JSON line."""
    rounded = {k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in values.items()}
    print(json.dumps({"part": part, **rounded}), flush=True)


def wait(device: torch.device) -> None:
    """Until everything that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def median_seconds(function: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Wall time of a call, after two to warm up."""
    times = []
    for number in range(repeats + 2):
        wait(device)
        start = time.perf_counter()
        function()
        wait(device)
        if number >= 2:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure_images(backbone: Backbone, options: argparse.Namespace) -> None:
    """Image tower alone, decoding alone, and both together."""
    device = backbone.device
    forward = 0.0
    for precision in ("float32", "bfloat16"):
        for batch in options.batches:
            pixels = torch.randn(batch, 3, 224, 224, device=device)
            reset_peak_memory(device)

            def tower(pixels: torch.Tensor = pixels, low: bool = precision != "float32") -> None:
                with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=low):
                    backbone.model.get_image_features(pixel_values=pixels)

            rate = batch / median_seconds(tower, device, 5)
            if precision == "float32":
                forward = max(forward, rate)
            say(
                "images",
                what="forward",
                precision=precision,
                batch=batch,
                images_per_s=rate,
                peak_mib=peak_memory_mib(device),
            )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = write_photos(folder / "photos" / "any", options.images)
        decode = decode_rate(photos, backbone)
        say("images", what="decode", workers=default_workers(), images_per_s=decode)
        reset_peak_memory(device)
        rate = end_to_end_rate(photos, backbone, folder / "cache")
        say(
            "images",
            what="end_to_end",
            images_per_s=rate,
            share_of_the_smaller=rate / min(forward, decode),
            peak_mib=peak_memory_mib(device),
        )


def measure_texts(backbone: Backbone, options: argparse.Namespace) -> None:
    """A pass forward and backward: shared prefix against all 77 positions."""
    device, width = backbone.device, backbone.text.width
    draws = torch.Generator().manual_seed(0)
    for n_classes, n_prompts in options.cases:
        names = class_names(n_classes)
        contexts = (0.02 * torch.randn(n_prompts, 12, width, generator=draws)).to(device)
        upstream = torch.randn(n_prompts, n_classes, width, generator=draws).to(device)
        line: dict[str, object] = {"classes": n_classes, "prompts": n_prompts}
        results = {}
        for path in ("shared", "reference"):
            encoder = PromptedTextEncoder(backbone.text, names, path=path)
            choice = encoder.choose_class_chunk(n_prompts, 12, options.budget_mib)
            encoder = encoder.with_class_chunk(choice.class_chunk)

            step = Pass(encoder, contexts, upstream)
            reset_peak_memory(device)
            results[path] = step()
            line[f"{path}_ms"] = 1e3 * median_seconds(step, device, options.repeats)
            line[f"{path}_peak_mib"] = peak_memory_mib(device)
        if device.type == "cuda":
            line |= measure_graph(PromptedTextEncoder(backbone.text, names), contexts, upstream)
        line["faster"] = line["reference_ms"] / line["shared_ms"]
        line["difference"] = max(
            float((a - b).abs().max() / b.abs().max())
            for a, b in zip(results["shared"], results["reference"], strict=True)
        )
        say("texts", **line)


def measure_graph(
    encoder: PromptedTextEncoder, contexts: torch.Tensor, upstream: torch.Tensor
) -> dict[str, object]:
    """The same pass as a CUDA graph: time, and largest differences to the one without."""
    graph = record(encoder, contexts)
    if graph is None:
        return {"graph_ms": None}
    of_features, of_gradients = differences(graph, encoder, contexts)

    def step() -> None:
        inputs = contexts.clone().requires_grad_()
        graph(inputs).backward(upstream)

    return {
        "graph_ms": 1e3 * median_seconds(step, contexts.device, 10),
        "graph_difference": of_features,
        "graph_gradient_difference": of_gradients,
    }


def drawn_features(backbone: Backbone, rows: int) -> FeatureSet:
    """Rows of features with classes and domains in them."""
    draws = torch.Generator().manual_seed(0)
    dim = backbone.embed_dim
    classes = torch.randn(CLASSES, dim, generator=draws)
    domains = torch.randn(len(DOMAINS), dim, generator=draws)
    labels = torch.arange(rows) % CLASSES
    ids = torch.arange(rows) * len(DOMAINS) // rows
    noise = torch.randn(rows, dim, generator=draws)
    features = classes[labels] + 0.7 * domains[ids] + 1.5 * noise
    return FeatureSet(
        features=F.normalize(features, dim=1),
        labels=labels,
        domains=ids,
        class_names=class_names(CLASSES),
        domain_names=DOMAINS,
        paths=tuple(f"{i}.jpg" for i in range(rows)),
    )


def measure_runs(backbone: Backbone, options: argparse.Namespace) -> None:
    """Twelve trainings with the default recipe, and steps of the paper's."""
    device = backbone.device
    data = drawn_features(backbone, options.rows)
    recipe = RECIPES["steady"]
    if options.steps is not None:
        recipe = replace(recipe, max_steps=options.steps)
    with tempfile.TemporaryDirectory() as folder:
        plan = BenchmarkPlan(methods=["ldpf"], recipe=recipe, seeds=SEEDS)
        reset_peak_memory(device)
        start = time.perf_counter()
        lines, failures = run_benchmark(
            data, "drawn", backbone, plan, Path(folder), share=options.share
        )
        seconds = time.perf_counter() - start
    if failures:
        raise SystemExit("\n".join(failures))
    n_train = int(0.8 * options.rows * (len(DOMAINS) - 1) / len(DOMAINS))
    steps = recipe.steps(n_train)
    say(
        "runs",
        recipe=recipe.name,
        runs=len(lines),
        shared_passes=options.share,
        rows=options.rows,
        seconds=seconds,
        longest_training_s=max(line["seconds"] for line in lines),
        steps_each=steps,
        epochs_worth=steps * min(recipe.image_batch, n_train) / n_train,
        text_passes=sum(line["text_passes"] for line in lines),
        peak_mib=peak_memory_mib(device),
    )
    measure_paper(data, n_train, backbone, options)


def measure_paper(
    data: FeatureSet, n_train: int, backbone: Backbone, options: argparse.Namespace
) -> None:
    """Time of a step of the paper's recipe for LDPF, over its first steps."""
    paper = replace(PAPER, max_epochs=None, max_steps=2, warmup_epochs=0)
    paper = replace(paper, round_every=10**9, evaluate_every=10**9)
    train, rest = (data.subset(rows) for rows in torch.arange(len(data)).split(n_train))
    seconds = []
    for steps in (2, 2, options.paper_steps):  # the first one warms up
        method = make_method("ldpf", replace(paper, max_steps=steps))
        start = time.perf_counter()
        method.fit(train, rest, backbone, seed=0)
        wait(backbone.device)
        seconds.append(time.perf_counter() - start)
    step = (seconds[2] - seconds[1]) / (options.paper_steps - 2)
    all_steps = PAPER.steps(n_train)
    say(
        "runs",
        recipe="paper",
        measured_steps=options.paper_steps - 2,
        step_ms=1e3 * step,
        steps_each=all_steps,
        seconds_at_this_rate=12 * all_steps * step,
    )


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    parts = {"images": measure_images, "texts": measure_texts, "runs": measure_runs}
    add("--part", action="append", choices=parts, help="only this one; may be repeated")
    add("--device", default="cuda")
    add("--tower", default="vit-b-16", choices=TOWERS)
    add("--images", type=int, default=1000, help="photos to decode")
    add("--batches", type=int, nargs="+", default=[64, 256])
    add("--cases", type=parse_case, nargs="+", default=CASES, metavar="K,S")
    add("--repeats", type=int, default=10)
    add("--budget-mib", type=float, default=30_000.0, help="memory of a text pass, else in chunks")
    add("--rows", type=int, default=15_588)
    add("--steps", type=int, help="of each run, instead of the recipe's")
    add("--paper-steps", type=int, default=200)
    add("--no-share", dest="share", action="store_false", help="runs take their own text passes")
    options = parser.parse_args()
    device = pick_device(options.device)
    cuda = device.type == "cuda"
    say(
        "device",
        device=torch.cuda.get_device_name(device) if cuda else str(device),
        torch=torch.__version__,
        processors=default_workers(),
        float32_products=torch.get_float32_matmul_precision(),
    )
    backbone = random_clip(options.tower)
    place(backbone, device)
    for part in options.part or parts:
        start = time.perf_counter()
        parts[part](backbone, options)
        say("time", of=part, seconds=time.perf_counter() - start)


def parse_case(text: str) -> tuple[int, int]:
    """K and S of "K,S"."""
    classes, _, prompts = text.partition(",")
    if not (classes.isdigit() and prompts.isdigit() and int(classes) and int(prompts)):
        raise argparse.ArgumentTypeError(f"{text!r} is not K,S with two positive numbers")
    return int(classes), int(prompts)


if __name__ == "__main__":
    main()
