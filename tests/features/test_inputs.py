from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from ldpf.data import read_image
from ldpf.errors import DataError
from ldpf.features.inputs import may_be_table, to_features


class Column:
    """Like a column or table of pandas: found by labels, not by position."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, label):
        raise KeyError(label)

    def to_numpy(self):
        return np.asarray(self.values)


@pytest.fixture
def files(tmp_path, write_image):
    return [write_image(tmp_path / f"{i}.png", seed=i) for i in range(5)]


@pytest.fixture
def expected(files, tiny_clip):
    return tiny_clip.encode_images(tiny_clip.preprocess([read_image(file) for file in files]))


def message_of(inputs, backbone):
    with pytest.raises(DataError) as caught:
        to_features(inputs, backbone)
    return str(caught.value)


def pixels(file):
    return np.asarray(Image.open(file))


@pytest.mark.parametrize(
    "kind",
    [
        lambda files: files,
        lambda files: [str(file) for file in files],
        lambda files: tuple(files),
        lambda files: np.array([str(file) for file in files]),
        lambda files: Column([str(file) for file in files]),
        lambda files: [Image.open(file) for file in files],
        lambda files: [pixels(file) for file in files],
        lambda files: np.stack([pixels(file) for file in files]),
        lambda files: torch.from_numpy(np.stack([pixels(file) for file in files])),
    ],
    ids=["paths", "strings", "tuple", "array", "series", "images", "arrays", "pixels", "tensor"],
)
def test_images_give_the_same_features_in_any_form(kind, files, expected, tiny_clip):
    assert torch.allclose(to_features(kind(files), tiny_clip), expected, atol=1e-5)


@pytest.mark.parametrize(
    "kind",
    [
        lambda table: table,
        lambda table: table.double(),
        lambda table: table.numpy(),
        lambda table: table.numpy().tolist(),
        lambda table: [tuple(row) for row in table.tolist()],
        lambda table: Column(table.numpy()),
        lambda table: table.clone().requires_grad_(),
    ],
    ids=["tensor", "double", "array", "lists", "tuples", "frame", "gradient"],
)
def test_features_are_normalized_in_any_form(kind, tiny_clip):
    table = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    features = to_features(kind(table), tiny_clip)
    assert torch.allclose(features, torch.nn.functional.normalize(table, dim=1), atol=1e-6)
    assert features.dtype == torch.float32 and not features.requires_grad


def test_half_precision_features_are_taken(tiny_clip):
    table = torch.randn(4, 16, generator=torch.Generator().manual_seed(0)).bfloat16()
    expected = torch.nn.functional.normalize(table.float(), dim=1)
    assert torch.allclose(to_features(table, tiny_clip), expected, atol=1e-6)


def test_given_features_are_left_as_they_are(tiny_clip):
    table = 3 * torch.ones(2, 16)
    to_features(table, tiny_clip)
    assert torch.equal(table, 3 * torch.ones(2, 16))


def test_more_images_than_are_encoded_at_once_keep_their_order(tmp_path, write_image, tiny_clip):
    files = [write_image(tmp_path / f"{i}.png", seed=i) for i in range(20)]
    features = to_features([Image.open(file) for file in files], tiny_clip)
    alone = torch.cat([to_features([Image.open(file)], tiny_clip) for file in files])
    assert features.shape == (20, 16)
    assert torch.allclose(features, alone, atol=1e-5)


def test_grayscale_arrays_are_images_too(tiny_clip):
    gray = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    color = np.repeat(gray[:, :, None], 3, axis=2)
    assert torch.equal(to_features([gray], tiny_clip), to_features([color], tiny_clip))


def save_rotated(file):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(file).save(file.with_suffix(".jpg"), exif=exif)
    return file.with_suffix(".jpg")


def save_transparent(file):
    image = Image.open(file).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(file)
    return file


def save_sixteen_bit(file):
    values = np.asarray(Image.open(file).convert("L")).astype(np.uint16) * 257
    Image.fromarray(values).save(file)
    return file


@pytest.mark.parametrize("save", [save_rotated, save_transparent, save_sixteen_bit])
def test_an_opened_image_is_read_as_its_file_is(save, files, tiny_clip):
    file = save(files[0])
    opened = Image.open(file)
    assert torch.allclose(
        to_features([opened], tiny_clip), to_features([file], tiny_clip), atol=1e-6
    )


# --- what is refused --------------------------------------------------------------------------


def test_a_single_path_is_refused(files, tiny_clip):
    assert message_of("cat.jpg", tiny_clip) == (
        "A single str was given; give a list, even of one: ['cat.jpg']."
    )
    assert message_of(Path("cat.jpg"), tiny_clip).startswith("A single PosixPath was given; give a")
    assert message_of(Image.open(files[0]), tiny_clip).startswith("A single PngImageFile was given")


@pytest.mark.parametrize("nothing", [[], np.zeros((0, 16)), torch.zeros(0, 16), ()])
def test_no_inputs_are_refused(nothing, tiny_clip):
    assert message_of(nothing, tiny_clip) == (
        "There are no inputs; give at least one image, path or feature row."
    )


@pytest.mark.parametrize(
    ("inputs", "kind"),
    [
        (None, "NoneType"),
        (3, "int"),
        ({"a": 1}, "dict"),
        ({1, 2}, "set"),
        (np.float32(1), "float32"),
        (np.array(1.0), "ndarray"),
        ([1, 2], "int"),
        (np.zeros(4), "float64"),
    ],
)
def test_anything_else_is_refused_with_what_is_understood(inputs, kind, tiny_clip):
    assert message_of(inputs, tiny_clip) == (
        f"Inputs of type {kind} are not understood; give features [N, D], paths, PIL images, or "
        "uint8 pixels [N, H, W, 3]."
    )


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ([None], "image 0 has no image (None); leave such rows out"),
        (np.array([None] * 2), "image 0 has no image (None); leave such rows out"),
        ([io.BytesIO(b"x")], "image 0 is an open file (BytesIO); give its content: file.read()"),
        ([(np.zeros((4, 4, 3), np.uint8), "cat")], "image 0 is a tuple with a str in it ('cat')"),
    ],
)
def test_things_that_are_no_rows_of_numbers_are_taken_for_pictures(inputs, sentence, tiny_clip):
    assert not may_be_table(inputs)
    assert message_of(inputs, tiny_clip).startswith(sentence)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_contents_of_files_are_pictures_of_whatever_type(kind, tiny_clip):
    stream = io.BytesIO()
    Image.new("RGB", (9, 8), "red").save(stream, "PNG")
    expected = to_features([Image.new("RGB", (9, 8), "red")], tiny_clip)
    inputs = [kind(stream.getvalue())]
    assert not may_be_table(inputs)
    assert torch.equal(to_features(inputs, tiny_clip), expected)
    assert torch.equal(to_features(np.array([stream.getvalue()]), tiny_clip), expected)


def test_features_of_another_size_are_refused(tiny_clip):
    assert message_of(np.ones((3, 17)), tiny_clip) == (
        "n_features=17 should be 16, the size of an image feature of backbone 'tiny-clip'."
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_counted(value, tiny_clip):
    table = np.ones((5, 16))
    table[[1, 3], 2] = value
    assert message_of(table, tiny_clip) == (
        f"Feature row 1 holds NaN or infinite values, or zeros only (here {value} in column 2; 2 "
        "such rows); an image feature is finite and not zero."
    )


@pytest.mark.parametrize("size", [1e-300, 1e-20, 1e30, 1e300])
@pytest.mark.parametrize("as_given", [np.asarray, torch.from_numpy, np.ndarray.tolist])
def test_features_of_any_finite_size_are_those_of_length_one(size, as_given, tiny_clip):
    table = np.random.default_rng(0).standard_normal((5, 16))
    features = to_features(as_given(table * size), tiny_clip)
    assert torch.allclose(features, to_features(table, tiny_clip), atol=1e-6)


def test_a_feature_of_zeros_is_refused(tiny_clip):
    table = np.ones((5, 16))
    table[4] = 0
    assert message_of(table, tiny_clip).startswith("Feature row 4 holds NaN or infinite values, or")


def test_rows_of_words_are_refused(tiny_clip):
    assert message_of([["a"] * 16], tiny_clip) == (
        "Features should be a table of numbers [N, D]; got shape (1, 16) of <U1."
    )


def test_rows_of_different_length_are_refused(tiny_clip):
    assert message_of([[1.0, 2.0], [1.0]], tiny_clip) == (
        "Features should be a table of numbers [N, D]; these rows differ in length."
    )


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (np.full((8, 8, 3), 200.0), "image 1 holds floats from 200 to 200; pixels are uint8, or"),
        (np.zeros((8, 0, 3), np.uint8), "image 1 is an array uint8 (8, 0, 3); a picture is [H, W"),
        (np.zeros((8, 8), int), "image 1 is an array int64 (8, 8); its values are 0 to 0; pixels"),
        (7, "image 1 is of type int (7); an image is a PIL image, a path, a file's bytes, or an"),
        ([1.0, 2.0], "image 1 is of type list ([1.0, 2.0]); an image is a PIL image, a path, a"),
        (None, "image 1 has no image (None); leave such rows out"),
    ],
)
def test_what_is_no_image_among_images_is_refused(image, sentence, tiny_clip):
    good = np.zeros((8, 8, 3), np.uint8)
    assert message_of([good, image], tiny_clip).startswith(sentence)


@pytest.mark.parametrize("missing", [None, float("nan"), 7])
def test_what_is_no_path_among_paths_is_named(missing, files, tiny_clip):
    message = message_of([files[0], missing], tiny_clip)
    assert message.startswith("image 1 ") and repr(missing) in message


def test_paths_and_images_may_be_mixed(files, expected, tiny_clip):
    opened, data = Image.open(files[1]), files[2].read_bytes()
    mixed = [files[0], opened, data, str(files[3]), torch.from_numpy(pixels(files[4]).copy())]
    assert torch.allclose(to_features(mixed, tiny_clip), expected, atol=1e-5)


def test_pixels_of_any_layout_and_type_give_the_same_features(files, expected, tiny_clip):
    whole = np.stack([pixels(file) for file in files])
    for given in (
        whole / 255,
        whole.transpose(0, 3, 1, 2),
        torch.from_numpy(whole).permute(0, 3, 1, 2).float() / 255,
        whole.astype(np.uint16) * 257,
        list(whole.transpose(0, 3, 1, 2)),
    ):
        assert torch.allclose(to_features(given, tiny_clip), expected, atol=1e-5)


def test_one_picture_is_not_answered_as_many(tiny_clip):
    assert message_of(np.zeros((64, 64, 3), np.uint8), tiny_clip) == (
        "uint8 (64, 64, 3) is one picture [H, W, C]; give it in a list, [x]"
    )
    assert message_of(torch.zeros(3, 64, 64), tiny_clip).startswith(
        "float32 (3, 64, 64) may be one"
    )


def test_bad_images_of_a_list_name_no_option_of_the_command_line(files, tiny_clip):
    files[1].write_bytes(b"no image")
    for given in (files, [files[1], Image.open(files[0])]):
        message = message_of(given, tiny_clip)
        assert str(files[1]) in message
        assert message.endswith("Repair them, or leave them out of the list.")


def test_files_that_cannot_be_read_are_all_named(files, tiny_clip):
    files[1].write_bytes(b"no image")
    files[3].unlink()
    message = message_of(files, tiny_clip)
    assert str(files[1]) in message and str(files[3]) in message
    assert "the file does not exist" in message
    assert str(files[0]) not in message


@pytest.mark.parametrize(
    "inputs",
    [
        np.ones((2, 3)),
        torch.ones(2, 3),
        [[1.0, 2.0], [3.0, 4.0]],
        [np.ones(3), np.ones(3)],
        Column([[1.0], [2.0]]),
        pd.DataFrame({"f0": [1.0]}),
        np.ones(3),
    ],
)
def test_numbers_may_be_a_table(inputs):
    assert may_be_table(inputs)


@pytest.mark.parametrize(
    "inputs",
    [
        "cat.jpg",
        ["cat.jpg"],
        np.array(["cat.jpg"]),
        [Path("cat.jpg")],
        [Image.new("RGB", (2, 2))],
        [np.zeros((4, 4, 3), np.uint8)],
        np.zeros((2, 4, 4, 3), np.uint8),
        Column(["cat.jpg"]),
        [],
        [b"bytes"],
        pd.DataFrame({"path": ["cat.jpg"]}),
        {"image": 1},
        iter("ab"),
        None,
        7,
    ],
)
def test_images_and_unknown_things_are_no_table(inputs):
    assert not may_be_table(inputs)
