"""VLCS: domains, classes and published counts."""

from __future__ import annotations

from ldpf.data.datasets.base import DATASETS, NamedDataset


@DATASETS.register("vlcs")
def vlcs() -> NamedDataset:
    """Five classes in four photo collections that other people made for other ends."""
    return NamedDataset(
        name="vlcs",
        title="VLCS",
        domains=("Caltech101", "LabelMe", "SUN09", "VOC2007"),
        classes=("bird", "car", "chair", "dog", "person"),  # numbered 0 to 4 in this order
        # The sum: DomainBed, the survey. Per domain: DomainBed's copy; SPG's numbers (991, 1,859,
        # 2,297, 2,363) are the 70 percent of these that its training lists name.
        images=10_729,
        domain_images={"Caltech101": 1_415, "LabelMe": 2_656, "SUN09": 3_282, "VOC2007": 3_376},
        domain_aliases={
            **{"caltech": "Caltech101", "sun": "SUN09"},
            **{"pascal": "VOC2007", "voc": "VOC2007", "pascalvoc2007": "VOC2007"},
        },
        numbered=True,
        every_class_everywhere=True,
        paper="Fang, Xu, Rockmore: Unbiased Metric Learning, ICCV 2013; after Torralba and Efros: "
        "Unbiased Look at Dataset Bias, CVPR 2011",
        home=("http://www.eecs.qmul.ac.uk/~dl307/project_iccv2017", "DomainBed's download script"),
        terms="Those of its four sources: Caltech101, LabelMe, SUN09 and PASCAL VOC 2007.",
        notes=(
            "In Dassl's copy each domain has the folders train, crossval and test, and full beside "
            "them, which repeats images and is not read. The published counts are of DomainBed's "
            "copy.",
        ),
    )
