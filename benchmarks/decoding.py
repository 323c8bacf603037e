"""What decoding costs: images at the limits, hostile files, and the checks on ordinary images.

    python benchmarks/decoding.py                # images at the limits and hostile files
    python benchmarks/decoding.py --images PATH  # also what the checks cost on these images

Each file is read in a process of its own, which measures its processor time and the most memory
above what it had before. Memory of images that are decoded apart is that of the other process.
"""

from __future__ import annotations

import argparse
import io
import json
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ldpf.data.image_files import iter_image_files
from ldpf.data.images import read_image
from ldpf.data.limits import MAX_MEMORY, MAX_SECONDS
from ldpf.data.rgb import to_rgb

SIDE = 9459
"""Of a square at the pixel limit."""

READ = """
import json, sys, threading, time
import psutil
from ldpf.data.images import UnreadableImageError, read_image
from ldpf.utils.resources import peak_memory_mib, reset_peak_memory
own, most = psutil.Process(), [0.0, 0.0]
def watch():
    while True:
        for child in own.children():
            try:
                times = child.cpu_times()
                most[0] = max(most[0], child.memory_info().rss)
                most[1] = max(most[1], times.user + times.system)
            except psutil.Error:
                pass
        time.sleep(0.02)
read_image(sys.argv[2])
before = own.memory_info().rss
reset_peak_memory()
threading.Thread(target=watch, daemon=True).start()
start = time.thread_time()
try:
    result = "%d x %d" % read_image(sys.argv[1]).size
except UnreadableImageError as error:
    result = error.reason
seconds = time.thread_time() - start + most[1]
here = peak_memory_mib() * 2**20 - before
print(json.dumps([seconds, max(here, most[0] - before), result]))
"""


def encoded(mode: str, kind: str, side: int = SIDE, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (side, side)).save(stream, kind, **options)
    return stream.getvalue()


def many_scans() -> bytes:
    data = encoded("L", "JPEG", 4000, progressive=True)
    last, end = data.rfind(b"\xff\xda"), data.rfind(b"\xff\xd9")
    return data[:end] + data[last:end] * 10_000 + data[end:]


def png_of_chunks() -> bytes:
    data = encoded("RGB", "PNG", 64)
    empty = struct.pack(">I", 0) + b"abCd" + struct.pack(">I", zlib.crc32(b"abCd"))
    return data[:33] + empty * 4_000_000 + data[33:]


def padded_jpeg(before: bytes) -> bytes:
    data = encoded("RGB", "JPEG", 64)
    place = data.rfind(before)
    return data[:place] + b"\xff" * 50_000_000 + data[place:]


def run_lengths() -> bytes:
    side = 9000
    rows = (b"\x01\x05" * side + b"\0\0") * side
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(rows), 1, 1, 256, 0)
    start = 14 + len(head) + 1024
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + bytes(1024) + rows


def huge_webp() -> bytes:
    bits = 16382 | 16382 << 14
    chunk = b"\x2f" + bits.to_bytes(4, "little") + bytes(11)
    return b"RIFF" + struct.pack("<I", 28) + b"WEBPVP8L" + struct.pack("<I", 16) + chunk


def plain(kind: bytes, value: bytes, count: int) -> bytes:
    side = 8900
    return kind + b"\n%d %d\n255\n" % (side, side) + (value * side * count + b"\n") * side


