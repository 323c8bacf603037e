"""Office-31: domains, classes and published counts."""

from __future__ import annotations

from ldpf.data.datasets.base import DATASETS, NamedDataset

_CLASSES = """
back_pack bike bike_helmet bookcase bottle calculator desk_chair desk_lamp desktop_computer
file_cabinet headphones keyboard laptop_computer letter_tray mobile_phone monitor mouse mug
paper_notebook pen phone printer projector punchers ring_binder ruler scissors speaker stapler
tape_dispenser trash_can
"""


@DATASETS.register("office-31")
def office_31() -> NamedDataset:
    """31 things of an office from a shop's pages, a digital camera and a web camera."""
    return NamedDataset(
        name="office-31",
        title="Office-31",
        domains=("amazon", "dslr", "webcam"),
        classes=tuple(sorted(_CLASSES.split())),
        # The survey has the sum, 4,110; per domain: the paper, whose numbers add up to it.
        images=4_110,
        domain_images={"amazon": 2_817, "dslr": 498, "webcam": 795},
        readable={"back_pack": "backpack", "punchers": "hole punch"},
        every_class_everywhere=True,
        paper="Saenko, Kulis, Fritz, Darrell: Adapting Visual Category Models to New Domains, "
        "ECCV 2010",
        home=("https://faculty.cc.gatech.edu/~judy/domainadapt/",),
        terms="No license was found; made for research, the pictures of amazon are a shop's.",
    )
