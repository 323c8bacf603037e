#!/usr/bin/env python
"""Speed, memory and exactness of the prompted text encoder: shared prefix against the reference.

    python benchmarks/text_encoder.py                        a table over five cases
    python benchmarks/text_encoder.py --case 65,3 --json     one JSON object per case
    python benchmarks/text_encoder.py --chunked 1000,3       training in class chunks, peak memory

A case is K classes and S prompts of 12 tokens. The tower has the size of a ViT-B/16 CLIP's (width
512, 8 heads, 12 layers, vocabulary 49408) and random weights: time, memory and rounding do not
depend on what was learned. How the numbers come about:

- Time: forward pass, and backward pass from a fixed upstream gradient into the contexts; median of
  the repeats, after a warm-up. The three paths take turns within one run, so that other work on the
  machine slows all of them: compare ratios within one run, not times of different runs. One thread
  unless --threads says more: on a busy machine threads mostly wait for each other at the end of
  each operation, which costs the path with the smallest operations most.
- Where a pass of the model's own layers would need more than --budget-mib, it is run in pieces of
  some classes, forward and backward each, once, and the times are added up. Given the upstream
  gradient, classes do not depend on each other, so this is the same work; `pieces` counts them.
- Memory on the CPU: in a process of its own, highest resident memory during a path's first pass
  minus the resident memory before it, so copies of weights count. Of a pass in pieces, one piece
  is measured and scaled to all classes (`reference_mib_scaled`). CUDA: the allocator's peak.
- max_relative_error: largest difference of values or gradients over the largest size.
- matmul_share: floating point operations of the shared path's matrix products (linear layers and
  attention, nothing recomputed counted) per second in its fastest repeat, over the fastest
  torch.matmul between the passes of this run, in float32 and with as many threads.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ldpf.utils.resources import peak_memory_mib
from text_memory import peak_mib
from text_workload import CONTEXT_TOKENS, Pass, Sizes, Workload

CASES = ((7, 1), (65, 1), (65, 3), (345, 3), (1000, 1))
PATHS = ("shared", "truncated", "reference")


def measure(sizes: Sizes, case: tuple[int, int], budget_mib: float, repeats: int) -> dict:
    """All numbers of one case but memory."""
    work = Workload.draw(sizes, *case)
    steps = {path: work.pieces(path, budget_mib) for path in PATHS[1:]}
    shared = work.whole("shared")
    rate = MatmulRate(sizes.device)
    in_pieces = len(steps["reference"]) > 1
    for step in (shared, steps["truncated"][0], *([] if in_pieces else steps["reference"])):
        step()
    times: dict[str, list[float]] = {path: [] for path in PATHS}
    for _ in range(1 if in_pieces else repeats):
        results: dict[str, list] = {path: [] for path in steps}
        for path in steps:
            spent = 0.0
            for step in steps[path]:
                seconds, result = timed(step, sizes.device)
                spent += seconds
                results[path].append(result)
                # Beside every piece, so that all paths see the same other load.
                seconds, fast = timed(shared, sizes.device)
                times["shared"].append(seconds)
                rate.measure()
            times[path].append(spent)
    values, gradients = zip(*results["reference"], strict=True)
    expected = torch.cat(values, dim=1), torch.stack(gradients).sum(0)
    took = {path: statistics.median(values) for path, values in times.items()}
    flops = matmul_flops(shared)
    return {
        "classes": case[0],
        "prompts": case[1],
        **{f"{path}_s": took[path] for path in reversed(PATHS)},
        "speedup": took["reference"] / took["shared"],
        "speedup_over_truncated": took["truncated"] / took["shared"],
        "max_relative_error": max(map(relative_error, fast, expected)),
        "matmul_share": flops / min(times["shared"]) / rate.best,
        "matmul_gflops": rate.best / 1e9,
        **{
            f"{path}_tokens": work.whole(path).encoder.tokens_per_pass(case[1], CONTEXT_TOKENS)
            for path in reversed(PATHS)
        },
        "pieces": len(steps["reference"]),
        "repeats": {path: len(values) for path, values in times.items()},
        "threads": torch.get_num_threads(),
        "device": sizes.device,
    }


def timed(function: Callable[[], object], device: str) -> tuple[float, object]:
    """Wall time of a call in seconds, and its result."""
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    result = function()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


class MatmulRate:
    """The fastest float32 matrix product seen so far, in FLOP/s."""

    SHAPES = ((512, 512, 2048), (1024, 1024, 1024), (2048, 2048, 2048), (4096, 512, 2048))

    def __init__(self, device: str) -> None:
        self.best, self.device = 0.0, device
        self.pairs = [
            (torch.randn(m, k, device=device), torch.randn(k, n, device=device))
            for m, k, n in self.SHAPES
        ]

    def measure(self) -> None:
        """Try every shape twice more."""
        for left, right in self.pairs * 2:
            seconds, _ = timed(lambda left=left, right=right: left @ right, self.device)
            self.best = max(self.best, 2 * left.shape[0] * right.numel() / seconds)


def matmul_flops(step: Pass) -> int:
    """Floating point operations of all matrix products in a pass."""

    def attention(query, key, value, *_, **__) -> int:
        batch, heads, rows, size = query
        return 2 * batch * heads * rows * key[2] * (size + value[3])

    def attention_backward(_, query, key, value, *__, **___) -> int:
        return 2 * attention(query, key, value)  # each product has two gradients

    aten = torch.ops.aten
    mapping = {
        aten._scaled_dot_product_flash_attention_for_cpu: attention,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: attention_backward,
    }
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        step()
    return counter.get_total_flops()


def relative_error(value: Tensor, expected: Tensor) -> float:
    """Largest difference over the largest size of what is expected."""
    return float((value - expected).abs().max() / expected.abs().max())


def measure_memory(sizes: Sizes, case: tuple[int, int], budget_mib: float) -> dict:
    """Peak memory of each path's pass; meant to run in a process that has done nothing before."""
    work = Workload.draw(sizes, *case)
    line: dict[str, float | bool] = {}
    for path in PATHS:  # from the smallest to the largest, where a peak cannot be set back
        steps = [work.whole(path)] if path == "shared" else work.pieces(path, budget_mib)
        share = len(steps[0].encoder) / len(work.names)
        line[f"{path}_mib"] = peak_mib(steps[0], sizes.device) / share
        line[f"{path}_mib_scaled"] = len(steps) > 1
    line["memory_ratio"] = line["reference_mib"] / line["shared_mib"]
    return line


