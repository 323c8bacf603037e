from __future__ import annotations

import base64
import io
import os

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from ldpf.data.images import UnreadableImageError
from ldpf.data.pictures_in_memory import pictures_of, to_picture
from ldpf.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 12, 3), dtype=np.uint8)


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


class OnAnotherDevice:
    """Like an array of CuPy: NumPy may not read it, `get` copies it to the host."""

    __cuda_array_interface__ = ()

    def __init__(self, pixels):
        self.pixels, self.shape, self.ndim = pixels, pixels.shape, pixels.ndim

    def __array__(self):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def get(self):
        return self.pixels


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(PIXELS),
        PIXELS,
        PIXELS / 255,
        torch.from_numpy(PIXELS).permute(2, 0, 1),
        torch.from_numpy(PIXELS).permute(2, 0, 1).float() / 255,
        {"bytes": png(Image.fromarray(PIXELS)), "path": None},
        png(Image.fromarray(PIXELS)),
        bytearray(png(Image.fromarray(PIXELS))),
        (PIXELS / 255).astype(np.float16),
        torch.from_numpy(PIXELS / 255).half(),
        PIXELS.astype(np.uint16) * 257,
        np.dstack([PIXELS, np.full((10, 12), 255, np.uint8)]),
        torch.from_numpy(np.dstack([PIXELS, np.full((10, 12), 255, np.uint8)])).permute(2, 0, 1),
        np.ma.masked_array(PIXELS, mask=np.zeros(PIXELS.shape, bool)),
        OnAnotherDevice(PIXELS),
    ],
    ids=[
        "PIL",
        "uint8",
        "floats",
        "tensor",
        "float tensor",
        "entry",
        "bytes",
        "bytearray",
        "float16",
        "half tensor",
        "uint16",
        "RGBA",
        "RGBA tensor",
        "unmasked",
        "device",
    ],
)
def test_every_kind_of_image_gives_the_same_picture(image):
    assert np.array_equal(np.asarray(to_picture(image, "row 0")), PIXELS)


@pytest.mark.parametrize("shape", [(10, 12), (10, 12, 1), (1, 10, 12)])
def test_gray_images_become_rgb(shape):
    gray = PIXELS[:, :, 0].reshape(shape)
    picture = np.asarray(to_picture(gray, "row 0"))
    assert np.array_equal(picture, np.repeat(PIXELS[:, :, :1], 3, axis=2))


