"""The six benchmarks the field reports on. A number without a source is left out.

Sources of the counts, named once here:

- DomainBed: Gulrajani and Lopez-Paz, arXiv 2007.01434, and its preparation script.
- SPG: Bai et al., Soft Prompt Generation, ECCV 2024, arXiv 2404.19286, appendix A.
- Zhou et al., Domain Generalization: A Survey, arXiv 2103.02503, table 2.
"""

from __future__ import annotations

from ldpf.data.datasets import classes
from ldpf.data.datasets.base import Benchmark
from ldpf.errors import SettingsError
from ldpf.utils.text import did_you_mean

PACS = Benchmark(
    name="pacs",
    title="PACS",
    domains=("art_painting", "cartoon", "photo", "sketch"),
    classes=classes.PACS,
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
    paper="Li, Yang, Song, Hospedales: Deeper, Broader and Artier Domain Generalization, ICCV 2017",
    home=("http://www.eecs.qmul.ac.uk/~dl307/project_iccv2017",),
    terms="No licence was found; made for research, the photos come from Caltech256, Sketchy, "
    "TU-Berlin and Google Images. Ask the authors before any other use.",
    notes=(
        "Dassl leaves out one image that its authors list as faulty, "
        "sketch/dog/n02103406_4068-1.png; it is kept here, as in DomainBed.",
    ),
)

VLCS = Benchmark(
    name="vlcs",
    title="VLCS",
    domains=("Caltech101", "LabelMe", "SUN09", "VOC2007"),
    classes=classes.VLCS,
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
        "them, which repeats images and is not read. The published counts are of DomainBed's copy.",
    ),
)

OFFICE_HOME = Benchmark(
    name="office-home",
    title="Office-Home",
    domains=("Art", "Clipart", "Product", "Real World"),
    classes=classes.OFFICE_HOME,
    # The sum: DomainBed, the survey. Per domain: SPG, whose numbers add up to it.
    images=15_588,
    domain_images={"Art": 2_427, "Clipart": 4_365, "Product": 4_439, "Real World": 4_357},
    readable={
        **{"TV": "television", "Flipflops": "flip flops", "ToothBrush": "toothbrush"},
        **{"Postit_Notes": "post-it notes"},
    },
    domain_aliases={"real": "Real World", "realworldimages": "Real World"},
    every_class_everywhere=True,
    paper="Venkateswara, Eusebio, Chakraborty, Panchanathan: Deep Hashing Network for Unsupervised "
    "Domain Adaptation, CVPR 2017, arXiv 1706.07522",
    home=("http://hemanthdv.org/OfficeHome-Dataset/",),
    terms="The project page carries a fair use notice: images from the web, for research only.",
)

TERRA_INCOGNITA = Benchmark(
    name="terra-incognita",
    title="Terra Incognita",
    domains=("location_100", "location_38", "location_43", "location_46"),
    classes=classes.TERRA_INCOGNITA,
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
    paper="Beery, Van Horn, Perona: Recognition in Terra Incognita, ECCV 2018, arXiv 1807.04975; "
    "the four locations are DomainBed's choice",
    home=(
        "https://lila.science/datasets/caltech-camera-traps",
        "https://beerys.github.io/CaltechCameraTraps",
    ),
    terms="Community Data License Agreement, permissive variant, as the LILA page says.",
    notes=(
        "The annotations were revised: DomainBed's paper counts 24,788 images, copies made from "
        "the annotations of January 2021 have 24,330.",
        "'ldpf datasets prepare terra-incognita' makes the folders from the downloaded images and "
        "annotations.",
    ),
)

_DOMAINNET_NAMES = {
    "The_Eiffel_Tower": "the Eiffel Tower",
    "The_Great_Wall_of_China": "the Great Wall of China",
    "The_Mona_Lisa": "the Mona Lisa",
    "t-shirt": "t-shirt",
    "bottlecap": "bottle cap",
    "bowtie": "bow tie",
    "firetruck": "fire truck",
    "rollerskates": "roller skates",
    "see_saw": "seesaw",
    "waterslide": "water slide",
}

DOMAINNET = Benchmark(
    name="domainnet",
    title="DomainNet",
    domains=("clipart", "infograph", "painting", "quickdraw", "real", "sketch"),
    classes=classes.DOMAINNET,
    # The sum: DomainBed, the survey. Per domain: SPG, whose numbers add up to it.
    images=586_575,
    domain_images={
        "clipart": 48_129,
        "infograph": 51_605,
        "painting": 72_266,
        "quickdraw": 172_500,
        "real": 172_947,
        "sketch": 69_128,
    },
    readable=_DOMAINNET_NAMES,
    paper="Peng, Bai, Xia, Huang, Saenko, Wang: Moment Matching for Multi-Source Domain "
    "Adaptation, ICCV 2019, arXiv 1812.01754",
    home=("http://ai.bu.edu/M3SDA/",),
    terms="The project page carries a fair use notice: images from the web, for research only.",
    notes=(
        "Take the cleaned version. The archives of infograph, real and sketch hold duplicates as "
        "well; the cleaned split lists do not name them, and images no list names are left out.",
        "t-shirt has no training image in painting's list.",
    ),
)

MINI_DOMAINNET = Benchmark(
    name="mini-domainnet",
    title="mini-DomainNet",
    domains=("clipart", "painting", "real", "sketch"),
    classes=classes.MINI_DOMAINNET,
    images=140_006,  # the survey; no source for the numbers per domain was found
    readable={k: v for k, v in _DOMAINNET_NAMES.items() if k in classes.MINI_DOMAINNET},
    paper="Zhou, Yang, Qiao, Xiang: Domain Adaptive Ensemble Learning, TIP 2021, arXiv 2003.07325",
    home=(
        "http://ai.bu.edu/M3SDA/ for the images",
        "https://github.com/KaiyangZhou/Dassl.pytorch (DATASETS.md) for the lists splits_mini",
    ),
    terms="Those of DomainNet.",
    notes=(
        "A selection from DomainNet by lists (splits_mini). 'ldpf datasets prepare mini-domainnet' "
        "makes it a folder of its own; its authors scale the images to 96 x 96, here they stay.",
    ),
)

BENCHMARKS = {
    one.name: one for one in (PACS, VLCS, OFFICE_HOME, TERRA_INCOGNITA, DOMAINNET, MINI_DOMAINNET)
}


def get_benchmark(name: str) -> Benchmark:
    """The benchmark of that name; case, spaces, ``-`` and ``_`` do not matter.

    Raises:
        SettingsError: There is none; names the nearest and lists all.
    """
    wanted = name.casefold().replace("_", "-").replace(" ", "-")
    for one in BENCHMARKS.values():
        if wanted.replace("-", "") == one.name.replace("-", ""):
            return one
    raise SettingsError(
        f"there is no benchmark {name!r}.{did_you_mean(wanted, BENCHMARKS)} "
        f"Known: {', '.join(BENCHMARKS)}"
    )
