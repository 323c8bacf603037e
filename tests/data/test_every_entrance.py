"""One set of rules at every entrance: each fault ends in the same sentence at each way in."""

from __future__ import annotations

import copy
import csv
import enum
import json
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader

from ldpf import LatentDomains, LDPFClassifier, extract_features
from ldpf.data import from_arrays, from_embeddings, from_huggingface, from_torch, load_dataset
from ldpf.errors import DataError, SettingsError

SIZE = 16
"""Of an image feature of `tiny_backbone`."""


def pictures(count):
    return list(np.random.default_rng(0).integers(0, 256, (count, 8, 9, 3), dtype=np.uint8))


def rows_of_features(count):
    return np.random.default_rng(0).standard_normal((count, SIZE))


class Way:
    """One entrance. A call takes labels in it and gives the names of the classes."""

    def __init__(self, backbone, folder):
        self.backbone, self.folder = backbone, folder

    def classes(self, images):
        return extract_features(images, self.backbone, progress=False).class_names


class Arrays(Way):
    def __call__(self, labels, class_names=None):
        return self.classes(from_arrays(pictures(len(labels)), labels, class_names=class_names))


class TorchDataset(Way):
    def __call__(self, labels, class_names=None):
        items = list(zip(pictures(len(labels)), labels, strict=True))
        return self.classes(from_torch(items, class_names=class_names))


class TorchLoader(Way):
    def __call__(self, labels, class_names=None):
        items = [
            {"image": image, "label": label}
            for image, label in zip(pictures(len(labels)), labels, strict=True)
        ]
        loader = DataLoader(items, batch_size=2, collate_fn=list)
        return self.classes(from_torch(loader, class_names=class_names))


class HuggingFace(Way):
    streams = False

    def __call__(self, labels, class_names=None):
        datasets = pytest.importorskip("datasets", reason="needs datasets, which is no dependency")
        pa = pytest.importorskip("pyarrow")
        try:
            column = pa.array(labels)
        except (pa.ArrowException, TypeError, OverflowError, UnicodeError) as error:
            pytest.skip(f"no column of Arrow holds these ({error})")
        images = pa.array([image.tolist() for image in pictures(len(labels))])
        dataset = datasets.Dataset(pa.table({"image": images, "label": column}))
        if self.streams:
            dataset = dataset.to_iterable_dataset()
        return self.classes(from_huggingface(dataset, class_names=class_names))


class HuggingFaceStream(HuggingFace):
    streams = True


class Embeddings(Way):
    def __call__(self, labels, class_names=None):
        table = rows_of_features(len(labels))
        return from_embeddings(table, labels, class_names=class_names).class_names


class Fit(Way):
    def __call__(self, labels, class_names=None):
        model = LDPFClassifier(
            self.backbone, method="zero-shot", class_names=class_names, train_fraction=0.5
        )
        return model.fit(rows_of_features(len(labels)), labels).classifier_.class_names


class FitDomains(Way):
    def __call__(self, labels, class_names=None):
        LatentDomains(n_domains=2, rounds=1).fit(rows_of_features(len(labels)), labels)


class Table(Way):
    """A file with a path and a label in each row."""

    name = ""

    def __call__(self, labels, class_names=None):
        for i in range(len(labels)):
            (self.folder / f"{i}.png").write_bytes(b"x")
        if class_names is not None:
            pytest.skip("names come from a file here")
        file = self.folder / self.name
        self.write(file, [f"{i}.png" for i in range(len(labels))], labels)
        before = file.read_bytes()
        try:
            return load_dataset(file).class_names
        finally:
            assert file.read_bytes() == before


class Csv(Table):
    name = "set.csv"

    def write(self, file, paths, labels):
        if not all(isinstance(label, str) for label in labels):
            pytest.skip("a CSV holds texts only")
        with file.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([("path", "label"), *zip(paths, labels, strict=True)])


class JsonLines(Table):
    name = "set.jsonl"

    def write(self, file, paths, labels):
        try:
            lines = [
                json.dumps({"path": p, "label": y}) for p, y in zip(paths, labels, strict=True)
            ]
        except TypeError as error:
            pytest.skip(f"JSON holds no such values ({error})")
        file.write_text("\n".join(lines), encoding="utf-8")


