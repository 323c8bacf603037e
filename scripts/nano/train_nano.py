"""Train `nano`, the small CLIP that comes with the library, from drawn pictures alone.

    python scripts/nano/train_nano.py --out src/ldpf/demo/nano --work build/nano
    python scripts/nano/train_nano.py --evaluate src/ldpf/demo/nano
    python scripts/nano/train_nano.py --smoke --out build/smoke --work build/smoke-work

The work folder holds the drawn images and a checkpoint; the same command goes on after a stop.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from nano_captions import make_caption, plain_caption, truth_table
from nano_evaluate import print_zero_shot
from nano_model import (
    EMBED,
    encode_images,
    encode_texts,
    initialise,
    nano_config,
    parameter_groups,
    save_nano,
)
from nano_pool import NAMES, Pool, draw_pool, load_pool, save_pool
from nano_tokenizer import train_tokenizer
from torch import Tensor
from transformers import AutoTokenizer, CLIPModel


def multi_positive_loss(logits: Tensor, true: Tensor) -> Tensor:
    """Symmetric contrastive loss in which several captions may be true of an image.

    Args:
        logits: [images, captions].
        true: bool [images, captions]; every row holds at least one True. Captions that are true of
            no image only serve as wrong answers.

    Each side is a cross-entropy whose target is spread evenly over what is true.
    """
    weight = true.float()
    by_image = -(weight / weight.sum(1, keepdim=True) * F.log_softmax(logits, dim=1)).sum(1).mean()
    used = true.any(0)
    weight, logits = weight[:, used], logits[:, used]
    by_text = -(weight / weight.sum(0, keepdim=True) * F.log_softmax(logits, dim=0)).sum(0).mean()
    return (by_image + by_text) / 2


def augment(images: Tensor, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
    """Cheap variation of a batch: float [N, 3, 64, 64] in [0, 1] in and out.

    Small shifts and zooms, gains per channel, contrast, brightness, now and then grey, blurred or
    noisy. None of it makes lines out of areas or a green picture out of a coloured one.
    """
    n = images.shape[0]

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator)

    theta = torch.zeros(n, 2, 3)
    zoom = uniform(0.85, 1.15, n)
    theta[:, 0, 0] = zoom * uniform(0.92, 1.08, n)
    theta[:, 1, 1] = zoom
    theta[:, 0, 1] = uniform(-0.1, 0.1, n)
    theta[:, :, 2] = uniform(-0.12, 0.12, n, 2)
    theta[torch.rand(n, generator=generator) < 0.5, 0] *= -1  # mirror
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    x = F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    middle = x.mean(dim=(1, 2, 3), keepdim=True)
    x = (x - middle) * uniform(0.5, 1.25, n, 1, 1, 1) + middle * uniform(0.6, 1.2, n, 1, 1, 1)
    x = x * uniform(0.9, 1.1, n, 3, 1, 1)
    grey = torch.rand(n, generator=generator) < 0.15
    x[grey] = x[grey].mean(1, keepdim=True)
    if rng.random() < 0.25:
        x = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    noisy = torch.rand(n, 1, 1, 1, generator=generator) < 0.3
    noise = torch.randn(x.shape, generator=generator) * uniform(0.0, 0.12, n, 1, 1, 1)
    return (x + noisy * noise).clamp(0, 1)


def learning_rate(step: int, progress: float, peak: float, warmup: int) -> float:
    """Linear warm-up in steps, then a cosine over `progress` in [0, 1] down to 2 % of the peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def channel_statistics(pool: Pool) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel over (at most 2000 of) the training images."""
    some = np.asarray(pool.images[:: max(1, len(pool) // 2000)], np.float32) / 255
    mean, std = some.mean((0, 1, 2)), some.std((0, 1, 2))
    return [round(float(v), 4) for v in mean], [round(float(v), 4) for v in std]


def train(args: argparse.Namespace) -> None:
    """Draw (or reuse) the images, train, save to `args.out`."""
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    work, out = args.work, args.out
    started = time.time()
    if (work / "words.json").exists():
        pool = load_pool(work)
    else:
        save_pool(draw_pool(args.pool, args.seed, args.workers), work)
        pool = load_pool(work)
        print(f"drew {len(pool)} images in {time.time() - started:.0f} s", flush=True)
    images = torch.from_numpy(np.array(pool.images))  # uint8 [N, 64, 64, 3]
    mean, std = channel_statistics(pool)
    train_tokenizer(out, args.vocab, args.seed, 1_000 if args.smoke else 30_000)
    tokenizer = AutoTokenizer.from_pretrained(out)
    model = CLIPModel(nano_config(tokenizer)).train()
    initialise(model)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count:,} parameters, {len(pool)} images, mean {mean}, std {std}", flush=True)
    optimizer = torch.optim.AdamW(
        parameter_groups(model, args.decay), lr=args.lr, betas=(0.9, 0.98)
    )

    checkpoint, step, spent = work / "checkpoint.pt", 0, 0.0
    if checkpoint.exists() and not args.smoke:
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step, spent = saved["step"], saved["spent"]
        print(f"going on at step {step}, after {spent:.0f} s", flush=True)

    shift, scale = torch.tensor(mean).view(1, 3, 1, 1), torch.tensor(std).view(1, 3, 1, 1)
    # Two untrained towers give each other hardly any gradient. One fixed random direction per
    # object gives both something to move towards; its pull fades out early.
    anchors = torch.empty(len(NAMES), EMBED)
    torch.nn.init.orthogonal_(anchors)
    per_pass = len(pool) // args.batch
    limit = 60 * args.minutes
    begun = clock = time.time() - spent
    running, progress = 0.0, 0.0
    while progress < 1:
        # the schedule follows the clock, so that a busy machine ends in time with fewer images
        progress = min(1.0, max((time.time() - begun) / limit, (step + 1) / args.steps))
        # every step has its own generators: a resumed run draws what an unbroken one draws
        rng = np.random.default_rng([args.seed, 4, step])
        generator = torch.Generator().manual_seed(args.seed * 1_000_003 + step)
        order = np.random.default_rng([args.seed, 5, step // per_pass]).permutation(len(pool))
        rows = order[(step % per_pass) * args.batch :][: args.batch]
        words = [
            [column[i] for i in rows]
            for column in (pool.names, pool.styles, pool.colours, pool.backgrounds)
        ]
        captions = [make_caption(rng, *attributes) for attributes in zip(*words, strict=True)]
        # one plain caption of every class too, so that each step sets all names against each other
        captions = [plain_caption(rng, name) for name in NAMES] + captions
        captions = list({caption.text: caption for caption in captions}.values())
        true = torch.from_numpy(truth_table(captions, *words))
        target = torch.tensor([NAMES.index(name) for name in words[0]])

        pixels = images[torch.from_numpy(rows)].permute(0, 3, 1, 2).float() / 255
        pixels = (augment(pixels, rng, generator) - shift) / scale
        keep = args.keep if progress < 0.9 else None
        image = encode_images(model, pixels, keep, generator)
        text = encode_texts(model, tokenizer, [caption.text for caption in captions])
        logits = model.logit_scale.exp() * image @ text.T
        among_names = logits[:, : len(NAMES)]
        loss = multi_positive_loss(logits, true) + F.cross_entropy(among_names, target)
        pull = max(0.0, 1 - progress / args.anchored)
        if pull > 0:
            said = torch.tensor([NAMES.index(caption.name) for caption in captions])
            loss = loss + pull * F.cross_entropy(20 * image @ anchors.T, target)
            loss = loss + pull * F.cross_entropy(20 * text @ anchors.T, said)

        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, progress, args.lr, args.warmup)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))

        running += loss.item()
        step += 1
        spent = time.time() - begun
        if step % args.log_every == 0 or progress >= 1:
            named = (among_names.argmax(1) == target).float().mean().item()
            speed = args.log_every * args.batch / (time.time() - clock)
            print(
                f"step {step} ({100 * progress:.0f} %) loss {running / args.log_every:.3f} "
                f"named right {named:.2f} scale {model.logit_scale.exp().item():.1f} "
                f"{speed:.0f} images/s {spent:.0f} s",
                flush=True,
            )
            running, clock = 0.0, time.time()
        if step % args.save_every == 0 and not args.smoke:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(state | {"step": step, "spent": spent}, work / "checkpoint.new")
            (work / "checkpoint.new").replace(checkpoint)
            save_nano(model, work / "latest", mean, std)
    save_nano(model.eval(), out, mean, std)
    print(f"saved to {out}: {step * args.batch:,} images in {spent:.0f} s of training", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder for the trained model")
    parser.add_argument("--work", type=Path, help="folder for drawn images and the checkpoint")
    parser.add_argument("--evaluate", type=Path, metavar="FOLDER", help="only measure a model")
    parser.add_argument("--smoke", action="store_true", help="a few steps on a few images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pool", type=int, default=48_000, help="images to draw")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw")
    parser.add_argument("--minutes", type=float, default=34.0, help="length of training")
    parser.add_argument("--steps", type=int, default=1_000_000, help="stop earlier after so many")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--keep", type=int, default=24, help="patches seen before the last 10 %%")
    parser.add_argument("--anchored", type=float, default=0.3, help="share of steps with anchors")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--vocab", type=int, default=4096, help="largest vocabulary")
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--save-every", type=int, default=400)
    args = parser.parse_args()
    if args.evaluate:
        print_zero_shot(args.evaluate)
        return
    if not args.out or not args.work:
        parser.error("give --out and --work, or --evaluate FOLDER")
    if args.smoke:
        args.pool, args.workers, args.steps, args.batch, args.log_every = 66, 1, 3, 16, 1
    train(args)


if __name__ == "__main__":
    main()
