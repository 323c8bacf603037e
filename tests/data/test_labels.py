from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from ldpf.data.labels import ids_of, in_order, read_labels, texts_of
from ldpf.errors import DataError


def refusal(values, names=None, kind="label"):
    with pytest.raises(DataError) as caught:
        ids_of(values, names, kind)
    return str(caught.value)


# --- what is taken ----------------------------------------------------------------------------


def test_numbers_are_looked_up_in_names():
    names, ids = ids_of([2, np.int64(0), torch.tensor(1)], ["a", "b", "c"], "label")
    assert (names, ids.tolist()) == (("a", "b", "c"), [2, 0, 1])


def test_names_are_looked_up_as_they_read():
    names, ids = ids_of(["Sea_Lion", "cat "], ["cat", "sea lion"], "label")
    assert (names, ids.tolist()) == (("cat", "sea lion"), [1, 0])


def test_bare_numbers_are_named_after_themselves_with_a_warning():
    with pytest.warns(UserWarning, match="say nothing to a text encoder"):
        names, ids = ids_of([30, 10, 30], None, "label")
    assert (names, ids.tolist()) == (("10", "30"), [1, 0, 1])


def test_numbers_written_as_text_are_ids_of_names():
    words = [f"word {i}" for i in range(12)]
    texts = [str(i) for i in range(12)]
    assert ids_of(texts, words, "label")[1].tolist() == list(range(12))


def test_numbers_written_as_text_are_ordered_by_value():
    with pytest.warns(UserWarning, match="say nothing to a text encoder"):
        names, ids = ids_of(["10", "2", "0"], None, "label")
    assert (names, ids.tolist()) == (("0", "2", "10"), [2, 1, 0])
    assert in_order(["10", "9", "a"]) == ["10", "9", "a"]


@pytest.mark.parametrize(
    "values",
    [
        [0, 1, 1],
        [0.0, 1.0, 1.0],
        np.array([0, 1, 1], np.uint8),
        np.array([0, 1, 1], np.float32),
        np.array([0, 1, 1], object),
        np.array([[0], [1], [1]]),
        np.ma.masked_array([0, 1, 1], mask=[False] * 3),
        torch.tensor([0, 1, 1]),
        torch.tensor([0, 1, 1]).bfloat16(),
        [torch.tensor(0), torch.tensor([1]), np.array([1])],
        [decimal.Decimal("0"), decimal.Decimal("1.0"), 1],
        pd.Series([0, 1, 1], index=[7, 8, 9]),
        pd.Series([0, 1, 1], dtype="Int64"),
        pd.Series([0, 1, 1]).astype("category"),
        pd.DataFrame({"label": [0, 1, 1]}),
        (i for i in (0, 1, 1)),
    ],
)
def test_whole_numbers_are_read_from_any_holder(values):
    found = read_labels(values)
    assert found == [0, 1, 1]
    assert {type(label) for label in found} == {int}


@pytest.mark.parametrize(
    "values",
    [
        ["cat", "dog"],
        np.array(["cat", "dog"]),
        np.array(["cat", "dog"], object),
        [b"cat", b"dog"],
        np.array([b"cat", b"dog"]),
        pd.Series(["cat", "dog"]),
        pd.Series(["cat", "dog"], dtype="category"),
        [np.str_("cat"), "dog"],
    ],
)
def test_names_are_read_from_any_holder(values):
    found = read_labels(values)
    assert found == ["cat", "dog"]
    assert {type(label) for label in found} == {str}


def test_columns_of_arrow_are_read():
    pa = pytest.importorskip("pyarrow")
    for kind in (pa.string(), pa.large_string(), pa.binary()):
        assert read_labels(pa.array(["cat", "dog"], kind)) == ["cat", "dog"]
    assert read_labels(pa.array(["cat", "dog"]).dictionary_encode()) == ["cat", "dog"]
    assert read_labels(list(pa.array(["cat", "dog"]))) == ["cat", "dog"]


