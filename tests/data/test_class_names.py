from __future__ import annotations

import numpy as np
import pytest

from ldpf.data.class_names import (
    check_distinct,
    checked_names,
    class_names_for,
    readable_name,
    reads_as,
)
from ldpf.errors import DataError
from ldpf.utils.text import did_you_mean


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("alarm_clock", "alarm clock"),
        ("alarm-clock", "alarm clock"),
        ("_hot__air-balloon ", "hot air balloon"),
        ("CamelCase", "CamelCase"),
        ("TV", "TV"),
        ("001.Black_footed_Albatross", "001.Black footed Albatross"),
        ("cafe\u0301", "caf\u00e9"),
        ("___", "___"),
    ],
)
def test_readable_name(folder, name):
    assert readable_name(folder) == name


def test_class_names_without_a_file_are_readable_names_in_the_same_order():
    assert class_names_for(("b_c", "a-d")) == ("b c", "a d")


def test_a_file_of_lines_overrides_some_names(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("# comment\n\nn01 = golden retriever = dog\n  n_2=cat  \n", encoding="utf-8")
    names = class_names_for(("n01", "n_2", "n_3"), file)
    assert names == ("golden retriever = dog", "cat", "n 3")


def test_a_json_object_overrides_names(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text('\ufeff {"n01": "dog", "cafe\u0301": "coffee house"}', encoding="utf-8")
    assert class_names_for(("n01", "caf\u00e9"), file) == ("dog", "coffee house")


def test_an_unknown_folder_in_the_file_is_an_error_with_the_nearest_name(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("dgo = hound\n")
    with pytest.raises(DataError) as error:
        class_names_for(("cat", "dog"), file)
    assert str(error.value) == (
        f"{file} names the class folder 'dgo', which is not in the dataset. "
        "Did you mean 'dog'? Its classes are: cat, dog"
    )


def test_a_folder_without_images_may_be_named(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("bird = wild bird\n")
    assert class_names_for(("cat", "dog"), file, also_known={"bird"}) == ("cat", "dog")


@pytest.mark.parametrize("folders", [("alarm-clock", "alarm_clock"), ("TV_set", "tv-set")])
def test_two_classes_with_one_readable_name_are_an_error(folders):
    with pytest.raises(DataError, match="would both be called") as error:
        class_names_for(folders)
    assert all(repr(folder) in str(error.value) for folder in folders)


def test_an_override_that_repeats_a_name_is_an_error(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("hound = dog\n")
    with pytest.raises(DataError, match="'dog' and 'hound' would both be called 'dog'"):
        class_names_for(("dog", "hound"), file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"dog hound\n", "line 1: no '=' in 'dog hound'; write 'folder_name = readable name'"),
        (b"\ndog =\n", "line 2: an empty name; write 'folder_name = readable name'"),
        (b"dog = a\ndog = b\n", "line 2: the folder 'dog' is named twice; keep one"),
        (b'{"dog": "a", "dog": "b"}', "entry 'dog': the folder 'dog' is named twice; keep one"),
        (
            b'{"dog": "\\ud800"}',
            r"entry 'dog': '\ud800' holds half a character; give a name in words",
        ),
        (b'{"dog": 3}', "entry 'dog': the name must be a string, not int"),
        (b'{"dog": "a"', "is not valid JSON"),
        (b"dog = \xff\n", "is not UTF-8; save it as UTF-8"),
    ],
)
def test_a_class_names_file_that_cannot_be_understood(tmp_path, content, message):
    file = tmp_path / "names.txt"
    file.write_bytes(content)
    with pytest.raises(DataError) as error:
        class_names_for(("dog",), file)
    assert message in str(error.value) and str(file) in str(error.value)


def test_a_class_names_file_that_does_not_exist(tmp_path):
    with pytest.raises(DataError, match=r"cannot read the class names file .*none.txt: No such"):
        class_names_for(("dog",), tmp_path / "none.txt")


def test_names_that_differ_only_in_case_are_an_error_naming_both():
    with pytest.raises(DataError) as error:
        check_distinct("class", {"Dog": "art/Dog", "dog": "photo/dog", "cat": "art/cat"})
    assert str(error.value) == (
        "two class names differ only in upper and lower case: 'Dog' (art/Dog) and 'dog' "
        "(photo/dog); rename one, to the same name if they are the same class"
    )


def test_names_equal_after_normalization_are_an_error_naming_both():
    with pytest.raises(DataError, match="read the same but are spelled with different") as error:
        check_distinct("class", {"caf\u00e9": "art/1", "cafe\u0301": "photo/2"})
    assert "'caf\\xe9' (art/1)" in str(error.value)
    assert "'cafe\\u0301' (photo/2)" in str(error.value)


@pytest.mark.parametrize(
    "twin", ["cat\u200b", "\ufeffcat", "ca\u00adt", "ca\u200dt", "cat\u00a0", " cat", "ca\u3164t"]
)
def test_names_that_look_the_same_are_an_error_showing_the_difference(twin):
    with pytest.raises(DataError) as error:
        check_distinct("domain", {"cat": "line 2", twin: "line 3"})
    message = str(error.value)
    assert message.startswith(
        "two domain names differ only in spaces or in characters that cannot be seen: "
    )
    assert "'cat' (line 2)" in message and f"{twin!a} (line 3)" in message


def test_names_of_joined_letters_stay_whole():
    family = "\U0001f468\u200d\U0001f469"
    assert readable_name(family) == family
    assert readable_name("\u06a9\u062a\u0627\u0628\u200c\u0647\u0627").count("\u200c") == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["crane", "crane"], "the classes 0 and 1 would both be called 'crane'; give each its own"),
        (["sea_lion", "dog", "Sea lion"], "the classes 0 and 2 would both be called 'Sea lion'"),
        (["cat", "cat\u200b"], "the classes 0 and 1 would both be called"),
        (["cat", 1], "class_names[1] is 1; give a name in words"),
        (["cat", float("nan")], "class_names[1] is nan; give a name in words"),
        (["cat", "\u200b"], "class_names[1] is '\\u200b'; give a name in words"),
        (["cat", "\ud800"], "class_names[1] is '\\ud800'; give a name in words"),
        ("cat dog", "class_names='cat dog' is no list; give a list of names, in the order of the"),
        ({0: "cat"}, "class_names={0: 'cat'} is no list; give a list of names, in the order of"),
        (7, "class_names=7 is no list; give a list of names"),
    ],
)
def test_given_names_are_checked(given, sentence):
    with pytest.raises(DataError) as error:
        checked_names(given, "class_names")
    assert str(error.value).startswith(sentence)


