"""PACS: domains, classes and published counts."""

from __future__ import annotations

from ldpf.data.datasets.base import DATASETS, HubCopy, NamedDataset


@DATASETS.register("pacs")
def pacs() -> NamedDataset:
    """Photo, art painting, cartoon and sketch: the same seven classes in four styles."""
    return NamedDataset(
        name="pacs",
        title="PACS",
        domains=("art_painting", "cartoon", "photo", "sketch"),
        classes=("dog", "elephant", "giraffe", "guitar", "horse", "house", "person"),
        # The survey and SPG give the sums; the classes were counted in the published images.
        images=9_991,
        domain_images={"art_painting": 2_048, "cartoon": 2_344, "photo": 1_670, "sketch": 3_929},
        class_images={
            "art_painting": (379, 255, 285, 184, 201, 295, 449),
            "cartoon": (389, 457, 346, 135, 324, 288, 405),
            "photo": (189, 202, 182, 186, 199, 280, 432),
            "sketch": (772, 740, 753, 608, 816, 80, 160),
        },
        domain_aliases={"art": "art_painting"},
        every_class_everywhere=True,
        copy=HubCopy("flwrlabs/pacs", license="unknown"),
        paper="Li, Yang, Song, Hospedales: Deeper, Broader and Artier Domain Generalization, "
        "ICCV 2017",
        home=("http://www.eecs.qmul.ac.uk/~dl307/project_iccv2017",),
        terms="No license was found; made for research, the photos come from Caltech256, Sketchy, "
        "TU-Berlin and Google Images. Ask the authors before any other use.",
        notes=(
            "Dassl leaves out one image that its authors list as faulty, "
            "sketch/dog/n02103406_4068-1.png; it is kept here, as in DomainBed.",
        ),
    )