class Parquet(Table):
    name = "set.parquet"
    embedded = False

    def write(self, file, paths, labels):
        pa = pytest.importorskip("pyarrow")
        pq = pytest.importorskip("pyarrow.parquet")
        try:
            columns = {"path": paths, "label": pa.array(labels)}
        except (pa.ArrowException, TypeError) as error:
            pytest.skip(f"no column of Arrow holds these ({error})")
        if self.embedded:
            columns["embedding"] = rows_of_features(len(labels)).tolist()
        pq.write_table(pa.table(columns), file)


class EmbeddingsFile(Parquet):
    embedded = True


class Folder(Way):
    def __call__(self, labels, class_names=None):
        if class_names is not None or not all(isinstance(label, str) for label in labels):
            pytest.skip("folders have names")
        if any(label != label.strip() or not label for label in labels):
            pytest.skip("not every system has such folders")
        for i, label in enumerate(labels):
            (self.folder / label).mkdir(exist_ok=True)
            (self.folder / label / f"{i}.png").write_bytes(b"x")
        return load_dataset(self.folder).class_names


PYTHON = [Arrays, TorchDataset, TorchLoader, HuggingFace, HuggingFaceStream, Embeddings, Fit]
FILES = [Folder, Csv, JsonLines, Parquet, EmbeddingsFile]
EVERY = [*PYTHON, *FILES]


@pytest.fixture
def enter(request, tiny_clip, tmp_path):
    return request.param(tiny_clip, tmp_path)


def entrances(kinds):
    return pytest.mark.parametrize("enter", kinds, ids=lambda kind: kind.__name__, indirect=True)


def refused(enter, labels, class_names=None):
    given = copy.copy(labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((DataError, SettingsError)) as caught:
            enter(labels, class_names)
    assert all(one is other for one, other in zip(labels, given, strict=True))
    return str(caught.value)


# --- labels -----------------------------------------------------------------------------------


@entrances([*EVERY, FitDomains])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cat", "cat\u200b"),
        ("cat", "\ufeffcat"),
        ("cat", "ca\u00adt"),
        ("sea\u00a0lion", "sea lion"),
        ("Cat", "cat"),
        ("caf\u00e9", "cafe\u0301"),
    ],
    ids=["zero width", "mark", "soft hyphen", "no-break space", "case", "Unicode form"],
)
def test_labels_that_look_the_same_are_refused_with_both(enter, one, other):
    message = refused(enter, [one, "dog", other, "dog", one, other])
    assert all(repr(name) in message or ascii(name) in message for name in (one, other))


@entrances(EVERY)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cat", "c\u0430t"),
        ("cat", "\uff43\uff41\uff54"),
        ("cat", "cat."),
        ("cat", "'cat'"),
        ("1", "01"),
        ("1", "1.0"),
        ("Bear", "\u0412ear"),
        ("no", "n\u03bf"),
        ("men's", "men\u2019s"),
        ("sea-lion", "sea\u2013lion"),
    ],
    ids=[
        "Cyrillic letter",
        "full width",
        "full stop",
        "quotes",
        "leading zero",
        "decimals",
        "Cyrillic capital",
        "Greek",
        "apostrophe",
        "dash",
    ],
)
def test_labels_that_read_the_same_are_refused_with_both(enter, one, other):
    message = refused(enter, [one, "dog", other, "dog", one, other])
    assert all(repr(name) in message or ascii(name) in message for name in (one, other))


@entrances(EVERY)
def test_labels_with_one_prompt_are_refused_with_both(enter):
    message = refused(enter, ["sea_lion", "sea-lion", "sea_lion", "sea-lion"])
    assert "'sea_lion'" in message and "'sea-lion'" in message
    assert "would both be called 'sea lion'" in message


@entrances([*PYTHON, JsonLines, Parquet, EmbeddingsFile, FitDomains])
@pytest.mark.parametrize(
    "missing",
    [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT, np.ma.masked],
    ids=["None", "nan", "float32", "NA", "NaT", "masked"],
)
@pytest.mark.parametrize("kind", ["names", "numbers"])
def test_missing_labels_are_refused_by_their_row(enter, missing, kind):
    a, b = ("a", "b") if kind == "names" else (0, 1)
    message = refused(enter, [a, b, a, missing])
    # Rows of arrays count from 0, those of tables from 1.
    assert "row 3 has the label" in message or re.search(r"no label in 1 of 4 .*\b4\)", message)


