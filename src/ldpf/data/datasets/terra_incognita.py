"""Terra Incognita: domains, classes and published counts."""

from __future__ import annotations

from ldpf.data.datasets.base import DATASETS, NamedDataset


@DATASETS.register("terra-incognita")
def terra_incognita() -> NamedDataset:
    """Animals in front of camera traps at four places."""
    return NamedDataset(
        name="terra-incognita",
        title="Terra Incognita",
        domains=("location_100", "location_38", "location_43", "location_46"),
        classes=(
            *("bird", "bobcat", "cat", "coyote", "dog"),
            *("empty", "opossum", "rabbit", "raccoon", "squirrel"),
        ),
        # SPG; together 24,330, as other code that reads the set also says. DomainBed's paper says
        # 24,788, before the annotations were revised in 2021.
        images=24_330,
        domain_images={
            "location_38": 9_736,
            "location_43": 3_970,
            "location_46": 5_883,
            "location_100": 4_741,
        },
        domain_aliases={
            key + number: f"location_{number}"
            for number in ("38", "43", "46", "100")
            for key in ("", "l", "loc")
        },
        ignored=("eccv_18_all_images_sm", "eccv_18_annotation_files"),
        paper="Beery, Van Horn, Perona: Recognition in Terra Incognita, ECCV 2018, "
        "arXiv 1807.04975; the four locations are DomainBed's choice",
        home=(
            "https://lila.science/datasets/caltech-camera-traps",
            "https://beerys.github.io/CaltechCameraTraps",
        ),
        terms="Community Data License Agreement, permissive variant, as the LILA page says.",
        notes=(
            "The annotations were revised: DomainBed's paper counts 24,788 images, copies made "
            "from the annotations of January 2021 have 24,330.",
            "'ldpf datasets prepare terra-incognita' makes the folders from the downloaded images "
            "and annotations.",
        ),
    )
