"""Boxes: a part of a picture that stands for the image, such as an animal before a camera trap.

An image with a box has it behind its path, as a media fragment (W3C, Media Fragments URI 1.0):
`trap/0001.jpg#xywh=120,80,300,200` in pixels, `#xywh=percent:10,5,25,20` in percent, with
`;margin=0.1` behind it where the crop is larger. So the box is part of whatever is kept by path:
one picture may be listed with several boxes, the cache tells them apart, and predictions carry
them.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from ldpf.data.bad_images import UnreadableImageError
from ldpf.errors import DataError
from ldpf.utils.constraints import Number, check_value

log = logging.getLogger("ldpf")

BOX_COLUMNS = ("x", "y", "w", "h")
"""Left edge, upper edge, width and height."""

_MARK = "#xywh="
_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_FRAGMENT = re.compile(
    rf"#xywh=(percent:)?({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})(?:;margin=({_NUMBER}))?$"
)
_LEAST_INSIDE = 0.5
"""Share of a box that a picture should hold: annotations overshoot by a little, not by half."""

_OTHER_BOXES = (
    *(("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"), ("x", "y", "width", "height")),
    *(("x_min", "y_min", "x_max", "y_max"), ("left", "top", "right", "bottom")),
    *(("left", "top", "width", "height"), ("bbox_x", "bbox_y", "bbox_w", "bbox_h")),
    *(("bbox",), ("box",), ("boxes",), ("bounding_box",)),
)
"""What boxes are called elsewhere; some of these mean other numbers, so none is read."""

_EDGE = 1e-6  # fractions are rounded: 0.7 + 0.3 may be a hair above 1


@dataclass(frozen=True)
class Box:
    """A part of a picture that is upright.

    Attributes:
        x, y: left and upper edge.
        w, h: width and height.
        percent: whether these are percent of the picture's width and height, and not pixels.
        margin: what is cropped beyond each edge, as a share of the box's width or height.
    """

    x: float
    y: float
    w: float
    h: float
    percent: bool = False
    margin: float = 0.0

    def __str__(self) -> str:
        unit = "percent:" if self.percent else ""
        edges = ",".join(map(_plain, (self.x, self.y, self.w, self.h)))
        return f"{_MARK}{unit}{edges}" + (f";margin={_plain(self.margin)}" if self.margin else "")

    def crop(self, picture: Image.Image, width: int, height: int, path: str | Path) -> Image.Image:
        """The part of a picture, cut off at its edges.

        Args:
            picture: upright; it may have been decoded smaller than it is.
            width, height: of the picture as the file has it, upright, which pixels count in.
            path: names it in an error.

        Raises:
            UnreadableImageError: no pixel of the picture lies in the box.
        """
        across, down = (100, 100) if self.percent else (width, height)
        left, right = (
            (self.x - self.margin * self.w) * picture.width / across,
            (self.x + self.w + self.margin * self.w) * picture.width / across,
        )
        upper, lower = (
            (self.y - self.margin * self.h) * picture.height / down,
            (self.y + self.h + self.margin * self.h) * picture.height / down,
        )
        edges = (
            max(0, math.floor(left + _EDGE)),
            max(0, math.floor(upper + _EDGE)),
            min(picture.width, math.ceil(right - _EDGE)),
            min(picture.height, math.ceil(lower - _EDGE)),
        )
        if edges[0] >= edges[2] or edges[1] >= edges[3]:
            raise UnreadableImageError(
                path, f"its box lies outside of the picture of {width:,} x {height:,} pixels"
            )
        inside = max(0.0, min(self.x + self.w, across) - self.x) / self.w
        inside *= max(0.0, min(self.y + self.h, down) - self.y) / self.h
        if inside < _LEAST_INSIDE:
            raise UnreadableImageError(
                path,
                f"only {inside:.0%} of its box lie in the picture of {width:,} x {height:,} "
                "pixels; it may be that of a larger copy",
            )
        return picture.crop(edges)


def split_box(path: str | Path) -> tuple[str, Box | None]:
    """The file and the box of a path; None where it has no box."""
    text = str(path)
    if _MARK not in text:
        return text, None
    match = _FRAGMENT.search(text)
    if match is None:
        return text, None
    x, y, w, h = (float(match[i]) for i in range(2, 6))
    return text[: match.start()], Box(x, y, w, h, bool(match[1]), float(match[6] or 0))


def boxed_digest(sha256: bytes, path: str | Path) -> bytes:
    """The digest [32 bytes] of what is encoded: of the file, and of the box where there is one."""
    _, box = split_box(path)
    return sha256 if box is None else hashlib.sha256(sha256 + str(box).encode()).digest()


def boxes_of(
    file: Path, columns: Mapping[str, Sequence[str]], rows: Sequence[int], row_word: str
) -> list[Box | None] | None:
    """The boxes of a table; None where it has none.

    Numbers that are all 1 or less are fractions of the picture, others pixels. A row may leave all
    four empty: then the whole picture is meant.

    Args:
        file: the table.
        columns: its columns as text, `BOX_COLUMNS` among them where it has boxes.
        rows: numbers of the rows for people.
        row_word: what a row is called.

    Raises:
        DataError: a box has some of its numbers, one that is none, or no area; fractions reach
            beyond the picture.
    """
    if not all(any(columns.get(name, ())) for name in BOX_COLUMNS):
        return None
    boxes: list[Box | None] = []
    texts = zip(*(columns[name] for name in BOX_COLUMNS), strict=True)
    for row, four in zip(rows, texts, strict=True):
        where = f"{file}, {row_word} {row}"
        if not any(four):
            boxes.append(None)
            continue
        try:
            x, y, w, h = map(float, four)
        except ValueError as error:
            told = ", ".join(
                f"{name}={text!r}" for name, text in zip(BOX_COLUMNS, four, strict=True)
            )
            raise DataError(f"{where}: {told} is no box; give four numbers, or none") from error
        if not all(map(math.isfinite, (x, y, w, h))) or min(x, y) < 0 or min(w, h) <= 0:
            raise DataError(
                f"{where}: the box x={x:g}, y={y:g}, w={w:g}, h={h:g} has no area in the picture; "
                "x and y start at 0, w and h are above 0"
            )
        boxes.append(Box(x, y, w, h))
    sizes = [max(box.x, box.y, box.w, box.h) for box in boxes if box is not None]
    if max(sizes) > 1:
        for row, box in zip(rows, boxes, strict=True):
            if box is not None and min(box.w, box.h) < 1:
                raise DataError(
                    f"{file}, {row_word} {row}: the box x={box.x:g}, y={box.y:g}, w={box.w:g}, "
                    f"h={box.h:g} is smaller than a pixel; other boxes of the table are in pixels, "
                    "so fractions must be, too"
                )
        return boxes
    for row, box in zip(rows, boxes, strict=True):
        if box is not None and max(box.x + box.w, box.y + box.h) > 1 + _EDGE:
            raise DataError(
                f"{file}, {row_word} {row}: the box x={box.x:g}, y={box.y:g}, w={box.w:g}, "
                f"h={box.h:g} reaches beyond the picture; numbers of 1 or less are fractions of it"
            )
    return [
        None
        if box is None
        else Box(*(round(100 * v, 6) for v in (box.x, box.y, box.w, box.h)), percent=True)
        for box in boxes
    ]


def check_box_columns(file: Path, header: Sequence[str]) -> None:
    """Refuse a table with three columns of a box, and say where other columns look like boxes.

    Args:
        file: the table.
        header: names of its columns, in small letters.

    Raises:
        DataError: one of x, y, w and h is missing.
    """
    there = [name for name in BOX_COLUMNS if name in header]
    if len(there) == len(BOX_COLUMNS):
        return
    if len(there) == len(BOX_COLUMNS) - 1:
        (lost,) = set(BOX_COLUMNS) - set(there)
        raise DataError(
            f"{file} has the columns {', '.join(there)} of a box, but no {lost}; add it, or call "
            "them otherwise if they are no boxes"
        )
    other = next((names for names in _OTHER_BOXES if all(name in header for name in names)), None)
    if other is not None:
        log.warning(
            "%s: %s like boxes and %s not read, so whole pictures are meant. For their crops "
            "give columns x, y, w and h: left and upper edge, width and height",
            file,
            f"the column{'s' if len(other) > 1 else ''} {', '.join(other)} "
            f"look{'' if len(other) > 1 else 's'}",
            "are" if len(other) > 1 else "is",
        )


def with_boxes(
    paths: Sequence[str], boxes: Sequence[Box | None] | None, margin: float, file: Path
) -> tuple[str, ...]:
    """Paths with their boxes behind them.

    Args:
        paths: N paths.
        boxes: N boxes; None where the table has none.
        margin: of each crop.
        file: the table, for a message.

    Raises:
        SettingsError: `margin` is negative or beyond 10.
        DataError: there is a margin, but no box.
    """
    check_value("margin", margin, Number(at_least=0, at_most=10))
    if boxes is None:
        if margin:
            raise DataError(
                f"margin={margin:g} widens boxes, but {file} has none: no columns x, y, w and h; "
                "leave the margin out"
            )
        return tuple(paths)
    return tuple(
        path if box is None else f"{path}{replace(box, margin=float(margin))}"
        for path, box in zip(paths, boxes, strict=True)
    )


def _plain(value: float) -> str:
    return repr(float(value)).removesuffix(".0")
