from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldpf.data import images
from ldpf.data.images import (
    BadImage,
    UnreadableImageError,
    bad_images_message,
    check_images,
    read_image,
)
from ldpf.errors import DataError


def noise(size=(40, 30), mode="RGB", seed=0):
    channels = len(Image.new(mode, (1, 1)).getbands())
    shape = (size[1], size[0]) + ((channels,) if channels > 1 else ())
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(pixels) if mode in ("RGB", "L") else Image.fromarray(pixels, mode)


def pixels(path):
    image = read_image(path)
    assert image.mode == "RGB"
    return np.asarray(image)


def png_header(width, height):
    """A PNG that claims a size and holds next to nothing: what a decompression bomb looks like."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


# What reads well


def test_an_rgb_image_is_read_as_it_is(tmp_path):
    noise().save(tmp_path / "a.png")
    assert np.array_equal(pixels(tmp_path / "a.png"), np.asarray(noise()))


def test_the_ending_does_not_matter_only_the_content(tmp_path):
    noise().save(tmp_path / "a.jpg", format="PNG")
    assert np.array_equal(pixels(tmp_path / "a.jpg"), np.asarray(noise()))
    assert check_images([tmp_path / "a.jpg"]) == []


def test_grayscale_becomes_three_equal_channels(tmp_path):
    gray = noise(mode="L")
    gray.save(tmp_path / "a.png")
    assert np.array_equal(pixels(tmp_path / "a.png"), np.stack([np.asarray(gray)] * 3, axis=-1))


def test_black_and_white_becomes_0_and_255(tmp_path):
    noise(mode="L").convert("1").save(tmp_path / "a.png")
    assert set(np.unique(pixels(tmp_path / "a.png"))) == {0, 255}


def test_palette_colors_are_looked_up(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    image.save(tmp_path / "a.png")
    assert (pixels(tmp_path / "a.png") == (10, 200, 30)).all()


@pytest.mark.parametrize("ending", ["png", "gif"])
def test_a_transparent_palette_entry_is_laid_on_white(tmp_path, ending):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 10, 200, 30])
    image.putpixel((1, 2), 1)
    image.save(tmp_path / f"a.{ending}", transparency=0)
    read = pixels(tmp_path / f"a.{ending}")
    assert tuple(read[2, 1]) == (10, 200, 30) and tuple(read[0, 0]) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_on_white(tmp_path, mode):
    color = (200, 0) if mode == "LA" else (200, 0, 0, 0)
    image = Image.new(mode, (2, 1), color)
    image.putpixel((1, 0), (*color[:-1], 128))
    image.save(tmp_path / "a.png")
    read = pixels(tmp_path / "a.png")
    assert tuple(read[0, 0]) == (255, 255, 255)
    assert abs(int(read[0, 1, 0]) - (200 * 128 + 255 * 127) / 255) <= 1


def test_a_transparent_color_is_laid_on_white(tmp_path):
    image = Image.new("RGB", (2, 1), (1, 2, 3))
    image.putpixel((1, 0), (9, 9, 9))
    image.save(tmp_path / "a.png", transparency=(1, 2, 3))
    assert pixels(tmp_path / "a.png").tolist() == [[[255, 255, 255], [9, 9, 9]]]


@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_cmyk_becomes_rgb(tmp_path, ending):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / f"a.{ending}")
    red, green, blue = pixels(tmp_path / f"a.{ending}")[4, 4]
    assert red > 240 and green < 15 and blue < 15


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_16_bit_is_scaled_not_clipped(tmp_path, ending):
    values = np.array([[0, 257, 257 * 100, 40_000, 65_535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / f"a.{ending}")
    assert pixels(tmp_path / f"a.{ending}")[0, :, 0].tolist() == [0, 1, 100, 156, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 257.0, 65_535.0], [0, 1, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([7e6, 7e6, 7e6], [0, 0, 0]),
    ],
)
def test_float_tiff_is_scaled_from_the_smallest_range_that_holds_it(tmp_path, values, expected):
    Image.fromarray(np.array([values], dtype=np.float32)).save(tmp_path / "a.tif")
    assert pixels(tmp_path / "a.tif")[0, :, 0].tolist() == expected


def test_32_bit_integer_tiff_is_scaled_likewise(tmp_path):
    Image.fromarray(np.array([[0, 1, 255]], dtype=np.int32)).save(tmp_path / "a.tif")
    Image.fromarray(np.array([[-100, 0, 100]], dtype=np.int32)).save(tmp_path / "b.tif")
    assert pixels(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 1, 255]
    assert pixels(tmp_path / "b.tif")[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path, ending, orientation):
    upright = Image.new("RGB", (24, 16), (250, 250, 250))
    upright.paste((250, 0, 0), (0, 0, 8, 8))  # red top left
    upright.paste((0, 0, 250), (16, 0, 24, 8))  # blue top right
    inverse = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = upright.transpose(inverse[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"a.{ending}", exif=exif)
    read = pixels(tmp_path / f"a.{ending}").astype(int)
    assert read.shape == (16, 24, 3)
    assert abs(read[3, 3] - (250, 0, 0)).max() < 30 and abs(read[3, 20] - (0, 0, 250)).max() < 30


def test_a_damaged_tag_does_not_cost_the_rotation(tmp_path):
    # Little-endian TIFF header and two tags: orientation 6, and an XResolution of -1/3, which
    # Pillow reads, but cannot write again.
    header = b"II*\x00" + struct.pack("<IH", 8, 2)
    orientation = struct.pack("<HHII", 0x0112, 3, 1, 6)
    resolution = struct.pack("<HHII", 0x011A, 10, 1, 8 + 2 + 2 * 12 + 4)
    exif = header + orientation + resolution + struct.pack("<Iii", 0, -1, 3)
    noise().save(tmp_path / "a.png", exif=b"Exif\x00\x00" + exif)
    width, height = noise().size
    assert read_image(tmp_path / "a.png").size == (height, width) != (width, height)


@pytest.mark.parametrize("orientation", [0, 9, 60_000])
def test_an_orientation_that_there_is_not_is_taken_as_none(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise().save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.png")), np.asarray(noise()))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_costs_nothing(tmp_path):
    noise().save(tmp_path / "a.png", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xffgarbage")
    assert pixels(tmp_path / "a.png").shape == (30, 40, 3)


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "tif"])
def test_of_several_frames_the_first_is_read(tmp_path, ending):
    frames = [Image.new("RGB", (8, 8), color) for color in ((250, 0, 0), (0, 0, 250))]
    options = {"lossless": True} if ending == "webp" else {}
    frames[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:], **options)
    assert (abs(pixels(tmp_path / f"a.{ending}").astype(int) - (250, 0, 0)) < 10).all()
    assert check_images([tmp_path / f"a.{ending}"]) == []


def test_content_that_was_read_already(tmp_path):
    stream = io.BytesIO()
    noise().save(stream, "PNG")
    read = read_image(tmp_path / "nowhere.png", data=stream.getvalue())
    assert np.array_equal(np.asarray(read), np.asarray(noise()))


# What does not


def bad_files(folder: Path) -> dict[str, str]:
    """Bad files of every kind, and what is said of each."""
    noise((200, 150)).save(folder / "whole.jpg", quality=90)
    noise((200, 150)).save(folder / "whole.png")
    noise((200, 150)).save(folder / "progressive.jpg", quality=90, progressive=True)
    for name in ("whole.jpg", "whole.png", "progressive.jpg"):
        content = (folder / name).read_bytes()
        for percent in (5, 50, 98):
            (folder / f"cut{percent}-{name}").write_bytes(content[: len(content) * percent // 100])
        (folder / name).unlink()
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_bytes(b"<!DOCTYPE html><html>not found</html>")
    (folder / "zeros.png").write_bytes(bytes(1000))
    (folder / "folder.png").mkdir()
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "bomb.png").write_bytes(png_header(10_000, 10_000))
    (folder / "bigger-bomb.png").write_bytes(png_header(60_000, 60_000))
    noise().save(folder / "eps.jpg", format="EPS")
    not_a_number = np.array([[np.inf, np.nan]], dtype=np.float32)
    Image.fromarray(not_a_number).save(folder / "nan.tif")
    damaged = bytearray(png_header(4, 4))
    damaged[45] ^= 255  # inside the data: the checksum no longer fits
    (folder / "crc.png").write_bytes(damaged)
    no_image = "not an image, or its header is damaged"
    return (
        {
            "empty.jpg": "an empty file (0 bytes)",
            "text.jpg": f"{no_image} (it begins with b'<!DOCTYPE html><')",
            "zeros.png": f"{no_image} (it begins with {bytes(16)!r})",
            "folder.png": "a folder, not a file",
            "gone.png": "a link to a file that does not exist",
            "none.png": "the file does not exist",
            "bomb.png": "100,000,000 pixels, above the limit of 89,478,485",
            "bigger-bomb.png": "3,600,000,000 pixels, above the limit of 89,478,485",
            "eps.jpg": f"{no_image} (it begins with b'%!PS-Adobe-3.0 E')",
            "nan.tif": "holds no-data values only (NaN, infinity or a mark such as -9999)",
            "crc.png": "damaged or cut off: ",
        }
        | {f"cut5-{name}": "" for name in ("whole.jpg", "whole.png", "progressive.jpg")}
        | {
            f"cut{percent}-{name}": "damaged or cut off: "
            for percent in (50, 98)
            for name in ("whole.jpg", "whole.png", "progressive.jpg")
        }
    )


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_every_kind_of_bad_file_is_found_with_its_reason(tmp_path):
    expected = bad_files(tmp_path)
    good = tmp_path / "good.jpg"
    noise().save(good)
    found = check_images([*(tmp_path / name for name in expected), good], workers=2)
    assert [Path(bad.path).name for bad in found] == list(expected)  # all of them, in order
    for bad, reason in zip(found, expected.values(), strict=True):
        assert bad.reason.startswith(reason), bad


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_reading_refuses_what_checking_finds(tmp_path):
    for name in bad_files(tmp_path):
        with pytest.raises(UnreadableImageError) as error:
            read_image(tmp_path / name)
        (bad,) = check_images([tmp_path / name])
        assert error.value.reason == bad.reason
        assert isinstance(error.value, DataError)
        assert str(error.value) == f"cannot read the image {tmp_path / name}: {bad.reason}"


def test_truncated_jpegs_are_found_wherever_they_are_cut(tmp_path):
    """Checking decodes at an eighth of the size; it must still read the data to its end."""
    noise((123, 77)).save(tmp_path / "a.jpg", quality=85)
    content = (tmp_path / "a.jpg").read_bytes()
    cuts = [*range(2, len(content) - 2, 97), len(content) - 30]
    files = [tmp_path / f"{cut}.jpg" for cut in cuts]
    for cut, file in zip(cuts, files, strict=True):
        file.write_bytes(content[:cut])
    assert len(check_images(files)) == len(files)


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert check_images([tmp_path / "pipe.jpg"])[0].reason == "not a regular file"


def test_a_file_without_permission(tmp_path, monkeypatch):
    noise().save(tmp_path / "a.png")
    open_ = Path.open

    def refuse(self, *args, **kwargs):
        if self.name == "a.png":
            raise PermissionError(13, "Permission denied")
        return open_(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    assert check_images([tmp_path / "a.png"])[0].reason == "no permission to read it"


def test_an_enormous_file_is_not_opened(tmp_path):
    with (tmp_path / "a.jpg").open("wb") as stream:
        stream.truncate(2**30 + 1)  # sparse: takes no room
    (bad,) = check_images([tmp_path / "a.jpg"])
    assert bad.reason == "a file of 1,073,741,825 bytes, above the limit of 1,073,741,824"


def test_the_pixel_limit_is_a_parameter_and_pillow_keeps_its_own(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    noise((40, 30)).save(tmp_path / "a.png")
    (bad,) = check_images([tmp_path / "a.png"], max_pixels=1199)
    assert bad.reason == "1,200 pixels, above the limit of 1,199"
    assert check_images([tmp_path / "a.png"], max_pixels=1200) == []
    assert read_image(tmp_path / "a.png", max_pixels=1200).size == (40, 30)
    assert before == Image.MAX_IMAGE_PIXELS == images.MAX_PIXELS


def test_checking_runs_in_threads_and_consumes_its_input_lazily(tmp_path, monkeypatch):
    noise().save(tmp_path / "a.png")
    meet = threading.Barrier(2, timeout=20)  # two images must be under way at once
    handed_out, checked = 0, []

    def why_bad(path, max_pixels):
        if not checked:
            meet.wait()
        checked.append(handed_out)
        return None

    def paths():
        nonlocal handed_out
        for _ in range(5_000):
            handed_out += 1
            yield tmp_path / "a.png"

    monkeypatch.setattr(images, "_why_bad", why_bad)
    done = []
    assert check_images(paths(), workers=2, on_done=done.append) == []
    assert sum(done) == 5_000 and min(checked) < 1_000


def test_images_that_lie_nowhere_are_counted_without_a_place():
    message = bad_images_message([BadImage("row 3", "damaged")], 5, None)
    assert message.startswith("1 of 5 images cannot be used:\n  row 3: damaged\n")


def test_the_message_counts_first_and_lists_twenty():
    bad = [BadImage(f"{i}.jpg", "an empty file (0 bytes)") for i in range(23)]
    lines = bad_images_message(bad, 1234, "/data").splitlines()
    assert lines[0] == "23 of 1,234 images in /data cannot be used:"
    assert lines[1] == "  0.jpg: an empty file (0 bytes)" and lines[20].startswith("  19.jpg")
    assert lines[21:] == [
        "  ... and 3 more",
        "Repair or remove them, or leave them out with skip_bad=True.",
    ]
    assert "more" not in bad_images_message(bad[:20], 1234, "/data")


def test_above_pillows_own_limit_the_reason_names_it(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_header(60_000, 60_000))
    (bad,) = check_images([tmp_path / "bomb.png"], max_pixels=10**10)
    assert bad.reason.endswith("Pillow has a limit of its own, PIL.Image.MAX_IMAGE_PIXELS")


def test_a_picture_without_its_palette_is_refused_by_reading_and_checking(tmp_path):
    file = tmp_path / "image.png"
    Image.new("P", (4, 3)).save(file)
    content = file.read_bytes()
    start, end = content.index(b"PLTE") - 4, content.index(b"IDAT") - 4
    file.write_bytes(content[:start] + content[end:])
    with pytest.raises(DataError, match="a palette, which is missing"):
        read_image(file)
    (bad,) = check_images([file])
    assert "a palette, which is missing" in bad.reason
