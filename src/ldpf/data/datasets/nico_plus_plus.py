"""NICO++: domains and classes of its benchmark for domain generalization."""

from __future__ import annotations

from ldpf.data.datasets.base import DATASETS, NamedDataset

_CLASSES = """
airplane bear bicycle bird bus butterfly cactus car cat chair clock corn cow crab crocodile dog
dolphin elephant flower football fox frog giraffe goose gun hat helicopter horse kangaroo lifeboat
lion lizard mailbox monkey motorcycle ostrich owl pineapple pumpkin rabbit racket sailboat scooter
seal sheep ship shrimp spider squirrel sunflower tent tiger tortoise train truck umbrella wheat wolf
"""


@DATASETS.register("nico-plus-plus")
def nico_plus_plus() -> NamedDataset:
    """60 animals, plants and things in six contexts that all of them share."""
    return NamedDataset(
        name="nico-plus-plus",
        title="NICO++",
        domains=("autumn", "dim", "grass", "outdoor", "rock", "water"),
        classes=tuple(sorted([*_CLASSES.split(), "fishing rod", "hot air balloon"])),
        every_class_everywhere=True,
        ignored=("train", "test", "public_dg_0416", "public_ood_0412_nodomainlabel"),
        paper="Zhang, He, Xu, Yu, Shen, Cui: NICO++: Towards Better Benchmarking for Domain "
        "Generalization, CVPR 2023, arXiv 2204.08040",
        home=("https://github.com/xxgege/NICO-plus",),
        terms="No license was found; ask the authors before any use but research.",
        notes=(
            "These are the six contexts that all classes have; further contexts of single classes "
            "are not part of this benchmark.",
            "No number of images was found that all copies in circulation agree on, so a check "
            "compares domains and classes only.",
        ),
    )