def measure_chunked(sizes: Sizes, case: tuple[int, int], budget_mib: float) -> dict:
    """A training pass in class chunks, with the memory of the whole process; then the same without.

    Meant to run in a process that has done nothing before.
    """
    work = Workload.draw(sizes, *case)
    encoder = work.whole("shared").encoder
    choice = encoder.choose_class_chunk(case[1], CONTEXT_TOKENS, budget_mib)
    seconds, chunked = timed(work.whole("shared", choice.class_chunk), sizes.device)
    chunked_mib = peak_memory_mib(sizes.device)
    unchunked_seconds, whole = timed(work.whole("shared"), sizes.device)
    return {
        "classes": case[0],
        "prompts": case[1],
        "class_chunk": choice.class_chunk,
        "reason": choice.reason,
        "chunked_mib": chunked_mib,
        "unchunked_mib": peak_memory_mib(sizes.device),
        "chunked_s": seconds,
        "unchunked_s": unchunked_seconds,
        "max_relative_error": max(map(relative_error, chunked, whole)),
    }


def in_own_process(options: argparse.Namespace, sizes: Sizes, *arguments: str) -> dict:
    """What this file prints for `arguments` and the same sizes, as JSON."""
    same = [f"--{name}={value}" for name, value in asdict(sizes).items()]
    for name in ("budget_mib", "chunk_budget_mib", "threads"):
        same.append(f"--{name.replace('_', '-')}={getattr(options, name)}")
    command = [sys.executable, str(Path(__file__).resolve()), *same, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"A measurement in its own process failed:\n{done.stderr}")
    return json.loads(done.stdout)