def test_paths_are_read(tmp_path, write_image):
    file = write_image(tmp_path / "a.png")
    expected = np.asarray(Image.open(file))
    assert np.array_equal(np.asarray(to_picture(str(file), "row 0")), expected)
    assert np.array_equal(np.asarray(to_picture({"path": str(file)}, "row 0")), expected)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (
            7,
            "row 3 is of type int (7); an image is a PIL image, a path, a file's bytes, or an "
            "array or tensor of pixels",
        ),
        (None, "row 3 has no image (None); leave such rows out"),
        (
            np.full((4, 4), 200, int),
            "row 3 is an array int64 (4, 4); its values are 200 to 200; pixels are uint8 or "
            "uint16: x.astype('uint8')",
        ),
        (
            np.full((4, 4), -1, np.int16),
            "row 3 is an array int16 (4, 4); its values are -1 to -1; pixels are uint8 or uint16: "
            "scale them to 0 to 255 first",
        ),
        (
            np.ones((4, 4), bool),
            "row 3 is an array bool (4, 4); give truth values as pixels: x.astype('uint8') * 255",
        ),
        (
            np.zeros((4, 4, 2), np.uint8),
            "row 3 is an array uint8 (4, 4, 2); a picture is [H, W], [H, W, C] or [C, H, W], with "
            "C of 1, 3 or 4",
        ),
        (np.zeros((2, 8, 8, 3), np.uint8), "row 3 is an array uint8 (2, 8, 8, 3); a picture is "),
        (np.zeros(8, np.uint8), "row 3 is an array uint8 (8,); a picture is [H, W], [H, W, C] or"),
        (np.zeros((8, 0, 3), np.uint8), "row 3 is an array uint8 (8, 0, 3); a picture is [H, W],"),
        (np.array([[1, "a"]], object), "row 3 is an array object (1, 2); pixels are uint8 or uint"),
        (
            np.ma.masked_array(np.zeros((4, 4), np.uint8), mask=np.eye(4)),
            "row 3 has 4 masked values; fill them first: inputs.filled(0), or leave those rows out",
        ),
        (
            np.full((4, 4, 3), 250.0),
            "row 3 holds floats from 250 to 250; pixels are uint8, or floats from 0 to 1: divide "
            "by 255",
        ),
        (
            np.full((4, 4, 3), -1.5),
            "row 3 holds floats from -1.5 to -1.5; pixels are uint8, or floats from 0 to 1. Leave "
            "out Normalize: the backbone has a normalization of its own",
        ),
        (np.full((4, 4, 3), np.nan), "row 3 holds NaN in 48 of its 48 values; fill them first"),
        (
            np.array([[0, 1]] * 2),
            "row 3 is an array int64 (2, 2); its values are 0 to 1; pixels are uint8 or uint16: "
            "x.astype('uint8') * 255, if they are black and white",
        ),
        (io.BytesIO(b"x"), "row 3 is an open file (BytesIO); give its content: file.read()"),
        (b"", "row 3 has no bytes; leave it out"),
        ({"bytes": None, "path": None}, "row 3 has no image (None); leave such rows out"),
        ((np.zeros((4, 4, 3), np.uint8), "cat"), "row 3 is a tuple with a str in it ('cat')"),
        (Image.new("RGB", (0, 4)), "row 3 is a picture of 0 x 4 pixels; leave it out"),
    ],
)
def test_other_kinds_are_refused(image, sentence):
    with pytest.raises(DataError) as caught:
        to_picture(image, "row 3")
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("beyond", [1e-7, 1 / 255])
def test_floats_a_rounding_beyond_are_clipped(beyond):
    pixels = np.array([[-beyond, 0.0], [1.0, 1.0 + beyond]])
    assert np.asarray(to_picture(pixels, "x"))[..., 0].tolist() == [[0, 0], [255, 255]]


def test_floats_of_a_resize_are_to_be_clipped():
    with pytest.raises(DataError, match=r"from -0.02 to 1.03; .* goes a little beyond: np.clip"):
        to_picture(np.array([[-0.02, 1.03]]), "x")


def test_gray_with_premultiplied_alpha_is_read():
    image = Image.new("LA", (4, 4), (100, 255)).convert("La")
    assert np.asarray(to_picture(image, "x"))[0, 0].tolist() == [100] * 3


def test_a_picture_that_was_closed_is_unreadable(tmp_path, write_image):
    image = Image.open(write_image(tmp_path / "a.png"))
    image.close()
    with pytest.raises(UnreadableImageError, match="row 3: damaged or cut off: "):
        to_picture(image, "row 3")


def test_text_that_is_no_path_is_named(tmp_path, write_image):
    content = base64.b64encode(write_image(tmp_path / "a.png").read_bytes()).decode()
    for text in (content, f"data:image/png;base64,{content}"):
        with pytest.raises(DataError, match="x is a picture as text \\(base64\\)") as error:
            to_picture(text.ljust(300, "="), "x")
        assert len(str(error.value)) < 250
    with pytest.raises(DataError, match="x is an empty path; leave it out"):
        to_picture("", "x")


def test_bytes_as_numbers_are_refused():
    with pytest.raises(DataError, match=r"x has as its bytes \[137, 80\]; give bytes"):
        to_picture({"bytes": [137, 80]}, "x")