def test_truth_values_are_a_kind_of_their_own():
    assert ids_of([True, False], ["no", "yes"], "label")[1].tolist() == [1, 0]
    assert refusal([True, 0]) == (
        "row 0 has the label True, a truth value, but row 1 has 0, a number; give one kind"
    )


# --- what is missing --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        (float("nan"), "nan"),
        (np.float32("nan"), "nan"),
        (torch.tensor(float("nan")), "nan"),
        (decimal.Decimal("nan"), "Decimal('NaN')"),
        (pd.NA, "<NA>"),
        (pd.NaT, "NaT"),
        (np.datetime64("NaT"), "None"),
        (np.ma.masked, "None"),
    ],
)
@pytest.mark.parametrize("first", ["cat", 0])
def test_a_missing_label_is_named_with_its_row(value, shown, first):
    sentence = f"row 1 has the label {shown}; give a name or a whole number"
    assert refusal([first, value]) == sentence


def test_a_masked_label_is_missing():
    labels = np.ma.masked_array([0, 1, 2], mask=[False, False, True])
    assert refusal(labels) == "row 2 has the label None; give a name or a whole number"


@pytest.mark.parametrize("value", ["", "  ", "\u200b", "\ufeff", "\u00a0"])
def test_a_label_that_shows_nothing_is_refused(value):
    assert refusal(["cat", value]) == f"row 1 has the label {value!r}, which is empty; give a name"


@pytest.mark.parametrize(
    "word",
    ["NaN", "nan", "NULL", "None", "<NA>", "N/A", "NA", "NaT", "#N/A", "#DIV/0!", "-", "??", "inf"],
)
def test_a_word_for_missing_is_kept_and_said_once(word):
    with pytest.warns(UserWarning, match="looks like a missing value") as caught:
        names, ids = ids_of(["cat", word, word], None, "label")
    assert (set(names), len(caught)) == ({"cat", word}, 1)
    assert repr(word) in str(caught[0].message) and "class_names" in str(caught[0].message)
    assert ids[1] == ids[2] != ids[0]


def test_several_words_for_missing_are_said_together():
    with pytest.warns(UserWarning, match="missing value") as caught:
        ids_of(["cat", "-", "N/A"], None, "label")
    assert str(caught[0].message) == (
        "the labels '-', 'N/A' look like missing values, and are kept as labels. If the label is "
        "missing, leave out these images; otherwise say what it shows with class_names"
    )


@pytest.mark.parametrize(
    "name",
    [
        "cat - Copy",
        "cat - Copy (2)",
        "Copy of cat",
        "cat (1)",
        "cat copy 2",
        "Cat_backup",
        "cat - Kopie",
        "Kopie von cat",
        "cat - copia",
    ],
)
@pytest.mark.parametrize("kind", ["label", "domain"])
def test_a_copy_of_another_name_is_kept_and_said(name, kind):
    with pytest.warns(UserWarning, match=f"the {kind} .* looks like a copy of another") as caught:
        names, _ = ids_of(["cat", "dog", name], None, kind)
    assert len(names) == 3 and repr(name) in str(caught[0].message)


@pytest.mark.filterwarnings("error")
def test_a_name_like_that_of_a_copy_is_one_where_there_is_no_other():
    assert len(ids_of(["cat (1)", "dog (1)", "copy of a bill"], None, "label")[0]) == 3
    assert len(ids_of(["camera 1", "camera 2"], None, "domain")[0]) == 2


@pytest.mark.parametrize("name", ["masks", "New folder", "untitled folder", "Thumbnails"])
def test_a_folder_that_holds_no_class_is_kept_and_said(name):
    with pytest.warns(UserWarning, match="looks like a folder that holds no class") as caught:
        names, _ = ids_of(["cat", name], None, "label")
    assert len(names) == 2 and repr(name) in str(caught[0].message)


@pytest.mark.parametrize(
    "names", [["n01443537", "n01629819"], ["c0", "c9"], ["class_1", "Class 2"]]
)
def test_codes_are_kept_and_said(names):
    with pytest.warns(
        UserWarning, match="are codes, which say nothing to a text encoder"
    ) as caught:
        assert len(ids_of(names, None, "label")[0]) == 2
    assert "Say what it shows with class_names" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ids_of([*names, "cat"], None, "label")  # a word among them: names of products


