"""What runs gain by taking their text passes together: time of a prompt by their number.

    python benchmarks/shared_passes.py                      the bundled model, 12 classes
    python benchmarks/shared_passes.py --backbone FOLDER --classes 7 --json
    python benchmarks/shared_passes.py --tower vit-b-16 --classes 65 --repeats 3

A step of CoOp is a pass of one prompt, a step of LDPF with three latent domains one of three. Runs
that differ only in seed or target can take their passes together (`ldpf benchmark --share`). With a
text tower of ViT-B/16 size and 7 classes that gains 1.42 for CoOp and 1.11 for LDPF with one CPU
thread (`--threads 1`, the default), 1.67 and 1.22 with two (`--threads 2`). GPUs were not measured
for these figures: `--device cuda` does it.

For each number of prompts: the forward and backward pass, fastest of the repeats, and its ratio to
as many prompts one run at a time (`coop_ratio`: in passes of 1, `ldpf_ratio`: in passes of 3). A
ratio of 1.5 means that the same work takes two thirds of the time; below 1 sharing costs time.
"""

from __future__ import annotations

import argparse
import json
import time

import torch

from ldpf.backbones import load_backbone
from ldpf.text import PromptedTextEncoder
from text_workload import Sizes, Workload

SIZES = (1, 3, 6, 12, 24, 48)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="nano", help="name or folder")
    parser.add_argument("--tower", choices=["vit-b-16"], help="random weights of this size instead")
    parser.add_argument("--classes", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="one JSON object per size")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.tower:
        sizes = Sizes(width=512, heads=8, layers=12, vocabulary=1000, seed=0, device=options.device)
        work = Workload.draw(sizes, options.classes, max(SIZES))
        encoder, contexts = PromptedTextEncoder(work.tower, work.names), work.contexts
    else:
        backbone = load_backbone(options.backbone, options.device)
        encoder = PromptedTextEncoder(backbone.text, [f"thing {k}" for k in range(options.classes)])
        draws = torch.Generator().manual_seed(0)
        contexts = 0.02 * torch.randn(max(SIZES), 12, backbone.text.width, generator=draws)
        contexts = contexts.to(backbone.device)
    for size in SIZES:
        seconds(encoder, contexts[:size])  # warm-up
    fastest = {size: float("inf") for size in SIZES}
    for _ in range(options.repeats):
        for size in SIZES:  # in turns, so that other work on the machine slows all of them
            fastest[size] = min(fastest[size], seconds(encoder, contexts[:size]))
    for size in SIZES:
        line = {
            "prompts": size,
            "milliseconds": round(1000 * fastest[size], 2),
            "coop_ratio": round(size * fastest[1] / fastest[size], 2),
            "ldpf_ratio": round(size / 3 * fastest[3] / fastest[size], 2) if size >= 3 else None,
        }
        print(json.dumps(line) if options.json else "  ".join(f"{k} {v}" for k, v in line.items()))


def seconds(encoder: PromptedTextEncoder, contexts: torch.Tensor) -> float:
    """Time of one pass, forward and backward."""
    contexts = contexts.clone().requires_grad_()
    wait(contexts)
    started = time.perf_counter()
    encoder(contexts).sum().backward()
    wait(contexts)
    return time.perf_counter() - started


def wait(tensor: torch.Tensor) -> None:
    """Let a GPU finish."""
    if tensor.is_cuda:
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