def test_pictures_of_arrow_are_read(tmp_path, write_image):
    pa = pytest.importorskip("pyarrow")
    file = write_image(tmp_path / "a.png")
    expected = np.asarray(to_picture(file, "x"))
    row = {"bytes": file.read_bytes(), "path": None}
    columns = [pa.array([str(file)]), pa.array([row]), pa.table({"image": [row]})]
    for column in [*columns, pa.FixedShapeTensorArray.from_numpy_ndarray(np.stack([expected] * 2))]:
        picture = pictures_of(column)[0]
        assert np.array_equal(np.asarray(to_picture(picture, "x")), expected)
    for scalar in (pa.scalar(str(file)), pa.scalar(row), pa.scalar(row["bytes"])):
        assert np.array_equal(np.asarray(to_picture(scalar, "x")), expected)


def test_sparse_and_quantized_pixels_are_read_and_those_without_values_refused():
    pixels = torch.zeros(4, 4, 3, dtype=torch.uint8)
    pixels[0, 0] = 200
    assert np.asarray(to_picture(pixels.to_sparse(), "x"))[0, 0, 0] == 200
    with pytest.raises(DataError, match="holds no values"):
        to_picture(torch.zeros(4, 4, 3, device="meta"), "x")


def test_bfloat16_pixels_are_within_its_precision():
    pixels = torch.from_numpy(PIXELS / 255).bfloat16()
    difference = np.asarray(to_picture(pixels, "row 0")).astype(int) - PIXELS
    assert np.abs(difference).max() <= 1


def test_transparency_of_an_array_is_laid_on_white():
    pixels = np.zeros((6, 6, 4), np.uint8)
    pixels[:3, :, 3] = 255
    picture = np.asarray(to_picture(pixels, "row 0"))
    assert (picture[:3] == 0).all() and (picture[3:] == 255).all()


def test_gray_of_16_bits_is_scaled_as_files_are():
    gray = PIXELS[:, :, 0].astype(np.uint16) * 257
    assert np.array_equal(np.asarray(to_picture(gray, "row 0"))[:, :, 0], PIXELS[:, :, 0])


@pytest.mark.parametrize("mode", ["P", "LA", "I;16", "L", "1", "RGBA", "CMYK", "F"])
def test_opened_images_of_any_mode_are_read_as_files_are(mode, tmp_path):
    gray = Image.fromarray(PIXELS[:, :, 0])
    image = gray.convert("I").convert(mode) if mode == "I;16" else gray.convert(mode)
    file = tmp_path / "a.tif"
    image.save(file)
    assert np.array_equal(
        np.asarray(to_picture(image, "row 0")), np.asarray(to_picture(file, "row 0"))
    )


def test_damaged_bytes_and_addresses_are_unreadable_images(tmp_path):
    with pytest.raises(UnreadableImageError, match="row 3"):
        to_picture(b"no image", "row 3")
    with pytest.raises(UnreadableImageError, match=r"https://x/a.png: a web address; download it"):
        to_picture("https://x/a.png", "row 3")


def test_a_path_of_bytes_is_named_as_one(tmp_path, write_image):
    file = os.fsencode(write_image(tmp_path / "a.png"))
    with pytest.raises(DataError, match=r"row 3 is a path as bytes, .*os\.fsdecode\(path\)"):
        to_picture(file, "row 3")


# --- what is several pictures -----------------------------------------------------------------