@entrances([*PYTHON, Csv, JsonLines, Parquet, EmbeddingsFile])
@pytest.mark.parametrize("empty", ["", " ", "\u200b"])
def test_labels_that_show_nothing_are_refused_by_their_row(enter, empty):
    message = refused(enter, ["a", "b", "a", empty])
    assert "row 3 has the label" in message or re.search(r"no label in 1 of 4 .*\b[45]\)", message)


@entrances([*PYTHON, JsonLines, FitDomains])
def test_names_and_numbers_are_not_mixed(enter):
    message = refused(enter, [0, "square", 0, "square"])
    assert "0, a number" in message and "'square', a name; give one kind" in message


@entrances([*PYTHON, JsonLines, Parquet, EmbeddingsFile])
@pytest.mark.parametrize(
    ("label", "words"),
    [
        ([0, 1, 0], "[0, 1, 0], which looks one-hot; give class ids"),
        ([1, 1, 0], "[1, 1, 0], which looks like 2 of 3 classes at once"),
        (["circle", "x"], "['circle', 'x'], a list; give one name or whole number"),
        ([0.25, 0.75], "[0.25, 0.75], which looks like probabilities"),
    ],
    ids=["one-hot", "several", "names", "probabilities"],
)
def test_several_labels_for_one_image_are_refused(enter, label, words):
    assert f"the label {words}" in refused(enter, [label] * 4)


@entrances([*PYTHON, JsonLines, Parquet, EmbeddingsFile])
def test_measurements_are_no_labels(enter):
    assert "the label 0.5; give a name or a whole number" in refused(enter, [0.5, 1.0, 0.5, 1.0])


@entrances([Arrays, TorchDataset, HuggingFace, Embeddings, Fit, Parquet, EmbeddingsFile])
def test_bytes_are_names(enter):
    assert enter([b"circle", b"square"] * 2) == ("circle", "square")


@entrances([Arrays, TorchDataset, HuggingFace, HuggingFaceStream, Embeddings, Fit, Parquet])
@pytest.mark.filterwarnings("ignore:.*numbers")
def test_whole_floats_are_whole_numbers(enter):
    assert enter([0.0, 1.0, 0.0, 1.0]) == ("0", "1")


@entrances(EVERY)
@pytest.mark.parametrize("word", ["NaN", "NULL", "None", "#REF!", "-", "inf"])
def test_words_for_a_missing_value_are_said_once_and_kept(enter, word):
    with pytest.warns(UserWarning) as caught:
        found = enter(["cat", word] * 2)
    said = [str(one.message) for one in caught if "looks like a missing value" in str(one.message)]
    assert len(said) == 1 and repr(word) in said[0] and "class_names" in said[0]
    assert set(found) == {"cat", word}


@entrances(EVERY)
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("cat", "cat (1)"), "looks like a copy of another"),
        (("cat", "masks"), "looks like a folder that holds no class"),
        (("n01443537", "n01629819"), "are codes, which say nothing to a text encoder"),
    ],
)
def test_names_that_are_there_by_mistake_are_said_once_and_kept(enter, names, words):
    with pytest.warns(UserWarning) as caught:
        found = enter([*names] * 2)
    said = [str(one.message) for one in caught if words in str(one.message)]
    assert len(said) == 1 and repr(names[1]) in said[0]
    assert set(found) == set(names)


@entrances([*PYTHON, JsonLines, FitDomains])
def test_whole_numbers_beyond_64_bits_are_refused(enter):
    assert "the label 18446744073709551615, which is beyond whole numbers" in refused(
        enter, [0, 2**64 - 1, 0, 2**64 - 1]
    )


@entrances(PYTHON)
def test_half_a_character_is_refused(enter):
    assert "'\\udc80cat', which is not valid UTF-8" in refused(enter, ["\udc80cat", "dog"] * 2)