@pytest.mark.parametrize("name", ["cat;dog", "dog|cat", "cat / dog", "['cat']", "{bird}"])
def test_a_label_that_is_several_is_kept_and_said(name):
    with pytest.warns(UserWarning, match="looks like several at once") as caught:
        names, _ = ids_of(["cat", "dog", name], None, "label")
    assert len(names) == 3 and repr(name) in str(caught[0].message)


@pytest.mark.filterwarnings("error")
def test_a_name_with_a_sign_in_it_is_one():
    assert len(ids_of(["cat", "dog", "cat & mouse", "on/off"], None, "label")[0]) == 4


def test_a_domain_may_be_a_word_for_missing_too():
    with pytest.warns(UserWarning, match="the domain 'nan' looks like a missing value"):
        assert ids_of(["nan", "art"], None, "domain")[0] == ("art", "nan")


@pytest.mark.filterwarnings("error")
def test_a_word_for_missing_is_silent_where_it_is_named():
    assert ids_of(["None", "cat"], ["cat", "None"], "label")[1].tolist() == [1, 0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("word", ["Na", "nano", "nil by mouth", "nullarbor", "+", "infant"])
def test_other_words_are_no_words_for_missing(word):
    assert set(ids_of(["cat", word], None, "label")[0]) == {"cat", word}


class Animal(enum.Enum):
    CAT = "cat"
    DOG = "dog"


@pytest.mark.parametrize(
    "values",
    [
        [Animal.CAT, Animal.DOG],
        np.array(["cat", "dog"], object),
    ],
)
def test_names_are_those_that_were_meant(values):
    assert ids_of(values, None, "label")[0] == ("cat", "dog")


@pytest.mark.parametrize(
    "values",
    [
        np.array([0, 1], np.longdouble),
        torch.tensor([0, 1]).to_sparse(),
        [fractions.Fraction(0), fractions.Fraction(1)],
    ],
    ids=["long", "sparse", "fractions"],
)
def test_whole_numbers_of_rare_types_are_read(values):
    assert read_labels(values) == [0, 1]


def test_tensors_without_values_are_refused():
    assert "nested tensor" in refusal(
        torch.nested.nested_tensor([torch.tensor([0]), torch.tensor([1, 2])], layout=torch.jagged)
    )
    assert "the device 'meta'" in refusal(torch.zeros(2, device="meta"))


@pytest.mark.parametrize(
    "value",
    [1e300, 10**400, 10**5000, fractions.Fraction(10**400), decimal.Decimal("1e30")],
    ids=["float", "int", "int of 5,000 digits", "fraction", "decimal"],
)
def test_a_number_beyond_64_bits_is_refused(value):
    assert "beyond whole numbers of 64 bits" in refusal([value, 2])


@pytest.mark.parametrize("value", ["1e999999999", "Infinity"])
def test_a_decimal_that_cannot_be_written_out_is_refused_at_once(value):
    assert f"Decimal('{value.replace('e', 'E+')}')" in refusal([decimal.Decimal(value), 2])


def test_a_table_of_arrow_has_one_column():
    pa = pytest.importorskip("pyarrow")
    assert read_labels(pa.table({"y": ["a", "b"]})) == ["a", "b"]
    assert read_labels(pa.record_batch({"y": ["a", "b"]})) == ["a", "b"]
    assert refusal(pa.table({"y": ["a"], "z": [1]})).startswith("labels are a table of 2 columns")


def test_what_is_collected_later_is_named():
    class Lazy:
        def collect(self):
            return ["a"]

    assert refusal(Lazy()) == "labels are one Lazy; collect it first, one for each image"


def test_a_list_that_only_gives_itself_as_a_list_is_one():
    class Column:  # as polars has it
        def __init__(self, values):
            self.values = values

        def to_list(self):
            return self.values

    assert "[1, 0], which looks one-hot" in refusal([Column([1, 0]), Column([0, 1])])


@pytest.mark.filterwarnings("ignore:The labels are numbers")
def test_whole_numbers_that_a_column_with_gaps_wrote_are_ids():
    assert ids_of(["1.0", "0.0"], ["cat", "dog"], "label")[1].tolist() == [1, 0]
    assert ids_of(["10.0", "9.0"], None, "label")[0] == ("9.0", "10.0")


@pytest.mark.filterwarnings("ignore")
def test_a_sign_stays_in_the_name():
    assert ids_of(["-1", "0"], None, "label")[0] == ("-1", "0")
    assert set(ids_of(["-1", "1"], None, "label")[0]) == {"-1", "1"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [("caf\u00c3\u00a9", "caf\u00e9"), ("caf&eacute;", "caf\u00e9"), ("a &amp; b", "a & b")],
)
def test_a_garbled_name_is_kept_and_said(name, meant):
    with pytest.warns(UserWarning, match="looks garbled") as caught:
        names, _ = ids_of([name, "dog"], None, "label")
    assert name in names and repr(meant) in str(caught[0].message)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "name", ["caf\u00e9", "\u00c5land", "na\u00efve", "\u732b", "R&B", "\u00e9\u00e8"]
)
def test_accents_are_not_garbled(name):
    assert len(ids_of([name, "dog"], None, "label")[0]) == 2


