"""Camelyon17 of WILDS: hospitals as domains, patients as groups."""

from __future__ import annotations

from ldpf.data.datasets.base import DATASETS, MetadataLayout, NamedDataset

_PATCH = "patient_{patient}_node_{node}"


@DATASETS.register("camelyon17")
def camelyon17() -> NamedDataset:
    """Tissue of lymph nodes from five hospitals; `metadata.csv` says which, and which patient."""
    return NamedDataset(
        name="camelyon17",
        title="Camelyon17 (WILDS)",
        domains=tuple(f"hospital_{n}" for n in range(5)),
        classes=("normal", "tumor"),
        # WILDS, appendix E.4.
        images=455_954,
        readable={"normal": "normal tissue", "tumor": "tumor tissue"},
        metadata=MetadataLayout(
            path=f"patches/{_PATCH}/patch_{_PATCH}_x_{{x_coord}}_y_{{y_coord}}.png",
            label="tumor",
            labels={"0": "normal", "1": "tumor"},
            domain="hospital_{center}",
            group="patient_{patient}",
            split="split",
            # WILDS numbers its splits, and takes hospitals 1 and 2 out of them whole.
            splits={"0": "train"},
            domain_splits={"hospital_1": "val", "hospital_2": "test"},
        ),
        every_class_everywhere=True,
        paper="Bandi et al.: From Detection of Individual Metastases to Classification of Lymph "
        "Node Status at the Patient Level, IEEE TMI 2018; Koh et al.: WILDS, ICML 2021, "
        "arXiv 2012.07421",
        home=("https://wilds.stanford.edu/datasets/#camelyon17",),
        terms="Public domain, CC0, as WILDS' code says.",
        notes=(
            "Read from the folder camelyon17_v1.0 as WILDS unpacks it: metadata.csv and patches/.",
            "As in WILDS, hospital_1 validates and hospital_2 tests; patches of id_val, from "
            "patients that are trained on, are left out.",
        ),
    )