class Kind(str, enum.Enum):  # noqa: UP042 - str() of a StrEnum is its value anyway
    """Labels as a program may define them."""

    CAT = "cat"
    DOG = "dog"


@entrances([*PYTHON, JsonLines])
def test_members_of_an_enumeration_are_called_by_their_value(enter):
    assert enter([Kind.CAT, Kind.DOG] * 2) == ("cat", "dog")


@entrances([*PYTHON, JsonLines, Parquet, Csv, EmbeddingsFile])
def test_spaces_around_a_label_do_not_reach_its_name(enter):
    assert enter([" cat ", "dog"] * 2) == ("cat", "dog")


# --- class names ------------------------------------------------------------------------------


@entrances(PYTHON)
@pytest.mark.parametrize(
    "names",
    [["crane", "crane"], ["sea_lion", "sea lion"], ["Cat", "cat"], ["cat", "cat\u200b"]],
)
def test_names_that_read_the_same_are_refused(enter, names):
    message = refused(enter, [0, 1, 0, 1], names)
    assert "0 and 1 would both be called" in message and repr(names[1]) in message


@entrances(PYTHON)
@pytest.mark.parametrize("names", [["cat", None], ["cat", float("nan")], ["cat", ""], ["cat", 1]])
def test_names_that_are_no_texts_are_refused(enter, names):
    assert f"class_names[1] is {names[1]!r}; give a name in words" in refused(
        enter, [0, 1, 0, 1], names
    )


@entrances(PYTHON)
def test_one_text_is_no_list_of_names(enter):
    assert "class_names='cat' is no list" in refused(enter, [0, 1, 0, 1], "cat")


@entrances([Arrays, TorchDataset, TorchLoader, HuggingFace, HuggingFaceStream, Embeddings])
@pytest.mark.parametrize("label", [-1, 2])
def test_ids_beyond_the_names_are_refused_by_their_row(enter, label):
    message = refused(enter, [0, 1, 0, label], ["cat", "dog"])
    assert f"row 3 has the label {label}, which is none of the 2 named: cat, dog" in message


TWELVE = [f"word {i}" for i in range(12)]


@pytest.mark.parametrize("way", ["arrays", "torch", "embeddings", "fit"])
def test_numbers_written_as_text_go_by_their_value(way, tiny_clip):
    labels = [str(i) for i in range(12)] * 2
    if way == "fit":
        model = LDPFClassifier(tiny_clip, method="zero-shot", class_names=TWELVE)
        model.fit(rows_of_features(24), labels)
        known = dict(zip(model.classes_, model.classifier_.class_names, strict=True))
    else:
        images = {
            "arrays": lambda: from_arrays(pictures(24), labels, class_names=TWELVE),
            "torch": lambda: from_torch(
                list(zip(pictures(24), labels, strict=True)), class_names=TWELVE
            ),
            "embeddings": lambda: from_embeddings(rows_of_features(24), labels, class_names=TWELVE),
        }[way]()
        found = extract_features(images, tiny_clip, progress=False)
        known = {
            label: found.class_names[int(k)] for label, k in zip(labels, found.labels, strict=True)
        }
    assert known == {str(i): f"word {i}" for i in range(12)}


# --- pictures ---------------------------------------------------------------------------------
# Each way takes pictures, and returns how many it has taken.


def take_arrays(images, backbone):
    n_images = len(images) if hasattr(images, "__len__") else 1
    labels = ["a", "b", "c"] * n_images
    return len(extract_features(from_arrays(images, labels[:n_images]), backbone, progress=False))


def take_items(images, backbone):
    items = [(image, "ab"[i % 2]) for i, image in enumerate(images)]
    return len(extract_features(from_torch(items), backbone, progress=False))


def take_fit(images, backbone):
    n_images = len(images) if hasattr(images, "__len__") else 2
    labels = [i % 2 for i in range(n_images)]
    model = LDPFClassifier(backbone, method="zero-shot", class_names=["a", "b"])
    return model.fit(images, labels).trained_on_["n_images"]


def take_predict(images, backbone):
    fitted = LDPFClassifier(backbone, method="zero-shot")
    return len(fitted.fit(rows_of_features(4), ["a", "b"] * 2).predict(images))


