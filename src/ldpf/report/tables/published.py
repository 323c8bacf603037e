"""Published accuracies, to stand beside one's own where all that was measured is the same.

CLIP ViT-B/16 with OpenAI's weights, leave one domain out, 3 seeds, one common re-run of all
methods: Soft Prompt Generation (ECCV 2024, arXiv 2404.19286), table 1 and, of zero-shot and CoOp,
its results of each target domain in tables 7 to 11. Those of the other methods were not at hand and
are left out. Where the paper contradicts itself, its tables of single targets count: the average of
the linear probe on Terra Incognita is 46.6 by table 10, and 44.6 in table 1.

Of LDPF these are the only numbers that its paper's readable text gives (Li, Gholamzadeh Khoee, Yu,
arXiv 2511.00067). That text does not say how sources were split; it stands beside `spg` here since
its recipe is the one of that paper.
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
        "terra": 46.6,
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

PROTOCOL = "spg"
"""The protocol that all these numbers belong to; beside results of another they say nothing."""

ORACLE_GAPS = {"officehome": 2.98, "terra": 12.05}
"""How far LDPF's average lies below that of its oracle U_sel, in points, by benchmark."""

LDPF_FOUR = ("officehome", "domainnet", "vlcs", "terra")
LDPF_FOUR_AVERAGE = 78.85
"""LDPF's average over the averages of these four, in percent."""

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


_N_TARGETS = {"pacs": 4, "vlcs": 4, "officehome": 4, "terra": 4, "domainnet": 6}
"""How many targets the average of a benchmark is over."""


@dataclass(frozen=True)
class PublishedRow:
    """A method's published numbers on one benchmark, in percent.

    Attributes:
        method: this library's name of the method where it has it, else the paper's.
        average: over all targets of the benchmark.
        n_targets: how many these are.
        targets: by the name that the domain has in one's own results; empty where not published.
    """

    method: str
    average: float
    n_targets: int
    targets: Mapping[str, float] = field(default_factory=dict)


def published_rows(
    dataset: str, backbone: str, protocol: str, domains: tuple[str, ...]
) -> list[PublishedRow]:
    """What was published for a benchmark, backbone and protocol; empty where they match nothing.

    Args:
        dataset: name in one's own results; case and punctuation do not matter.
        backbone: name in one's own results, the hub id, or a folder called like it.
        protocol: of one's own results.
        domains: names of one's own target domains.
    """
    name = benchmark_name(dataset)
    if name is None or not is_backbone(backbone) or protocol != PROTOCOL:
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
        rows.append(PublishedRow(method, averages[name], _N_TARGETS[name], found))
    return rows


def benchmark_name(dataset: str) -> str | None:
    """The benchmark that a dataset's name in one's own results stands for, as in `AVERAGES`."""
    plain = re.sub(r"[^a-z0-9]", "", dataset.lower())
    return next((one for one in _N_TARGETS if plain.startswith(one)), None)


def is_backbone(backbone: str) -> bool:
    """Whether a backbone's name in one's own results is the checkpoint of these numbers."""
    known = backbone.split("@")[0].rstrip("/").lower()
    return known == BACKBONE or known.endswith("/" + BACKBONE.split("/")[1])


def _belongs(part: str, domain: str) -> bool:
    """Whether a domain's folder name is the one meant: "art" is "Art" or "art_painting"."""
    words = re.split(r"[^a-z0-9]+", domain.lower())
    return any(re.fullmatch(rf"(?:{part})\d*", word) for word in words)
