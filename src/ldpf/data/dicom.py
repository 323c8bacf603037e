"""DICOM images as a viewer shows them: windowed, in significant bits, padding left out."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from ldpf.data.pixel_ranges import scaled


def open_dicom(stream: BinaryIO) -> Any:
    """The header and, unread so far, the pixels of a DICOM file.

    Args:
        stream: The open file.

    Returns:
        A `pydicom.Dataset`; `size_of` and `picture_of` take it.
    """
    import pydicom

    return pydicom.dcmread(stream)


def size_of(dataset: Any) -> tuple[int, int]:
    """Width and height.

    Raises:
        ValueError: The file holds no image.
    """
    if "PixelData" not in dataset:
        kind = dataset.get("Modality", "unknown")
        raise ValueError(f"a DICOM file without an image (modality {kind})")
    return int(dataset.Columns), int(dataset.Rows)


def picture_of(dataset: Any) -> Image.Image:
    """The first frame as 8 bits: mode L, or RGB for color.

    Grayscale goes through the modality transformation (slope and intercept) and the first window
    of the file (center and width; DICOM PS3.3, C.11.2.1.2). Without a window, unsigned values are
    scaled from 0 to the greatest number of `BitsStored` bits, and signed ones from the least to the
    greatest value of the image. Pixels of the padding value are black, MONOCHROME1 is inverted.
    """
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
    from pydicom.pixels.utils import pixel_array

    pixels = pixel_array(dataset, index=0)  # YBR becomes RGB
    interpretation = str(dataset.PhotometricInterpretation)
    bits = int(dataset.BitsStored)
    if pixels.ndim == 3:
        return Image.fromarray(scaled(pixels, 0.0, 2.0**bits - 1))
    if interpretation == "PALETTE COLOR":
        colors = apply_color_lut(pixels, dataset)[..., :3]
        return Image.fromarray(scaled(colors, 0.0, float(np.iinfo(colors.dtype).max)))
    padding = _padding(dataset, pixels)
    values = np.asarray(apply_modality_lut(pixels, dataset), dtype=np.float64)
    low, high = _window(dataset) or _range(dataset, values, padding, bits)
    gray = scaled(values, low, high)
    if interpretation == "MONOCHROME1":
        gray = 255 - gray
    gray[padding] = 0
    return Image.fromarray(gray)


def _padding(dataset: Any, pixels: np.ndarray) -> np.ndarray:
    """Pixels that are no part of the image, [H, W] bool."""
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return np.zeros(pixels.shape, dtype=bool)
    last = dataset.get("PixelPaddingRangeLimit", first)
    return (pixels >= min(first, last)) & (pixels <= max(first, last))


def _window(dataset: Any) -> tuple[float, float] | None:
    """What the first window makes black and white; None without one."""
    center, width = dataset.get("WindowCenter"), dataset.get("WindowWidth")
    if center is None or width is None:
        return None
    c, w = (float(v if isinstance(v, (int, float)) else v[0]) for v in (center, width))
    if dataset.get("VOILUTFunction", "LINEAR") == "LINEAR":
        c, w = c - 0.5, w - 1
    return c - w / 2, c + w / 2


def _range(dataset: Any, values: np.ndarray, padding: np.ndarray, bits: int) -> tuple[float, float]:
    """What is black and white without a window."""
    if int(dataset.PixelRepresentation) == 0 and "ModalityLUTSequence" not in dataset:
        slope = float(dataset.get("RescaleSlope", 1))
        intercept = float(dataset.get("RescaleIntercept", 0))
        ends = intercept, (2.0**bits - 1) * slope + intercept
        return min(ends), max(ends)
    shown = values[~padding] if not padding.all() else values
    return float(shown.min()), float(shown.max())