WHOLE = [take_arrays, take_fit, take_predict]
SINGLE = [*WHOLE, take_items]


@pytest.mark.parametrize("take", WHOLE)
@pytest.mark.parametrize("form", [np.asarray, torch.from_numpy], ids=["array", "tensor"])
@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((64, 64, 3), "(64, 64, 3) is one picture [H, W, C]; give it in a list, [x]"),
        ((3, 64, 64), "(3, 64, 64) may be one picture with channels first, or 3 gray ones"),
        ((6, 8, 8, 7), "(6, 8, 8, 7) is no array of pictures"),
        ((6, 2, 8, 8, 3), "(6, 2, 8, 8, 3) is no array of pictures"),
    ],
)
def test_one_picture_is_not_taken_for_several(take, form, shape, words, tiny_clip):
    with pytest.raises(DataError) as caught:
        take(form(np.zeros(shape, np.uint8)), tiny_clip)
    assert words in str(caught.value)


@pytest.mark.parametrize("take", WHOLE)
@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([], "There are no inputs; give at least one image, path or feature row."),
        ((i for i in "ab"), "Inputs of type generator are not understood; give a list: list(inpu"),
        (b"\x89PNG", "A single bytes was given; give a list, even of one"),
        ({"image": 1}, "Inputs of type dict are not understood"),
        (
            pd.DataFrame({"path": ["a.png"] * 4, "label": ["a", "b"] * 2}),
            "A table with columns path, label was given; give the column of paths or images alone, "
            "such as inputs['path'].",
        ),
    ],
    ids=["none", "generator", "bytes", "dict", "table"],
)
def test_what_holds_no_pictures_is_named_with_the_way_out(take, inputs, words, tiny_clip):
    with pytest.raises(DataError) as caught:
        take(inputs, tiny_clip)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("take", SINGLE)
@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((8, 9, 3), 200.0), "holds floats from 200 to 200; pixels are uint8, or floats fr"),
        (np.full((8, 9, 3), -1.0), "holds floats from -1 to -1; pixels are uint8, or floats from"),
        (np.full((8, 9, 3), 200), "its values are 200 to 200; pixels are uint8 or uint16"),
        (np.zeros((8, 9, 2), np.uint8), "is an array uint8 (8, 9, 2); a picture is [H, W], [H, W"),
        (np.ma.masked_array(np.zeros((8, 9), np.uint8), np.eye(8, 9)), "has 8 masked values; fill"),
        ([[1, 2], [3]], "is a list of lists that differ in length ([[1, 2], [3]]); a picture is"),
        (None, "has no image (None); leave such rows out"),
        (7, "is of type int (7); an image is a PIL image, a path, a file's bytes, or an array or"),
        (b"no image", "cannot be used:"),
        ("https://example.org/a.png", "a web address; download it and give the file"),
    ],
)
def test_what_is_no_picture_is_named_with_its_place(take, image, words, tiny_clip):
    good = np.zeros((8, 9, 3), np.uint8)
    with pytest.raises(DataError) as caught:
        take([good, good, good, image], tiny_clip)
    assert words in str(caught.value)
    place = str(image) if isinstance(image, str) else r"\b(row|image) 3\b"
    assert re.search(place, str(caught.value))


@pytest.mark.parametrize("take", SINGLE)
def test_pictures_of_every_kind_are_taken_together(take, tiny_clip, tmp_path, write_image):
    file = write_image(tmp_path / "a.png")
    pixels = pictures(1)[0]
    taken = take(
        [
            file,
            str(file),
            file.read_bytes(),
            pixels,
            pixels[:, :, 0],
            pixels / 255,
            np.float16(pixels / 255),
            np.dstack([pixels, pixels[:, :, :1]]),
            torch.from_numpy(pixels).permute(2, 0, 1),
            torch.from_numpy(pixels / 255).bfloat16(),
            pixels.astype(np.uint16) * 257,
            pixels.tolist(),
            {"bytes": file.read_bytes(), "path": None},
        ],
        tiny_clip,
    )
    assert taken == 13


@pytest.mark.parametrize("take", SINGLE)
def test_pixels_may_be_lists(take, tiny_clip):
    assert take(np.stack(pictures(4)).tolist(), tiny_clip) == 4
