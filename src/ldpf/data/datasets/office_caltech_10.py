"""Office-Caltech10: domains, classes and published counts."""

from __future__ import annotations

from ldpf.data.datasets.base import DATASETS, NamedDataset

_CLASSES = """
back_pack bike calculator headphones keyboard laptop_computer monitor mouse mug projector
"""


@DATASETS.register("office-caltech10")
def office_caltech_10() -> NamedDataset:
    """The ten classes that Office-31 and Caltech-256 share, in four domains."""
    return NamedDataset(
        name="office-caltech10",
        title="Office-Caltech10",
        domains=("amazon", "caltech", "dslr", "webcam"),
        classes=tuple(sorted(_CLASSES.split())),
        # The paper's numbers of each domain and their sum.
        images=2_533,
        domain_images={"amazon": 958, "caltech": 1_123, "dslr": 157, "webcam": 295},
        readable={"back_pack": "backpack"},
        domain_aliases={"caltech10": "caltech", "caltech256": "caltech"},
        every_class_everywhere=True,
        paper="Gong, Shi, Sha, Grauman: Geodesic Flow Kernel for Unsupervised Domain Adaptation, "
        "CVPR 2012",
        home=("Office-31's and Caltech-256's pages; copies of the selection are passed on",),
        terms="Those of Office-31 and Caltech-256.",
    )
