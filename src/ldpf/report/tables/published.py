"""Published accuracies, to stand beside one's own where benchmark and backbone are the same.

CLIP ViT-B/16 with OpenAI's weights, leave one domain out, 3 seeds, one common re-run of all
methods: Soft Prompt Generation (ECCV 2024), table 1 and its results of each target domain. The
averages of LDPF are the only ones that its paper's readable text gives (Li, Gholamzadeh Khoee, Yu,
arXiv 2511.00067).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

BACKBONE = "openai/clip-vit-base-patch16"
"""The hub id of the checkpoint that all these numbers were measured with."""

AVERAGES: dict[str, dict[str, float]] = {
    "zero-shot": {"pacs": 96.1, "vlcs": 82.3, "officehome": 81.8, "terra": 33.8, "domainnet": 56.6},
    "linear-probe": {
        "pacs": 94.9,
        "vlcs": 77.5,
        "officehome": 79.3,
        "terra": 44.6,
        "domainnet": 48.2,
    },
    "coop": {"pacs": 96.4, "vlcs": 80.8, "officehome": 83.0, "terra": 46.8, "domainnet": 59.5},
    "cocoop": {"pacs": 96.7, "vlcs": 80.3, "officehome": 83.4, "terra": 45.3, "domainnet": 59.4},
    "dpl-batch": {"pacs": 96.4, "vlcs": 80.9, "officehome": 83.0, "terra": 46.6, "domainnet": 59.5},
    "VPT": {"pacs": 96.9, "vlcs": 82.0, "officehome": 83.2, "terra": 46.7, "domainnet": 58.5},
    "MaPLe": {"pacs": 96.5, "vlcs": 82.2, "officehome": 83.4, "terra": 50.2, "domainnet": 59.5},
    "SPG": {"pacs": 97.0, "vlcs": 82.4, "officehome": 83.6, "terra": 50.2, "domainnet": 60.1},
    "ldpf": {"officehome": 85.13},
    "ldpf-manual": {"officehome": 84.53},
    "ldpf-uniform": {"officehome": 85.05},
}
"""Average over targets in percent, by method and benchmark."""

_TARGETS: dict[str, tuple[tuple[str, ...], dict[str, tuple[float, ...]]]] = {
    "pacs": (
        ("art", "cartoon", "photo", "sketch"),
        {"zero-shot": (97.2, 99.1, 99.9, 88.2), "coop": (97.7, 98.4, 99.6, 90.0)},
    ),
    "vlcs": (
        ("caltech", "labelme", "pascal|voc", "sun"),
        {"zero-shot": (99.9, 68.6, 85.9, 74.8), "coop": (99.6, 61.4, 84.6, 77.5)},
    ),
    "officehome": (
        ("art", "clipart", "product", "real"),
        {"zero-shot": (80.1, 70.0, 88.2, 89.0), "coop": (81.2, 72.0, 89.7, 89.2)},
    ),
    "terra": (
        ("38|l38", "43|l43", "46|l46", "100|l100"),
        {"zero-shot": (20.5, 32.8, 29.6, 52.4), "coop": (53.3, 47.4, 41.1, 45.5)},
    ),
}
"""For each benchmark, a word that its domains' names hold, and the numbers in that order."""


@dataclass(frozen=True)
class PublishedRow:
    """A method's published numbers on one benchmark, in percent.

    Attributes:
        method: this library's name of the method where it has it, else the paper's.
        average: over targets.
        targets: by the name that the domain has in one's own results; empty where not published.
    """

    method: str
    average: float
    targets: Mapping[str, float] = field(default_factory=dict)


def published_rows(dataset: str, backbone: str, domains: tuple[str, ...]) -> list[PublishedRow]:
    """What was published for a benchmark and backbone; empty where they match nothing.

    Args:
        dataset: name in one's own results; case and punctuation do not matter.
        backbone: name in one's own results, the hub id, or a folder called like it.
        domains: names of one's own target domains.
    """
    known = backbone.split("@")[0].rstrip("/").lower()
    if known != BACKBONE and not known.endswith("/" + BACKBONE.split("/")[1]):
        return []
    plain = re.sub(r"[^a-z0-9]", "", dataset.lower())
    names = ("pacs", "vlcs", "officehome", "terra", "domainnet")
    name = next((one for one in names if plain.startswith(one)), None)
    if name is None:
        return []
    parts, numbers = _TARGETS.get(name, ((), {}))
    rows = []
    for method, averages in AVERAGES.items():
        if name not in averages:
            continue
        found = {
            domain: value
            for part, value in zip(parts, numbers.get(method, ()), strict=False)
            for domain in domains
            if _belongs(part, domain)
        }
        rows.append(PublishedRow(method, averages[name], found))
    return rows


def _belongs(part: str, domain: str) -> bool:
    """Whether a domain's folder name is the one meant: "art" is "Art" or "art_painting"."""
    words = re.split(r"[^a-z0-9]+", domain.lower())
    return any(re.fullmatch(rf"(?:{part})\d*", word) for word in words)
