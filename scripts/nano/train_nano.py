"""Train `nano`, the small CLIP that comes with the library, from drawn pictures alone.

    python scripts/nano/train_nano.py --out src/ldpf/demo/nano --work build/nano
    python scripts/nano/train_nano.py --evaluate src/ldpf/demo/nano
    python scripts/nano/train_nano.py --smoke --out build/smoke --work build/smoke-work

It uses a GPU where there is one. The work folder holds the drawn images and a checkpoint; the same
command resumes after a stop.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from nano_augment import augment
from nano_bank import Bank, make_bank, truth, write_captions
from nano_evaluate import evaluate, print_report
from nano_loss import learning_rate, multi_positive_loss
from nano_model import (
    EMBED,
    encode_ids,
    encode_images,
    initialize,
    nano_config,
    parameter_groups,
    save_nano,
)
from nano_pool import DEFAULT_STYLES, NAMES, STYLE_NAMES, Pool, draw_pool, load_pool, save_pool
from nano_tokenizer import train_tokenizer
from torch import Tensor
from transformers import AutoTokenizer, CLIPModel

STARTED = time.time()


def say(text: str) -> None:
    """Print with the seconds since the start."""
    print(f"[{time.time() - STARTED:5.0f} s] {text}", flush=True)


def channel_statistics(pool: Pool) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel over (at most 2000 of) the training images."""
    some = np.asarray(pool.images[:: max(1, len(pool) // 2000)], np.float32) / 255
    mean, std = some.mean((0, 1, 2)), some.std((0, 1, 2))
    return [round(float(v), 4) for v in mean], [round(float(v), 4) for v in std]


def prepared_pool(args: argparse.Namespace) -> Pool:
    """The drawn images: read from the work folder, or drawn and written there."""
    if (args.work / "words.json").exists():
        return load_pool(args.work)
    pool = draw_pool(args.pool, args.seed, args.workers, args.styles)
    say(f"drew {len(pool)} images")
    save_pool(pool, args.work)
    return pool


def batch_loss(
    model: CLIPModel,
    images: Tensor,
    bank: Bank,
    anchors: Tensor,
    rows: Tensor,
    scaling: tuple[Tensor, Tensor],
    keep: int | None,
    pull: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """The loss of one batch, and the share of its images that are named right.

    Args:
        model: in training.
        images: all of them, uint8 [N, 64, 64, 3].
        bank: their captions.
        anchors: one fixed direction per class, [K, D].
        rows: which images, [B].
        scaling: mean and standard deviation per channel, [1, 3, 1, 1] each.
        keep: patches looked at; None for all.
        pull: weight of the pull towards the anchors.
        generator: on the images' device.
    """
    device = images.device
    pixels = images[rows].permute(0, 3, 1, 2).float() / 255
    pixels = (augment(pixels, generator) - scaling[0]) / scaling[1]
    # one plain caption of every class too, so that each step sets all names against each other
    classes = torch.arange(len(NAMES), device=device)
    pick = torch.randint(bank.plain.shape[1], (len(NAMES),), generator=generator, device=device)
    which = torch.randint(bank.of_picture.shape[1], rows.shape, generator=generator, device=device)
    chosen = torch.cat([bank.plain[classes, pick], bank.of_picture[rows, which]]).long()
    seen, stated = bank.seen[rows], bank.stated[chosen]
    target = seen[:, 0].long()
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        image = encode_images(model, pixels, keep, generator)
        text = encode_ids(model, bank.ids[chosen].long())
    logits = model.logit_scale.exp() * image @ text.T
    among_names = logits[:, : len(NAMES)]
    loss = multi_positive_loss(logits, truth(seen, stated)) + F.cross_entropy(among_names, target)
    if pull > 0:
        loss = loss + pull * F.cross_entropy(20 * image @ anchors.T, target)
        loss = loss + pull * F.cross_entropy(20 * text @ anchors.T, stated[:, 0].long())
    return loss, (among_names.argmax(1) == target).float().mean().detach()


def train(args: argparse.Namespace) -> None:
    """Draw (or reuse) the images, train, save to `args.out`."""
    torch.manual_seed(args.seed)
    # pictures and captions first: their processes are started before anything runs on the GPU
    pool = prepared_pool(args)
    captions = write_captions(pool, args.captions, args.seed, args.workers)
    say(f"wrote {len(captions)} captions")
    device = torch.device("cuda" if torch.cuda.is_available() and not args.cpu else "cpu")
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    train_tokenizer(args.out, args.vocab, args.seed, 1_000 if args.smoke else 30_000)
    tokenizer = AutoTokenizer.from_pretrained(args.out)
    bank = make_bank(pool, captions, tokenizer, args.seed)
    say(f"{len(bank.ids)} different captions of at most {bank.ids.shape[1]} tokens")
    images = torch.from_numpy(np.array(pool.images)).to(device)
    bank = bank.to(device)
    mean, std = channel_statistics(pool)
    model = CLIPModel(nano_config(tokenizer)).train()
    initialize(model)
    model = model.to(device)
    count = sum(p.numel() for p in model.parameters())
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    say(f"{name}, {count:,} parameters, {len(pool)} images, mean {mean}, std {std}")
    optimizer = torch.optim.AdamW(
        parameter_groups(model, args.decay),
        lr=args.lr,
        betas=(0.9, 0.98),
        fused=device.type == "cuda",
    )

    checkpoint, step, spent = args.work / "checkpoint.pt", 0, 0.0
    if checkpoint.exists() and not args.smoke:
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step, spent = saved["step"], saved["spent"]
        say(f"going on at step {step}, after {spent:.0f} s")

    scaling = (
        torch.tensor(mean, device=device).view(1, 3, 1, 1),
        torch.tensor(std, device=device).view(1, 3, 1, 1),
    )
    # Two untrained towers give each other hardly any gradient. One fixed random direction per
    # object gives both something to move towards; its pull fades out early.
    anchors = torch.empty(len(NAMES), EMBED)
    torch.nn.init.orthogonal_(anchors)
    anchors = anchors.to(device)
    generator = torch.Generator(device)
    per_pass = len(pool) // args.batch
    limit = 60 * args.minutes
    if args.deadline:
        limit = min(limit, spent + args.deadline - (time.time() - STARTED))
    begun = clock = time.time() - spent
    running, right, progress = torch.zeros((), device=device), 0.0, 0.0
    since, order, shuffled = 0, torch.empty(0), -1
    while progress < 1:
        # steps rule; the clock takes over where they would not end in time
        progress = min(1.0, max((time.time() - begun) / limit, (step + 1) / args.steps))
        if shuffled != step // per_pass:
            shuffled = step // per_pass
            mixing = np.random.default_rng([args.seed, 5, shuffled]).permutation(len(pool))
            order = torch.from_numpy(mixing).to(device)
        rows = order[(step % per_pass) * args.batch :][: args.batch]
        # every step has its own draws: a resumed run draws what an unbroken one draws
        generator.manual_seed(args.seed * 1_000_003 + step)
        keep = args.keep if progress < args.masked else None
        pull = max(0.0, 1 - progress / args.anchored)
        loss, named = batch_loss(model, images, bank, anchors, rows, scaling, keep, pull, generator)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, progress, args.lr, args.warmup)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))

        running += loss.detach()
        step, since = step + 1, since + 1
        if device.type == "cuda" and step % 20 == 0:
            torch.cuda.synchronize()  # or the clock runs ahead of the work
        spent = time.time() - begun
        if step % args.log_every == 0 or progress >= 1:
            right = named.item()
            speed = since * args.batch / (time.time() - clock)
            say(
                f"step {step} ({100 * progress:.0f} %) loss {running.item() / since:.3f} "
                f"named right {right:.2f} scale {model.logit_scale.exp().item():.1f} "
                f"{speed:.0f} images/s"
            )
            running, since, clock = torch.zeros((), device=device), 0, time.time()
        if step % args.save_every == 0 and not args.smoke:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(state | {"step": step, "spent": spent}, args.work / "checkpoint.new")
            (args.work / "checkpoint.new").replace(checkpoint)
    save_nano(model.eval(), args.out, mean, std)
    checkpoint.unlink(missing_ok=True)  # the run is complete: the next one starts anew
    say(f"saved to {args.out}: {step * args.batch:,} images, {step} steps, {spent:.0f} s")


def chosen_styles(text: str) -> tuple[str, ...]:
    """The styles in a list with commas.

    Raises:
        argparse.ArgumentTypeError: one of them is not to be learned from.
    """
    styles = tuple(text.split(","))
    if wrong := [style for style in styles if style not in STYLE_NAMES]:
        raise argparse.ArgumentTypeError(
            f"cannot learn from {', '.join(wrong)}; choose from {', '.join(STYLE_NAMES)}"
        )
    return styles


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cores = os.cpu_count() or 1
    parser.add_argument("--out", type=Path, help="folder for the trained model")
    parser.add_argument("--work", type=Path, help="folder for drawn images and the checkpoint")
    parser.add_argument("--evaluate", type=Path, metavar="FOLDER", help="only measure a model")
    parser.add_argument("--report", type=Path, help="measure the model, and write that as JSON")
    parser.add_argument("--smoke", action="store_true", help="a few steps on a few images")
    parser.add_argument("--cpu", action="store_true", help="leave a GPU alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pool", type=int, default=60_000, help="images to draw")
    parser.add_argument(
        "--styles",
        type=chosen_styles,
        default=DEFAULT_STYLES,
        help="drawn styles to learn from, with commas between them; by default "
        f"{','.join(DEFAULT_STYLES)}, further ones are "
        f"{','.join(style for style in STYLE_NAMES if style not in DEFAULT_STYLES)}",
    )
    parser.add_argument("--captions", type=int, default=4, help="captions of each image")
    parser.add_argument("--workers", type=int, default=cores, help="processes that draw")
    parser.add_argument("--minutes", type=float, default=100.0, help="longest training")
    parser.add_argument(
        "--deadline", type=float, default=0, help="training ends so many seconds after the start"
    )
    parser.add_argument("--steps", type=int, default=781)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--keep", type=int, default=32, help="patches seen while masked")
    parser.add_argument("--masked", type=float, default=0.8, help="share of training with masks")
    parser.add_argument("--anchored", type=float, default=0.15, help="share of steps with anchors")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--decay", type=float, default=0.1)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--vocab", type=int, default=4096, help="largest vocabulary")
    parser.add_argument("--log-every", type=int, default=100)
    parser.add_argument("--save-every", type=int, default=1000)
    args = parser.parse_args()
    if args.evaluate:
        print_report(evaluate(args.evaluate, args.workers))
        return
    if not args.out or not args.work:
        parser.error("give --out and --work, or --evaluate FOLDER")
    if args.smoke:
        args.pool, args.workers, args.steps, args.batch, args.log_every = 98, 1, 3, 16, 1
    args.work.mkdir(parents=True, exist_ok=True)
    train(args)
    if args.report:
        report = evaluate(args.out, args.workers)
        args.report.write_text(json.dumps(report, indent=1) + "\n")
        print_report(report)
        say("measured")


if __name__ == "__main__":
    main()
