"""Image formats: which Pillow reads, which a plug-in adds, and the names of all others."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from dataclasses import dataclass

from PIL import Image

IMAGE_ENDINGS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".avif", ".jp2", ".j2k", ".j2c", ".jpc"}
    | {".jif", ".jfi", ".mpo", ".apng"}
)
"""Endings of the formats that Pillow reads; see `image_endings` for those of plug-ins."""

# Only these of Pillow's readers: others run foreign programs (EPS) or are not photographs.
_READERS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")


@dataclass(frozen=True)
class OptionalFormat:
    """A format that is read where a plug-in is installed.

    Attributes:
        name: As people say it.
        endings: Of its files, in lower case.
        module: The plug-in.
        install: What to type to have it.
        reader: What Pillow calls the plug-in's reader; "" for one that is not Pillow's.
    """

    name: str
    endings: frozenset[str]
    module: str
    install: str
    reader: str = ""

    @property
    def is_installed(self) -> bool:
        """Whether the plug-in is there; it is not imported."""
        try:
            return importlib.util.find_spec(self.module) is not None
        except (ImportError, ValueError):
            return False

    def load(self) -> bool:
        """Import the plug-in; whether the format is readable now."""
        if not self.is_installed:
            return False
        try:
            module = importlib.import_module(self.module)
        except ImportError:  # a library it was built for is missing
            return False
        if self.module == "pillow_heif" and self.reader not in Image.OPEN:
            module.register_heif_opener()
        return not self.reader or self.reader in Image.OPEN


HEIC = OptionalFormat(
    name="HEIC",
    endings=frozenset({".heic", ".heif", ".hif"}),
    module="pillow_heif",
    install="pip install 'ldpf[heif]'",
    reader="HEIF",
)
AVIF = OptionalFormat(
    name="AVIF",
    endings=frozenset({".avif"}),
    module="PIL._avif",  # in the wheels of Pillow 11.3 and later
    install="pip install 'pillow>=11.3'",
    reader="AVIF",
)
JPEG_XL = OptionalFormat(
    name="JPEG XL",
    endings=frozenset({".jxl"}),
    module="pillow_jxl",
    install="pip install 'ldpf[heif]'",
    reader="JXL",
)
DICOM = OptionalFormat(
    name="DICOM",
    endings=frozenset({".dcm", ".dicom"}),
    module="pydicom",
    install="pip install 'ldpf[dicom]'",
)
OPTIONAL_FORMATS = (HEIC, AVIF, JPEG_XL, DICOM)

_ODD_TIFF = (
    "a TIFF of a kind that Pillow does not read, such as 64-bit floats or many bands; save it as "
    "grayscale or RGB of 8 or 16 bits"
)
# What files begin with that are often taken for images, for the message about them.
_NAMED_STARTS = (
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"Rar!", "an archive"),
    (b"7z\xbc\xaf", "an archive"),
    (b"\x1f\x8b", "a compressed file"),
    (b"<!doctype html", "a web page, as a failed download leaves it"),
    (b"<html", "a web page, as a failed download leaves it"),
    (b"<?xml", "an XML or SVG file"),
    (b"<svg", "an SVG drawing"),
    (b"version https://git-lfs", "a pointer of Git LFS (git lfs pull gets the image)"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (b"SIMPLE  =", "a FITS file"),
    (b"II\xbc\x01", "a JPEG XR picture"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance picture"),
    (b"gimp xcf", "a picture of GIMP"),
    (b"qoif", "a QOI picture"),
    (b"BPG\xfb", "a BPG picture"),
    (b"AT&TFORM", "a DjVu document"),
    (b"DDS ", "a texture (DDS)"),
    (b"P7\n", "a PAM picture"),
    (b"\0\0\1\0", "an icon"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x1aE\xdf\xa3", "a film"),
    (b"SQLite format 3", "a database"),
    (b"\0\5\x16\7", "what macOS keeps beside a file (AppleDouble), without the file itself"),
    (b"data:image/", "a picture as text (base64); decode it first"),
    (b"/9j/", "a picture as text (base64); decode it first"),
    (b"iVBORw0KGgo", "a picture as text (base64); decode it first"),
    (b"{", "a JSON text, as a failed download leaves it"),
    (b"II*\0", _ODD_TIFF),
    (b"MM\0*", _ODD_TIFF),
)

HEAD = 256
"""Bytes of a file that `format_of` and `why_unread` look at."""


def image_endings() -> frozenset[str]:
    """Endings of files that are read here, with those of the plug-ins that are installed."""
    there = [one.endings for one in OPTIONAL_FORMATS if one.is_installed]
    absent = [one.endings for one in OPTIONAL_FORMATS if not one.is_installed]
    return IMAGE_ENDINGS.union(*there).difference(*absent)


@functools.cache
def pillow_readers() -> tuple[str, ...]:
    """Names of Pillow's own readers that are used."""
    Image.init()
    return tuple(name for name in _READERS if name in Image.OPEN)


def format_of(head: bytes) -> OptionalFormat | None:
    """The optional format of a file that begins with `head`; None for any other."""
    if head[128:132] == b"DICM":
        return DICOM
    if head.startswith((b"\xff\x0a", b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a")):
        return JPEG_XL
    if head[4:8] == b"ftyp":
        size = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12], *(head[i : i + 4] for i in range(16, size, 4))}
        if brands & {b"avif", b"avis"}:
            return AVIF
        if brands & {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}:
            return HEIC
    return None


def why_unread(head: bytes) -> str:
    """Why a file that begins with `head` is not read, in a few words."""
    found = format_of(head)
    if found is not None:
        return f"a picture in the format {found.name}, which needs a plug-in: {found.install}"
    looks = "a film or a camera's raw file" if head[4:8] == b"ftyp" else None
    if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"WAVE"):
        looks = "a film or sound"
    folded = head.lstrip().lower()
    for start, name in _NAMED_STARTS:
        if head.startswith(start) or folded.startswith(start.lower()):
            looks = name
    hint = "" if looks is None else f": it looks like {looks}"
    return f"not an image, or its header is damaged (it begins with {head[:16]!r}){hint}"