AT_THE_LIMIT: dict[str, Callable[[], bytes]] = {
    "PNG, RGB": lambda: encoded("RGB", "PNG", compress_level=1),
    "PNG, RGBA": lambda: encoded("RGBA", "PNG", compress_level=1),
    "PNG, 16 bits": lambda: encoded("I;16", "PNG", compress_level=1),
    "JPEG": lambda: encoded("RGB", "JPEG"),
    "JPEG, progressive 4:2:0": lambda: encoded("RGB", "JPEG", progressive=True),
    "JPEG, progressive 4:4:4": lambda: encoded("RGB", "JPEG", progressive=True, subsampling=0),
    "TIFF, floats": lambda: encoded("F", "TIFF"),
    "TIFF, floats, LZW": lambda: encoded("F", "TIFF", compression="tiff_lzw"),
    "BMP": lambda: encoded("RGB", "BMP"),
    "GIF": lambda: encoded("P", "GIF"),
    "PNM, 254 levels": lambda: b"P5\n9000 9000\n254\n" + bytes(9000 * 9000),
    "PNM, plain gray": lambda: plain(b"P2", b"7 ", 1),
    "WebP of 24 million pixels": lambda: encoded("RGB", "WEBP", 4898, method=0),
    "AVIF of 48 million pixels": lambda: encoded("RGB", "AVIF", 6928, speed=10),
    "JPEG 2000 of 48 million pixels": lambda: encoded("RGB", "JPEG2000", 6928),
}
HOSTILE: dict[str, Callable[[], bytes]] = {
    "JPEG of 10,000 scans": many_scans,
    "JPEG, padding in its header": lambda: padded_jpeg(b"\xff\xda"),
    "JPEG, padding in its data": lambda: padded_jpeg(b"\xff\xd9"),
    "PNG of 4 million chunks": png_of_chunks,
    "BMP of run lengths": run_lengths,
    "WebP of 36 bytes": huge_webp,
    "PNM of comments": lambda: b"P2\n100 100\n255\n" + b"#\n" * 1_000_000,
    "GIF of 100,000 frames": lambda: gif_of_frames(100_000),
}


def gif_of_frames(count: int) -> bytes:
    data = encoded("P", "GIF", 16)
    frame = data.find(b"\x2c\0\0\0\0")
    return data[:-1] + data[frame:-1] * count + b";"


def measured(cases: dict[str, Callable[[], bytes]]) -> Iterator[tuple[str, float, float, str]]:
    """Name, seconds of processor time, bytes and what came out of each case."""
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small"
        small.write_bytes(encoded("RGB", "PNG", 64))
        for name, make in cases.items():
            file = Path(folder) / "file"
            file.write_bytes(make())
            run = subprocess.run(
                [sys.executable, "-c", READ, str(file), str(small)],
                capture_output=True,
                text=True,
                check=True,
            )
            seconds, memory, result = json.loads(run.stdout)
            yield name, seconds, memory, result


def cost_of_checks(folder: Path, count: int, rounds: int) -> tuple[float, float]:
    """Seconds for an image, read with and without the checks; the best of several rounds each."""
    contents = [file.read_bytes() for file in list(iter_image_files(folder))[:count]]

    def unchecked(data: bytes) -> None:
        with Image.open(io.BytesIO(data)) as image:
            to_rgb(image)

    best = [np.inf, np.inf]
    for _ in range(rounds):  # alternating, so that both meet the same load of the machine
        ways = (lambda data: read_image("image", data=data), unchecked)
        for place, read in enumerate(ways):
            start = time.process_time()
            for data in contents:
                read(data)
            best[place] = min(best[place], time.process_time() - start)
    return best[0] / len(contents), best[1] / len(contents)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", type=Path, help="a folder of ordinary images")
    parser.add_argument("--count", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print("file | seconds | MB | seconds / limit | memory / limit | result")
    for cases in (AT_THE_LIMIT, HOSTILE):
        for name, seconds, memory, result in measured(cases):
            ratios = f"{seconds / MAX_SECONDS:.2f} | {memory / MAX_MEMORY:.2f}"
            print(f"{name} | {seconds:.2f} | {memory / 1e6:.0f} | {ratios} | {result}", flush=True)
    if options.images is not None:
        checked, unchecked = cost_of_checks(options.images, options.count, options.rounds)
        print(
            f"ordinary images: {1e6 * checked:.0f} us with the checks, {1e6 * unchecked:.0f} us "
            f"without: {checked / unchecked - 1:+.1%}"
        )


if __name__ == "__main__":
    main()
