"""mini-DomainNet: domains, classes and published counts."""

from __future__ import annotations

from ldpf.data.datasets.base import DATASETS, NamedDataset
from ldpf.data.datasets.domainnet import READABLE

# As in the class folders of its split lists.
_CLASSES = """
The_Eiffel_Tower The_Great_Wall_of_China aircraft_carrier alarm_clock ant anvil asparagus
axe banana basket bathtub bear bee bird blackberry blueberry bottlecap broccoli bus
butterfly cactus cake calculator camel camera candle cannon canoe carrot castle cat
ceiling_fan cell_phone cello chair chandelier coffee_cup compass computer cow crab crocodile
cruise_ship dog dolphin dragon drums duck dumbbell elephant eyeglasses feather fence fish
flamingo flower foot fork frog giraffe goatee grapes guitar hammer helicopter helmet horse
kangaroo lantern laptop leaf lion lipstick lobster microphone monkey mosquito mouse mug
mushroom onion panda peanut pear peas pencil penguin pig pillow pineapple potato
power_outlet purse rabbit raccoon rhinoceros rifle saxophone screwdriver sea_turtle see_saw
sheep shoe skateboard snake speedboat spider squirrel strawberry streetlight string_bean
submarine swan table teapot teddy-bear television tiger toe train truck umbrella vase
watermelon whale zebra
"""


@DATASETS.register("mini-domainnet")
def mini_domainnet() -> NamedDataset:
    """126 classes and four styles of DomainNet."""
    return NamedDataset(
        name="mini-domainnet",
        title="mini-DomainNet",
        domains=("clipart", "painting", "real", "sketch"),
        classes=tuple(sorted(_CLASSES.split())),
        images=140_006,  # the survey; no source for the numbers per domain was found
        readable={k: v for k, v in READABLE.items() if k in _CLASSES.split()},
        paper="Zhou, Yang, Qiao, Xiang: Domain Adaptive Ensemble Learning, TIP 2021, "
        "arXiv 2003.07325",
        home=(
            "http://ai.bu.edu/M3SDA/ for the images",
            "https://github.com/KaiyangZhou/Dassl.pytorch (DATASETS.md) for the lists splits_mini",
        ),
        list_folder="splits_mini",
        terms="Those of DomainNet.",
        notes=(
            "A selection from DomainNet by lists (splits_mini). 'ldpf datasets prepare "
            "mini-domainnet' makes it a folder of its own; its authors scale the images to "
            "96 x 96, here they stay.",
        ),
    )
