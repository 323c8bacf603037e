"""The settings and answers of one run."""

from __future__ import annotations

import torch

ANSWERS = {"labels": torch.tensor([0, 1, 1]), "coop": torch.tensor([0, 1, 2])}
SETTINGS = {
    "method_name": "coop",
    "target": "art & craft",
    "seed": 0,
    "method": {"length": 12, "recipe": {"learning_rate": 0.01}, "templates": ("a {}", "the {}")},
}