# --- what is no label -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "names", "sentence"),
    [
        ([0.5], None, "row 0 has the label 0.5; give a name or a whole number"),
        ([float("inf")], None, "row 0 has the label inf; give a name or a whole number"),
        ([1j], None, "row 0 has the label 1j; give a name or a whole number"),
        (
            [decimal.Decimal("0.1")],
            None,
            "row 0 has the label Decimal('0.1'); give a name or a whole number",
        ),
        (
            [datetime.date(2020, 1, 2)],
            None,
            "row 0 has the label datetime.date(2020, 1, 2); give a name or a whole number",
        ),
        (
            [b"\xff\xfe"],
            None,
            "row 0 has the label b'\\xff\\xfe', bytes that are not UTF-8; give a name",
        ),
        (
            [0, -1],
            ["a", "b"],
            "row 1 has the label -1, which is none of the 2 named: a, b (0 to 1); -1 often means "
            "that there is none: leave such rows out",
        ),
        ([0, 2], ["a", "b"], "row 1 has the label 2, which is none of the 2 named: a, b (0 to 1)"),
        (
            ["a", "c"],
            ["a", "b"],
            "row 1 has the label 'c', which is none of the 2 named: a, b (0 to 1)",
        ),
        (
            [0, "square"],
            None,
            "row 0 has the label 0, a number, but row 1 has 'square', a name; give one kind",
        ),
        (
            ["a", 1],
            ["a", "b"],
            "row 0 has the label 'a', a name, but row 1 has 1, a number; give one kind",
        ),
        (
            "cat",
            None,
            "labels are a list in the order of the images, not a str",
        ),
        ({"a": 0}, None, "labels are a list in the order of the images, not a dict"),
        ({0, 1}, None, "labels are a list in the order of the images, not a set"),
        (None, None, "labels are a list in the order of the images, not a NoneType"),
        (7, None, "labels are one int; give a list, one for each image"),
        (torch.tensor(7), None, "labels are one int; give a list, one for each image"),
        (np.array(7), None, "labels are one int; give a list, one for each image"),
    ],
)
def test_labels_without_a_meaning_are_refused(values, names, sentence):
    assert refusal(values, names) == sentence


@pytest.mark.parametrize("form", [list, np.array, torch.tensor])
@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [[0, 1, 0], [1, 0, 0]],
            "[0, 1, 0], which looks one-hot; give class ids, as labels.argmax(axis=1) does",
        ),
        (
            [[0, 1, 1], [1, 0, 0]],
            "[0, 1, 1], which looks like 2 of 3 classes at once; give one label for each image, "
            "and leave out images of several or none",
        ),
        (
            [[0.25, 0.75], [1.0, 0.0]],
            "[0.25, 0.75], which looks like probabilities; give class ids, as "
            "labels.argmax(axis=1) does",
        ),
        ([[3, 20, 1]], "[3, 20, 1], 3 numbers; give one name or whole number for each image"),
    ],
)
def test_vectors_are_refused_with_the_way_out(rows, sentence, form):
    assert refusal(form(rows)) == f"row 0 has the label {sentence}"


