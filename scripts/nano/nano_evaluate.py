"""Zero-shot accuracy of a saved model on the demo set, per domain, with transformers alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from nano_model import encode_texts
from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel
from transformers.utils import logging

from ldpf.demo.dataset import demo_folder

TEMPLATE = "a photo of a {}."


@torch.no_grad()
def zero_shot(folder: Path, images: Path) -> dict[str, np.ndarray]:
    """Confusion matrix [true class, predicted class] of every domain of DOMAIN/CLASS/*.png."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    model = CLIPModel.from_pretrained(folder, local_files_only=True).eval()
    domains = sorted(p for p in images.iterdir() if p.is_dir())
    classes = sorted(p.name for p in domains[0].iterdir())
    texts = [TEMPLATE.format(name.replace("_", " ")) for name in classes]
    text = encode_texts(model, tokenizer, texts)  # [K, D]
    tables = {}
    for domain in domains:
        table = np.zeros((len(classes), len(classes)), int)
        for k, name in enumerate(classes):
            pictures = [Image.open(p).convert("RGB") for p in sorted((domain / name).iterdir())]
            pixels = processor(images=pictures, return_tensors="pt").pixel_values
            feature = model.get_image_features(pixel_values=pixels).pooler_output  # [N, D]
            best = (feature @ text.T).argmax(1).numpy()
            table[k] = np.bincount(best, minlength=len(classes))
        tables[domain.name] = table
    return tables


def print_zero_shot(folder: Path) -> None:
    """Print the accuracy of every demo domain, in percent, and per class."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    images = demo_folder()
    tables = zero_shot(folder, images)
    names = sorted(p.name for p in next(p for p in images.iterdir() if p.is_dir()).iterdir())
    print(f'zero-shot, "{TEMPLATE}", {len(names)} classes, chance {100 / len(names):.1f} %')
    for domain, table in tables.items():
        right = 100 * np.diag(table) / table.sum(1)
        share = table.sum(0) / table.sum()
        print(
            f"{domain:10s} {100 * np.trace(table) / table.sum():5.1f} %   "
            + " ".join(f"{n} {r:.0f}" for n, r in zip(names, right, strict=True))
            + f"   (most predicted: {names[share.argmax()]} {100 * share.max():.0f} %)"
        )
    mean = np.mean([np.trace(t) / t.sum() for t in tables.values()])
    print(f"{'mean':10s} {100 * mean:5.1f} %")
