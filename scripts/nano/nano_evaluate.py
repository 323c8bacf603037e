"""What a saved model can do, with transformers alone: zero-shot, and what its features hold."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from nano_model import encode_images, encode_texts
from nano_pool import NAMES
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from transformers import AutoTokenizer, CLIPModel
from transformers.utils import logging

from ldpf.demo.dataset import demo_folder
from ldpf.demo.drawing import STYLES, draw_picture

TEMPLATE = "a photo of a {}."
EVALUATION_STREAM = 8  # keeps these draws apart from those of training and of the demo set
PER_CLASS = 8


class Loaded:
    """A saved model and its processors."""

    def __init__(self, folder: Path) -> None:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        # drawn pictures have the model's size already: only the normalization is left to do
        settings = json.loads((folder / "preprocessor_config.json").read_text())
        self.mean = torch.tensor(settings["image_mean"]).view(1, 3, 1, 1)
        self.std = torch.tensor(settings["image_std"]).view(1, 3, 1, 1)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = CLIPModel.from_pretrained(folder, local_files_only=True).eval().to(device)

    @torch.no_grad()
    def images(self, pictures: list[Image.Image]) -> np.ndarray:
        """Features of pictures, [N, D], of length one."""
        found = []
        for start in range(0, len(pictures), 200):
            batch = np.stack([np.asarray(picture) for picture in pictures[start : start + 200]])
            pixels = torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255
            pixels = (pixels - self.mean) / self.std
            found.append(encode_images(self.model, pixels.to(self.model.device)).cpu())
        return torch.cat(found).numpy()

    @torch.no_grad()
    def names(self, names: list[str]) -> np.ndarray:
        """Features of the class names in the template, [K, D], of length one."""
        texts = [TEMPLATE.format(name.replace("_", " ")) for name in names]
        return encode_texts(self.model, self.tokenizer, texts).cpu().numpy()


def probe() -> LogisticRegression:
    """Logistic regression on features of length one."""
    return LogisticRegression(C=10.0, max_iter=2000)


def demo_features(loaded: Loaded) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Features [N, D], class and domain numbers [N] of the demo set, and the class names."""
    images = demo_folder()
    domains = sorted(p for p in images.iterdir() if p.is_dir())
    classes = sorted(p.name for p in domains[0].iterdir())
    features, labels, places = [], [], []
    for d, domain in enumerate(domains):
        for k, name in enumerate(classes):
            files = sorted((domain / name).iterdir())
            features.append(loaded.images([Image.open(p).convert("RGB") for p in files]))
            labels += [k] * len(files)
            places += [d] * len(files)
    return np.concatenate(features), np.array(labels), np.array(places), classes


def _style_sheet(style: str, per_class: int) -> list[np.ndarray]:
    number = list(STYLES).index(style)
    return [
        np.asarray(
            draw_picture(
                name, style, np.random.default_rng([EVALUATION_STREAM, number, k, i])
            ).image
        )
        for k, name in enumerate(NAMES)
        for i in range(per_class)
    ]


def evaluate(folder: Path, workers: int = 1, per_class: int = PER_CLASS) -> dict:
    """Measure a saved model; all shares are percentages.

    Returns:
        "demo": per domain of the demo set zero-shot accuracy ("zero_shot") with its worst and best
        class and the most predicted one, accuracy of logistic regression trained on the other three
        domains ("others") and within the domain by five folds ("within"). "styles": zero-shot
        accuracy among all objects per style, on newly drawn pictures. "nmi": agreement of k-means
        clusters with the demo's domains, before and after class means are subtracted.
    """
    loaded = Loaded(folder)
    features, labels, places, classes = demo_features(loaded)
    domains = sorted(p.name for p in demo_folder().iterdir() if p.is_dir())
    predicted = (features @ loaded.names(classes).T).argmax(1)
    demo = {}
    for d, domain in enumerate(domains):
        here = places == d
        by_class = [
            100 * np.mean(predicted[here & (labels == k)] == k) for k in range(len(classes))
        ]
        share = np.bincount(predicted[here], minlength=len(classes)) / here.sum()
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        elsewhere = probe().fit(features[~here], labels[~here])
        demo[domain] = {
            "pictures": int(here.sum()),
            "zero_shot": 100 * float(np.mean(predicted[here] == labels[here])),
            "others": 100 * float(elsewhere.score(features[here], labels[here])),
            "within": 100
            * float(cross_val_score(probe(), features[here], labels[here], cv=folds).mean()),
            "by_class": dict(zip(classes, map(float, by_class), strict=True)),
            "most_predicted": [classes[int(share.argmax())], 100 * float(share.max())],
        }
    with ProcessPoolExecutor(max(1, workers)) as executor:
        sheets = list(executor.map(_style_sheet, STYLES, repeat(per_class)))
    text = loaded.names(list(NAMES))
    truth = np.repeat(np.arange(len(NAMES)), per_class)
    styles = {}
    for style, sheet in zip(STYLES, sheets, strict=True):
        found = (loaded.images([Image.fromarray(p) for p in sheet]) @ text.T).argmax(1)
        styles[style] = 100 * float(np.mean(found == truth))
    means = np.stack([features[labels == k].mean(0) for k in range(len(classes))])
    nmi = [
        float(
            normalized_mutual_info_score(
                places, KMeans(4, n_init=10, random_state=0).fit(x).labels_
            )
        )
        for x in (features, features - means[labels])
    ]
    return {
        "demo": demo,
        "styles": styles,
        "nmi": {"features": nmi[0], "class_means_subtracted": nmi[1]},
        "logit_scale": loaded.model.logit_scale.detach().exp().item(),
        "parameters": sum(p.numel() for p in loaded.model.parameters()),
    }


def print_report(report: dict) -> None:
    """Print what `evaluate` returned."""
    for domain, row in report["demo"].items():
        names = " ".join(f"{name} {value:.0f}" for name, value in row["by_class"].items())
        most, share = row["most_predicted"]
        print(
            f"{domain:10s} zero-shot {row['zero_shot']:5.1f} %, logistic regression from the "
            f"others {row['others']:5.1f} %, within {row['within']:5.1f} %; by class: {names} "
            f"(most predicted: {most} {share:.0f} %)"
        )
    mean = np.mean([row["zero_shot"] for row in report["demo"].values()])
    print(f'mean zero-shot {mean:.1f} %, "{TEMPLATE}"')
    named = ", ".join(f"{style} {value:.0f}" for style, value in report["styles"].items())
    print(f"all {len(NAMES)} objects, zero-shot: {named}")
    print("NMI of 4 clusters with the domains:", report["nmi"], "scale", report["logit_scale"])