def test_lists_of_names_are_refused():
    assert refusal([["circle", "x"]]) == (
        "row 0 has the label ['circle', 'x'], a list; give one name or whole number for each image"
    )
    assert refusal([{"name": "cat"}]) == (
        "row 0 has the label {'name': 'cat'}, a dict; give one name or whole number for each image"
    )


def test_a_table_of_labels_names_its_columns():
    assert refusal(pd.DataFrame({"path": ["a"], "label": ["b"]})) == (
        "labels are a table of 2 columns (path, label); give the one column that holds them"
    )


def test_sparse_labels_are_refused():
    sparse = pytest.importorskip("scipy.sparse")
    assert refusal(sparse.csr_matrix(np.eye(3))).startswith(
        "labels are a sparse matrix of shape (3, 3); each image has one label"
    )


# --- names that read the same -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a_b", "a-b"),
        ("sea_lion", "sea lion"),
        ("Cat", "cat"),
        ("cat", "cat "),
        ("cat", "cat\u200b"),
        ("cat", "\ufeffcat"),
        ("ca\u00adt", "cat"),
        ("ca\u200dt", "cat"),
        ("sea\u00a0lion", "sea lion"),
        ("caf\u00e9", "cafe\u0301"),
    ],
)
def test_names_that_read_the_same_are_refused_and_both_named(one, other):
    message = refusal([one, "dog", other])
    assert "would both be called" in message
    assert all(repr(name) in message or ascii(name) in message for name in (one, other))


@pytest.mark.filterwarnings("error")
def test_an_invisible_character_does_not_reach_the_name():
    assert ids_of(["sea\u00a0lion\u200b", "\ufeffcat"], None, "label")[0] == ("sea lion", "cat")


@pytest.mark.filterwarnings("error")
def test_domains_keep_their_spelling():
    names, ids = ids_of(["art_painting", "Photo"], None, "domain")
    assert (names, ids.tolist()) == (("Photo", "art_painting"), [1, 0])


def test_empty_lists_hold_no_labels():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_labels([]) == []


@pytest.mark.parametrize(
    "text",
    ["a", " sea lion ", "-1", "a_b/c.png", "\u00a7", "   ", "_", "\u00e9", "a\x00b", "a\u200bb"],
)
def test_the_short_way_for_plain_texts_gives_what_the_long_way_gives(monkeypatch, text):
    def read():
        return texts_of(["first", text, text], map(str, range(3)), "label")

    short = outcome(read)
    monkeypatch.setattr("ldpf.data.labels.is_plain", lambda value: False)
    assert outcome(read) == short


def outcome(read):
    try:
        return read()
    except DataError as error:
        return str(error)


def test_labels_of_one_value_have_one_order():
    assert in_order(["2", "1", "01"]) == in_order(["01", "1", "2"]) == ["01", "1", "2"]


@pytest.mark.filterwarnings("ignore:The labels are numbers")
def test_all_refusals_in_one_view(golden):
    refused = [
        (["cat", None], None),
        (["cat", ""], None),
        (["cat", 1], None),
        ([0.5, 1.5], None),
        ([[0, 1], [1, 0]], None),
        ([["cat", "dog"], ["cat"]], None),
        ([datetime.date(2024, 5, 3)], None),
        (["cat", "Cat"], None),
        (["cat", "c\u0430t"], None),
        (["1", "01"], None),
        (["sea_lion", "sea-lion"], None),
        ([0, 5], ("cat", "dog")),
        (["cat", "bird"], ("cat", "dog")),
        ([2**70], None),
    ]
    golden([refusal(values, names) for values, names in refused])
