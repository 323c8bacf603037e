"""Terra Incognita's folders from the Caltech Camera Traps images and annotations.

The selection is DomainBed's (arXiv 2007.01434): four camera locations, ten classes. The boxes of
the annotations are kept in a table beside the folders, for training on what is in them.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldpf.data.boxes import BOX_COLUMNS
from ldpf.data.datasets.materialize import Placement, place_all
from ldpf.data.datasets.terra_incognita import terra_incognita
from ldpf.data.image_files import check_outside
from ldpf.data.images import BadImage, bad_images_message
from ldpf.errors import DataError
from ldpf.utils.constraints import OneOf, check_value
from ldpf.utils.json_files import read_json
from ldpf.utils.ways import setting
from ldpf.utils.writable import check_folder

_TERRA = terra_incognita()
SEVERAL = ("each", "skip")
BOXES = "boxes.csv"
"""The table: a row for each box, and one without a box for an image that has none."""


@dataclass(frozen=True)
class TerraSummary:
    """What was made.

    Attributes:
        domain_images: Files per location.
        several_labels: Images with more than one of the ten classes.
        other_labels: Images of the four locations with none of the ten classes.
        missing: Images left out because their file is not there.
        done_before: Everything was there already.
    """

    domain_images: dict[str, int]
    several_labels: int
    other_labels: int
    missing: int
    done_before: bool = False


def prepare_terra_incognita(
    annotations: Path,
    images: Path,
    out: Path,
    *,
    several: str = "each",
    skip_missing: bool = False,
    copy: bool = False,
    progress: bool = True,
) -> TerraSummary:
    """Make `location_38/bird/....jpg` ... from the downloaded images; see `place_all` for how.

    Args:
        annotations: The COCO-style JSON file, `caltech_images_20210113.json` or an older one.
        images: The folder with the images, `eccv_18_all_images_sm`.
        out: The new folder.
        several: For an image with several of the ten classes: "each" puts it into every class, as
            DomainBed does; "skip" leaves it out.
        skip_missing: Leave out images that are not there, instead of stopping.
        copy: Copy instead of linking.
        progress: Show a progress bar on stderr.

    Raises:
        SettingsError: An unknown `several`, `out` lies in `images`, or see `place_all`.
        DataError: The annotations cannot be used, an image is not there, or see `place_all`.
    """
    check_value("several_labels", several, OneOf(SEVERAL))
    annotations, images, out = (p.expanduser().absolute() for p in (annotations, images, out))
    if not images.is_dir():
        raise DataError(f"there is no folder {images}; give the folder of the unpacked images")
    check_outside(out, [images])
    check_folder(out)
    files, labels, boxes, other = _select(annotations)
    rows: list[tuple[str, ...]] = []
    placements: list[Placement] = []
    counts: Counter[str] = Counter(dict.fromkeys(_TERRA.domains, 0))
    n_several = 0
    missing: list[BadImage] = []
    for image, (domain, name) in files.items():
        classes = labels[image]
        n_several += len(classes) > 1
        if len(classes) > 1 and several == "skip":
            continue
        source = images / name
        if not source.is_file():
            missing.append(BadImage(name, "the file does not exist"))
            continue
        flat = name.replace("/", "_")
        placements += [Placement(source, f"{domain}/{folder}/{flat}") for folder in classes]
        for folder in classes:
            for box in boxes.get((image, folder)) or [("",) * 4]:
                rows.append((f"{domain}/{folder}/{flat}", folder, domain, *box))
        counts[domain] += len(classes)
    if missing and (not skip_missing or not placements):
        raise DataError(
            bad_images_message(missing, len(files), images).rpartition("\n")[0]
            + f"\nUnpack all images into {images}, or leave these out with "
            f"{setting('skip_missing')}."
        )
    summary = TerraSummary(dict(counts), n_several, other, len(missing))
    made = place_all(
        out,
        {
            "benchmark": _TERRA.name,
            "annotations": str(annotations),
            "images": str(images),
            "several": several,
            "files": len(placements),
        },
        placements,
        {BOXES: _table(rows)} if boxes else {},
        {
            "domain_images": summary.domain_images,
            "several_labels": summary.several_labels,
            "missing": summary.missing,
        },
        copy=copy,
        progress=progress,
    )
    return summary if made else TerraSummary(**{**vars(summary), "done_before": True})


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "label", "domain", *BOX_COLUMNS))
    writer.writerows(rows)
    return text.getvalue()


def _fractions(box: Sequence[float], image: Mapping[str, Any]) -> tuple[str, ...]:
    """A box in pixels of the annotated image as fractions: the images handed out are smaller."""
    width, height = float(image["width"]), float(image["height"])
    left, upper = max(0.0, float(box[0])) / width, max(0.0, float(box[1])) / height
    right = min(1.0, (float(box[0]) + float(box[2])) / width)
    lower = min(1.0, (float(box[1]) + float(box[3])) / height)
    return tuple(f"{value:.6f}" for value in (left, upper, right - left, lower - upper))


_Selected = tuple[
    dict[str, tuple[str, str]],
    dict[str, tuple[str, ...]],
    dict[tuple[str, str], list[tuple[str, ...]]],
    int,
]


def _select(file: Path) -> _Selected:
    """Images of the four locations with one of the ten classes: id to (domain, file) and classes.

    The third has the boxes of an image and class, as fractions; the fourth is how many images of
    the four locations have none of the ten classes.
    """
    content = read_json(file, "the annotations", "unpack the archive and give the file in it")
    try:
        categories = {one["id"]: one["name"] for one in content["categories"]}
        here, sizes = {}, {}
        boxes: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        for one in content["images"]:
            domain = f"location_{one.get('location')}"
            if domain in _TERRA.domains:
                here[str(one["id"])] = (domain, _safe(file, str(one["file_name"])))
                sizes[str(one["id"])] = one
        classes: dict[str, set[str]] = {}
        for one in content["annotations"]:
            image, name = str(one["image_id"]), categories[one["category_id"]]
            # Two boxes of one class are one label.
            if image in here and name in _TERRA.classes:
                classes.setdefault(image, set()).add(name)
                if one.get("bbox") and {"width", "height"} <= sizes[image].keys():
                    box = _fractions(one["bbox"], sizes[image])
                    if min(map(float, box[2:])) > 0:
                        boxes.setdefault((image, name), []).append(box)
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise DataError(
            f"{file} is no COCO-style annotation file ({type(error).__name__}: {error}); it needs "
            "images (id, file_name, location), annotations (image_id, category_id) and categories "
            "(id, name), as caltech_images_20210113.json has"
        ) from error
    files = {image: here[image] for image in here if image in classes}
    if not files:
        raise DataError(
            f"{file} has no image of the locations 38, 43, 46 and 100 with one of the classes "
            f"{', '.join(_TERRA.classes)}; give the Caltech Camera Traps annotations"
        )
    labels = {image: tuple(sorted(classes[image])) for image in files}
    return files, labels, boxes, len(here) - len(files)


def _safe(file: Path, name: str) -> str:
    if name.startswith("/") or ".." in name.split("/"):
        raise DataError(f"{file} names the file {name!r}, which does not lie in the image folder")
    return name
