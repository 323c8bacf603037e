"""Office-Home: domains, classes and published counts."""

from __future__ import annotations

from ldpf.data.datasets.base import DATASETS, HubCopy, NamedDataset

# As in the archive of the project page, checked against the lists in Transfer-Learning-Library and
# the dataset cards on the Hugging Face hub.
_CLASSES = """
Alarm_Clock Backpack Batteries Bed Bike Bottle Bucket Calculator Calendar Candles Chair
Clipboards Computer Couch Curtains Desk_Lamp Drill Eraser Exit_Sign Fan File_Cabinet
Flipflops Flowers Folder Fork Glasses Hammer Helmet Kettle Keyboard Knives Lamp_Shade Laptop
Marker Monitor Mop Mouse Mug Notebook Oven Pan Paper_Clip Pen Pencil Postit_Notes Printer
Push_Pin Radio Refrigerator Ruler Scissors Screwdriver Shelf Sink Sneakers Soda Speaker
Spoon TV Table Telephone ToothBrush Toys Trash_Can Webcam
"""


@DATASETS.register("office-home")
def office_home() -> NamedDataset:
    """65 things of office and home as art, clip art, product pictures and photos."""
    return NamedDataset(
        name="office-home",
        title="Office-Home",
        domains=("Art", "Clipart", "Product", "Real World"),
        classes=tuple(sorted(_CLASSES.split())),
        # The sum: DomainBed, the survey. Per domain: SPG, whose numbers add up to it.
        images=15_588,
        domain_images={"Art": 2_427, "Clipart": 4_365, "Product": 4_439, "Real World": 4_357},
        readable={
            **{"TV": "television", "Flipflops": "flip flops", "ToothBrush": "toothbrush"},
            **{"Postit_Notes": "post-it notes"},
        },
        domain_aliases={"real": "Real World", "realworldimages": "Real World"},
        every_class_everywhere=True,
        copy=HubCopy("flwrlabs/office-home", license="fair-use-notice"),
        paper="Venkateswara, Eusebio, Chakraborty, Panchanathan: Deep Hashing Network for "
        "Unsupervised Domain Adaptation, CVPR 2017, arXiv 1706.07522",
        home=("http://hemanthdv.org/OfficeHome-Dataset/",),
        terms="The project page carries a fair use notice: images from the web, for research only.",
    )
