"""iWildCam of WILDS: camera traps as domains, sequences as groups."""

from __future__ import annotations

from ldpf.data.datasets.base import DATASETS, MetadataLayout, NamedDataset


@DATASETS.register("iwildcam")
def iwildcam() -> NamedDataset:
    """Animals in front of 323 camera traps; `metadata.csv` says which trap and which sequence."""
    return NamedDataset(
        name="iwildcam",
        title="iWildCam (WILDS)",
        domains=(),
        classes=(),
        # WILDS, appendix E.1: 203,029 images, 182 classes, 323 traps; version 2.0.
        images=203_029,
        metadata=MetadataLayout(
            path="train/{filename}",
            label="y",
            label_names="categories.csv",
            domain="location_{location_remapped}",
            group="sequence_{sequence_remapped}",
            split="split",
            splits={"train": "train", "val": "val", "test": "test"},
        ),
        paper="Beery, Cole, Gjoka: The iWildCam 2020 Competition Dataset, arXiv 2004.10340; Koh et "
        "al.: WILDS, ICML 2021, arXiv 2012.07421",
        home=("https://wilds.stanford.edu/datasets/#iwildcam",),
        terms="Community Data License Agreement, permissive variant 1.0, as WILDS' code says.",
        notes=(
            "Read from the folder iwildcam_v2.0 as WILDS unpacks it: metadata.csv, categories.csv "
            "and the images in train/.",
            "WILDS' splits train, val (other traps) and test (other traps) are used; images of "
            "id_val and id_test, from the traps trained on, are left out.",
        ),
    )