def test_names_may_be_bytes_or_a_column_of_arrow():
    assert checked_names(np.array([b"a", b"b"]), "class_names") == ("a", "b")
    pa = pytest.importorskip("pyarrow")
    assert checked_names(pa.array(["a", "b"]), "class_names") == ("a", "b")


def test_names_may_come_in_any_sequence():
    for given in (["a", "b"], ("a", "b"), np.array(["a", "b"]), (name for name in "ab")):
        assert checked_names(given, "class_names") == ("a", "b")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bear", "\u0412ear"),  # Cyrillic, a capital
        ("no", "n\u03bf"),  # Greek
        ("Nut", "\u039dut"),
        ("\uff23\uff21\uff34", "cat"),  # full width
        ("\U0001d41c\U0001d41a\U0001d42d", "cat"),  # of mathematics
        ("men's", "men\u2019s"),
        ("T-shirt", "T\u2010shirt"),
        ("sea lion", "sea\u2013lion"),
        ("4x4", "4\u00d74"),
        ("\u0412\u041e\u0420", "\u0432\u043e\u0440"),  # a word of Cyrillic in both cases
        ("\u039d\u039f\u03a5\u03a3", "\u03bd\u03bf\u03c5\u03c3"),  # and of Greek
    ],
)
def test_letters_that_are_drawn_alike_read_the_same(one, other):
    assert reads_as(one) == reads_as(other) != ""


@pytest.mark.parametrize("name", ["-", "_", "--", "\u2013"])
def test_a_name_of_dashes_stays_one(name):
    assert reads_as(name) != ""


@pytest.mark.parametrize(("one", "other"), [("-1", "1"), ("C++", "C#"), ("a b", "ab")])
def test_other_names_do_not_read_the_same(one, other):
    assert reads_as(one) != reads_as(other)


def test_a_name_that_is_not_utf8_is_an_error():
    with pytest.raises(DataError, match=r"the class name b'd\\xffg' is not valid UTF-8; rename"):
        check_distinct("class", {"d\udcffg": "art"})


def test_did_you_mean_ignores_case_and_says_nothing_when_nothing_is_near():
    assert did_you_mean("TRIAN", ["train", "val"]) == " Did you mean 'train'?"
    assert did_you_mean("xyz", ["train", "val"]) == ""


@pytest.mark.parametrize("content", ['{"a": ' + "[" * 100_000, "{]", '{"cat": ["dog"]}'])
def test_json_of_another_form_is_named_by_its_file(content, tmp_path):
    file = tmp_path / "names.txt"
    file.write_text(content)
    with pytest.raises(DataError) as error:
        class_names_for(("cat",), file)
    assert str(file) in str(error.value)


def test_all_refusals_in_one_view(tmp_path, golden):
    def of_names(given):
        with pytest.raises(DataError) as caught:
            checked_names(given, "class_names")
        return str(caught.value)

    def of_file(content, folders=("cat", "dog")):
        file = tmp_path / "names.txt"
        file.write_bytes(content)
        with pytest.raises(DataError) as caught:
            class_names_for(folders, file)
        return str(caught.value).replace(str(tmp_path), "FOLDER")

    golden(
        [
            *map(of_names, ["cat dog", {0: "cat"}, ["cat", 1], ["cat", ""], ["cat", "Cat"]]),
            of_names(["sea_lion", "sea lion"]),
            *map(of_file, [b"dog hound", b"dog =", b"dog = a\ndog = b", b"dog = cat", b"\xff"]),
            *map(of_file, [b"dgo = hound", b'{"dog": 3}', b'{"dog": "a"', b'{"dog": "\\ud800"}']),
        ]
    )