@pytest.mark.parametrize(
    "shape",
    [(5, 10, 12, 3), (5, 3, 10, 12), (5, 10, 12), (5, 10, 12, 1), (1, 10, 12), (5, 4, 10, 12)],
)
def test_arrays_of_pictures_are_taken_one_by_one(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for given in (pixels, torch.from_numpy(pixels), OnAnotherDevice(pixels)):
        pictures = pictures_of(given)
        assert len(pictures) == shape[0]
        assert {to_picture(one, "").size for one in pictures} == {(12, 10)}


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((64, 64, 3), "uint8 (64, 64, 3) is one picture [H, W, C]; give it in a list, [x]"),
        ((64, 64, 1), "uint8 (64, 64, 1) is one picture [H, W, C]; give it in a list, [x]"),
        ((64, 64, 4), "uint8 (64, 64, 4) is one picture [H, W, C]; give it in a list, [x]"),
        (
            (3, 64, 64),
            "uint8 (3, 64, 64) may be one picture with channels first, or 3 gray ones; give one in "
            "a list, [x], and gray ones as [N, H, W, 1], x[..., None]",
        ),
        ((4, 64, 64), "uint8 (4, 64, 64) may be one picture with channels first, or 4 gray ones;"),
        (
            (64, 64),
            "uint8 (64, 64) is one gray picture [H, W], or a table of features; give a picture in "
            "a list, [x], and features to from_embeddings",
        ),
        ((5, 8, 8, 12), "uint8 (5, 8, 8, 12) is no array of pictures; pictures are [N, H, W, C],"),
        ((2, 5, 8, 8, 3), "uint8 (2, 5, 8, 8, 3) is no array of pictures; pictures are [N, H, W"),
    ],
)
@pytest.mark.parametrize("form", [np.asarray, torch.from_numpy])
def test_one_picture_is_not_taken_for_several(shape, sentence, form):
    with pytest.raises(DataError) as caught:
        pictures_of(form(np.zeros(shape, np.uint8)))
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ([], "There are no inputs; give at least one image, path or feature row."),
        (np.zeros((0, 8, 8, 3), np.uint8), "There are no inputs; give at least one image, path"),
        (b"abc", "A single bytes was given; give a list, even of one: [b'abc']."),
        (Image.new("RGB", (2, 2)), "A single Image was given; give a list, even of one: ["),
        (iter([1]), "Inputs of type list_iterator are not understood; give a list: list(inputs)."),
        ({"a": 1}, "Inputs of type dict are not understood; give features [N, D], paths, PIL ima"),
        (
            pd.DataFrame({"path": ["a.png"], "label": ["cat"]}),
            "A table with columns path, label was given; give the column of paths or images alone, "
            "such as inputs['path'].",
        ),
    ],
)
def test_what_holds_no_pictures_is_refused_with_the_way_out(inputs, sentence):
    with pytest.raises(DataError) as caught:
        pictures_of(inputs)
    assert str(caught.value).startswith(sentence)


def test_sparse_pixels_are_refused():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(DataError, match=r"A sparse matrix of shape \(3, 3\) .* inputs.toarray"):
        pictures_of(sparse.csr_matrix(np.eye(3)))


@pytest.mark.parametrize(
    "inputs",
    [
        pd.DataFrame({"path": ["a.png", "b.png"]}),
        pd.Series(["a.png", "b.png"], index=[8, 9]),
        np.array(["a.png", "b.png"]),
        ("a.png", "b.png"),
    ],
)
def test_columns_of_paths_are_lists_of_paths(inputs):
    assert list(pictures_of(inputs)) == ["a.png", "b.png"]


def test_all_refusals_in_one_view(golden):
    several = [
        np.zeros((4, 4)),
        np.zeros((4, 4, 3)),
        np.zeros((3, 5, 6)),
        np.zeros((2, 5, 6, 7)),
    ]
    one = [
        None,
        7,
        "",
        b"",
        io.BytesIO(b"x"),
        {"bytes": 3},
        Image.new("RGB", (0, 5)),
        np.zeros((2, 3, 4, 5)),
        np.full((4, 4), 300, np.int64),
        np.full((4, 4), 2.5),
        np.full((4, 4), np.nan),
        np.zeros((4, 4), bool),
        [[1, 2], [3]],
    ]
    sentences = []
    for read, inputs in ((pictures_of, several), (lambda x: to_picture(x, "row 3"), one)):
        for value in inputs:
            with pytest.raises(DataError) as caught:
                read(value)
            sentences.append(str(caught.value))
    golden(sentences)
