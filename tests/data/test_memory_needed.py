import io
import subprocess
import sys

import pytest
from PIL import Image

from ldpf.data.images import UnreadableImageError, read_image
from ldpf.data.limits import MAX_MEMORY
from ldpf.data.memory_needed import memory_needed

MEASURED = """
import sys
from pathlib import Path
import psutil
from PIL import Image
from ldpf.data import memory_needed
from ldpf.data.images import read_image
from ldpf.utils.resources import peak_memory_mib, reset_peak_memory
path = Path(sys.argv[1])
Image.init()
with path.open("rb") as stream:
    needed = memory_needed.memory_needed(Image.open(stream), stream, path.stat().st_size)
reset_peak_memory()
before = psutil.Process().memory_info().rss
read_image(path)
print(needed, int(peak_memory_mib() * 2**20 - before))
"""
SIDE = 3000
KINDS = {
    "rgb.png": ("RGB", {}),
    "rgba.png": ("RGBA", {}),
    "gray.png": ("L", {}),
    "deep.png": ("I;16", {}),
    "palette.gif": ("P", {}),
    "plain.jpg": ("RGB", {}),
    "progressive.jpg": ("RGB", {"progressive": True, "subsampling": 0}),
    "cmyk.jpg": ("CMYK", {}),
    "rgb.webp": ("RGB", {"method": 0}),
    "lossless.webp": ("RGBA", {"lossless": True, "method": 0}),
    "float.tif": ("F", {}),
    "one_strip.tif": ("RGB", {"compression": "tiff_lzw", "tiffinfo": {278: SIDE}}),
    "turned.tif": ("RGB", {"tiffinfo": {274: 6}}),
    "rgb.bmp": ("RGB", {}),
    "rgb.ppm": ("RGB", {}),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a moment")
@pytest.mark.parametrize("name", KINDS)
def test_no_format_takes_more_than_is_reckoned(name, tmp_path):
    mode, options = KINDS[name]
    Image.new(mode, (SIDE, SIDE)).save(tmp_path / name, **options)
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / name)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    needed, measured = map(int, run.stdout.split())
    assert measured <= needed


def header_of_webp(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    chunk = b"\x2f" + bits.to_bytes(4, "little") + bytes(11)
    return b"RIFF" + (28).to_bytes(4, "little") + b"WEBPVP8L" + (16).to_bytes(4, "little") + chunk


def test_a_webp_that_claims_to_be_huge_is_refused_before_it_is_opened():
    data = header_of_webp(9000, 9000)
    with pytest.raises(UnreadableImageError, match=r"takes about 1,296 MB, above the limit of 400"):
        read_image("a.webp", data=data)


def test_a_progressive_jpeg_at_the_pixel_limit_is_refused():
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "JPEG", progressive=True, subsampling=0)
    data = stream.getvalue().replace(b"\x08\x00\x40\x00\x40", b"\x08\x24\xf0\x24\xf0", 1)
    with pytest.raises(UnreadableImageError, match=r"\(JPEG\) takes about 6\d\d MB"):
        read_image("a.jpg", data=data)


def test_a_jpeg_of_thousands_of_scans_is_refused():
    stream = io.BytesIO()
    Image.new("L", (1200, 1200)).save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    last, end = data.rfind(b"\xff\xda"), data.rfind(b"\xff\xd9")
    scans = data[:end] + data[last:end] * 2000 + data[end:]
    with pytest.raises(UnreadableImageError, match=r"a progressive JPEG of 2,0\d\d scans"):
        read_image("a.jpg", data=scans)


def test_a_tiff_of_a_million_strips_is_refused():
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "TIFF")
    data = bytearray(stream.getvalue())
    place = data.find((273).to_bytes(2, "little"))
    data[place + 4 : place + 8] = (10**6).to_bytes(4, "little")
    with pytest.raises(UnreadableImageError, match="a TIFF tag of 1,000,000 numbers"):
        read_image("a.tif", data=bytes(data))


@pytest.mark.parametrize(("size", "fits"), [((4000, 6000), True), ((9000, 9000), False)])
def test_an_ordinary_large_photo_fits_in_every_format(size, fits):
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP"):
        image = Image.new("RGB", (8, 8))
        image.format = kind  # type: ignore[misc]
        image._size = size
        needed = memory_needed(image, io.BytesIO(), 0)
        assert (needed <= MAX_MEMORY) is (fits or kind != "WEBP")