def measured_cases(options: argparse.Namespace, sizes: Sizes) -> Iterator[dict]:
    """The numbers of every case asked for, memory included, as they become known."""
    for case in options.case or (() if options.chunked else CASES):
        line = measure(sizes, case, options.budget_mib, options.repeats)
        yield line | in_own_process(options, sizes, f"--memory-of={case[0]},{case[1]}")


def show(lines: list[dict], chunked: list[dict]) -> None:
    """Tables for people."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(
        *("K", "S", "full s", "cut s", "fast s", "faster", "full MiB", "fast MiB", "smaller"),
        *("error", "matmul"),
        title="full: 77 tokens, cut: truncated, fast: shared prefix",
        box=SIMPLE,
        padding=(0, 0),
    )
    for line in lines:
        scaled = "*" if line["reference_mib_scaled"] else ""
        table.add_row(
            *(str(line[key]) for key in ("classes", "prompts")),
            *(f"{line[f'{path}_s']:.3f}" for path in reversed(PATHS)),
            f"{line['speedup']:.1f}x",
            f"{line['reference_mib']:.0f}{scaled}",
            f"{line['shared_mib']:.0f}",
            f"{line['memory_ratio']:.1f}x",
            f"{line['max_relative_error']:.1e}",
            f"{line['matmul_share']:.2f}",
        )
    if lines:
        console.print(table)
    if any(line["reference_mib_scaled"] for line in lines):
        console.print("* one piece measured, scaled to all classes")
    for line in chunked:
        console.print(
            f"K={line['classes']} S={line['prompts']}: process peak {line['chunked_mib']:.0f} MiB "
            f"and {line['chunked_s']:.1f} s in chunks, {line['unchunked_mib']:.0f} MiB and "
            f"{line['unchunked_s']:.1f} s without (relative difference "
            f"{line['max_relative_error']:.1e}). {line['reason']}"
        )


def parse_case(text: str) -> tuple[int, int]:
    """K and S of "K,S"."""
    parts = text.split(",")
    if len(parts) != 2 or not all(part.isdigit() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not K,S with two positive numbers")
    return int(parts[0]), int(parts[1])


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--case", action="append", type=parse_case, metavar="K,S", help="classes and prompts")
    add("--chunked", action="append", type=parse_case, metavar="K,S", help="in class chunks")
    add("--json", action="store_true", help="print one JSON object per case")
    add("--device", default="cpu", choices=("cpu", "cuda"))
    add("--threads", type=int, default=1, help="CPU threads")
    add("--repeats", type=int, default=3, help="timed repeats of a case not run in pieces")
    add("--budget-mib", type=float, default=8000.0, help="memory the model's own layers may take")
    add("--chunk-budget-mib", type=float, default=1024.0, help="activations of --chunked")
    # For trying the benchmark out on another size.
    for name, value in (("width", 512), ("heads", 8), ("layers", 12), ("vocabulary", 49408)):
        add(f"--{name}", type=int, default=value, help=argparse.SUPPRESS)
    add("--seed", type=int, default=0, help=argparse.SUPPRESS)
    add("--memory-of", type=parse_case, help=argparse.SUPPRESS)
    add("--chunked-here", type=parse_case, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sizes = Sizes(**{field.name: getattr(options, field.name) for field in fields(Sizes)})
    if options.memory_of:
        print(json.dumps(measure_memory(sizes, options.memory_of, options.budget_mib)))
        return
    if options.chunked_here:
        print(json.dumps(measure_chunked(sizes, options.chunked_here, options.chunk_budget_mib)))
        return
    chunked = (
        in_own_process(options, sizes, f"--chunked-here={n_classes},{n_prompts}")
        for n_classes, n_prompts in options.chunked or ()
    )
    if options.json:
        for line in chain(measured_cases(options, sizes), chunked):
            print(json.dumps(line), flush=True)
    else:
        show(list(measured_cases(options, sizes)), list(chunked))


if __name__ == "__main__":
    main()
