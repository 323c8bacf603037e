from __future__ import annotations

import builtins
import datetime
import decimal
import re

import numpy as np
import pytest

from ldpf.data.manifest import list_manifest
from ldpf.errors import DataError


@pytest.fixture
def folder(tmp_path):
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def write(folder, text, name="set.csv", encoding="utf-8"):
    (folder / name).write_text(text, encoding=encoding)
    return folder / name


def refusal(file, **options):
    with pytest.raises(DataError) as error:
        list_manifest(file, **options)
    return str(error.value)


def test_path_and_label_are_enough(folder):
    listing, splits, missing = list_manifest(
        write(folder, "path,label\na/2.jpg,hot_dog\nb/1.jpg,cat\n")
    )
    assert listing.paths == ("a/2.jpg", "b/1.jpg")  # in the manifest's order
    assert listing.classes == ("cat", "hot_dog") and listing.labels.tolist() == [1, 0]
    assert listing.domains is None and listing.domain_names == ()
    assert splits is None and missing == []


def test_domain_split_and_other_columns(folder):
    text = "split,Label,size, path ,domain\ntrain,cat,1,a/1.jpg,photo\nTEST,dog,2,b/1.jpg,art\n"
    listing, splits, _ = list_manifest(write(folder, text))
    assert listing.domain_names == ("art", "photo") and listing.domains.tolist() == [1, 0]
    assert splits.tolist() == ["train", "test"]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_semicolons_and_tabs_as_spreadsheets_write_them(folder, delimiter):
    text = "path,label\r\na/1.jpg,cat\r\n\r\n".replace(",", delimiter)
    listing, _, _ = list_manifest(write(folder, text, encoding="utf-8-sig"))
    assert listing.paths == ("a/1.jpg",) and listing.classes == ("cat",)


def test_columns_empty_throughout_are_as_if_absent(folder):
    listing, splits, _ = list_manifest(write(folder, "path,label,domain,split\na/1.jpg,cat,,\n"))
    assert listing.domains is None and splits is None


def test_paths_start_from_the_manifest_and_are_absolute_only_outside(folder):
    inner = folder / "a"
    text = f"path,label\n./1.jpg,cat\n{inner}/2.jpg,cat\n../b/1.jpg,dog\n"
    listing, _, missing = list_manifest(write(inner, text))
    assert listing.paths == ("1.jpg", "2.jpg", f"{folder}/b/1.jpg") and missing == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,labels\na/1.jpg,cat\n",
            "has no column 'label'. Did you mean 'labels'? Its columns are: path, labels; "
            "it needs path and label, and may have domain, split and group",
        ),
        ("", "has no column 'path'. Its columns are: none"),
        ("path,label,label\na/1.jpg,x,y\n", "has two columns 'label'; keep one"),
        ("path,label\n", "has no rows; give one for each image"),
        (
            "path,label\na/1.jpg,cat\na/2.jpg, \n\nb/1.jpg,\n",
            "has no label in 2 of 3 rows (line 3, 5); fill them in",
        ),
        ("path,label\n,cat\n", "has no path in 1 of 1 rows (line 2); fill them in"),
        (
            "path,label,domain\na/1.jpg,cat,x\na/2.jpg,cat,\n",
            "has no domain in 1 of 2 rows (line 3); fill them in",
        ),
        (
            "path,label,split\na/1.jpg,cat,valid\n",
            "line 2: the split 'valid' is none of train, val, test. Did you mean 'val'?",
        ),
        ("path,label\na/1.jpg\n", "line 2: 1 fields where the header has 2; quote fields"),
        (
            "path,label\na/1.jpg,cat\n./a/1.jpg,cat\n",
            "line 3: ./a/1.jpg is listed twice, first in line 2; keep one",
        ),
        ('path,label\n"a/1.jpg"x,cat\n', "line 2: not valid CSV"),
        (
            "path,label\na/1.jpg,Cat\na/2.jpg,cat\n",
            "two class names differ only in upper and lower case: 'Cat' (set.csv, line 2) "
            "and 'cat' (set.csv, line 3)",
        ),
    ],
)
def test_a_manifest_that_cannot_be_used(folder, text, message):
    file = write(folder, text)
    refused = refusal(file)
    assert message in refused and "set.csv" in refused


def test_a_manifest_that_is_not_utf8(folder):
    (folder / "set.csv").write_bytes(b"path,label\na/1.jpg,caf\xe9\n")
    assert refusal(folder / "set.csv").endswith("set.csv is not UTF-8; save it as UTF-8")


def test_missing_files_are_listed_together(folder):
    file = write(folder, "path,label\na/1.jpg,cat\nA/1.jpg,cat\nb/9.jpg,dog\n")
    assert refusal(file).splitlines() == [
        f"2 of 3 images in {file} cannot be used:",
        "  A/1.jpg: the file does not exist",
        "  b/9.jpg: the file does not exist",
        "Repair or remove them, or leave them out with skip_bad=True.",
        f"(Relative paths in a manifest start from its own folder, {folder}.)",
    ]


def test_missing_files_can_be_left_out_but_not_all(folder):
    file = write(folder, "path,label\na/1.jpg,cat\nb/9.jpg,dog\n")
    _, _, missing = list_manifest(file, skip_bad=True)
    assert [(bad.path, bad.reason) for bad in missing] == [("b/9.jpg", "the file does not exist")]
    file = write(folder, "path,label\nb/8.jpg,cat\nb/9.jpg,dog\n")
    assert "2 of 2 images" in refusal(file, skip_bad=True)


def test_parquet_reads_like_csv(folder):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    columns = {
        "path": ["b/1.jpg", "a/1.jpg"],
        "label": [7, 3],
        "domain": pa.array(["x", "y"]).dictionary_encode(),
        "split": ["val", "train"],
        "other": [[1], [2]],
    }
    pq.write_table(pa.table(columns), folder / "set.parquet")
    listing, splits, _ = list_manifest(folder / "set.parquet")
    assert listing.paths == ("b/1.jpg", "a/1.jpg")
    assert listing.classes == ("3", "7") and np.array_equal(listing.labels, [1, 0])
    assert listing.domain_names == ("x", "y") and splits.tolist() == ["val", "train"]


def test_parquet_with_a_missing_label_names_the_row(folder):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"path": ["b/1.jpg", "a/1.jpg"], "label": ["x", None]})
    pq.write_table(table, folder / "set.parquet")
    assert "has no label in 1 of 2 rows (row 2); fill them in" in refusal(folder / "set.parquet")


def test_damaged_parquet(folder):
    pytest.importorskip("pyarrow")
    file = write(folder, "path,label\n", "set.parquet")
    assert re.match(f"cannot read the manifest {re.escape(str(file))} as Parquet: ", refusal(file))


def test_without_pyarrow_the_message_says_what_to_install(folder, monkeypatch):
    import_ = builtins.__import__

    def without_pyarrow(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return import_(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    file = write(folder, "", "set.parquet")
    assert refusal(file) == (
        f"reading the Parquet manifest {file} needs pyarrow; "
        "install it with: pip install 'ldpf[parquet]'"
    )


# --- tables of other programs -----------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        'path, label\na/1.jpg, "cat"\na/2.jpg, "hot, dog"\n',
        '"path"; "label"\r\n"a/1.jpg"; "cat"\r\n"a/2.jpg"; "hot, dog"\r\n',
        "PATH\t Label \na/1.jpg\tcat\na/2.jpg\t hot, dog \n",
        "\u200bpath\u00a0,\ufefflabel\na/1.jpg,cat\na/2.jpg,'hot, dog'\n".replace("'", '"'),
        'path,label\ra/1.jpg,cat\ra/2.jpg,"hot, dog"\r',
    ],
    ids=["space before quotes", "semicolons", "tabs", "invisible characters", "carriage returns"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_of_any_program_is_read(folder, text, encoding):
    (folder / "set.csv").write_bytes(text.encode(encoding))
    listing, _, _ = list_manifest(folder / "set.csv")
    assert listing.paths == ("a/1.jpg", "a/2.jpg")
    assert listing.classes == ("cat", "hot, dog")


def test_utf16_without_its_mark_is_refused(folder):
    (folder / "set.csv").write_bytes("path,label\na/1.jpg,cat\n".encode("utf-16-le"))
    assert "set.csv" in refusal(folder / "set.csv")


def write_parquet(folder, **columns):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    columns = {"path": ["a/1.jpg", "b/1.jpg"], **columns}
    pq.write_table(pa.table(columns), folder / "set.parquet")
    return folder / "set.parquet"


@pytest.mark.parametrize(
    "kind", ["string", "large_string", "binary", "large_binary", "string_view", "dictionary"]
)
def test_texts_of_parquet_are_read_in_any_type(folder, kind):
    pa = pytest.importorskip("pyarrow")
    label, path = pa.array(["circle", "square"]), pa.array(["a/1.jpg", "b/1.jpg"])
    if kind == "dictionary":
        label, path = label.dictionary_encode(), path.dictionary_encode()
    else:
        label, path = label.cast(getattr(pa, kind)()), path.cast(getattr(pa, kind)())
    listing, _, _ = list_manifest(write_parquet(folder, label=label, path=path))
    assert listing.classes == ("circle", "square")
    assert listing.paths == ("a/1.jpg", "b/1.jpg")


@pytest.mark.parametrize(
    "values", [[0, 1], [0.0, 1.0], [decimal.Decimal("0.00"), decimal.Decimal("1.00")]]
)
def test_whole_numbers_of_parquet_are_read_in_any_type(folder, values):
    assert list_manifest(write_parquet(folder, label=values))[0].classes == ("0", "1")


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ([["circle", "x"], ["square"]], "has the label ['circle', 'x'], a list; give one name or"),
        ([{"name": "x"}, {"name": "y"}], "has the label {'name': 'x'}, a dict; give one name or"),
        (
            [datetime.date(2020, 1, 2)] * 2,
            "has the label datetime.date(2020, 1, 2); give a name or",
        ),
        ([0.5, 1.0], "has the label 0.5; give a name or a whole number"),
        ([b"\xff", b"a"], "has the label b'\\xff', bytes that are not UTF-8; give a name"),
        ([[0, 1], [1, 0]], "has the label [0, 1], which looks one-hot; give class ids"),
    ],
)
def test_labels_of_parquet_that_are_none_are_refused_by_their_row(folder, label, sentence):
    file = write_parquet(folder, label=label)
    assert f"{file}, row 1 {sentence}" in refusal(file)


@pytest.mark.parametrize("label", [[1.0, float("nan")], ["cat", ""], ["cat", "\u200b"]])
def test_what_shows_nothing_is_a_missing_label(folder, label):
    file = write_parquet(folder, label=label)
    assert "has no label in 1 of 2 rows (row 2); fill them in" in refusal(file)


def test_paths_of_parquet_are_texts(folder):
    file = write_parquet(folder, path=[1, 2], label=["a", "b"])
    assert f"{file}, row 1 has the path 1; give a text" in refusal(file)


def test_kinds_of_labels_are_not_mixed(folder):
    file = write(
        folder,
        '{"path": "a/1.jpg", "label": 0}\n{"path": "b/1.jpg", "label": "square"}\n',
        "set.jsonl",
    )
    assert refusal(file) == (
        f"{file}, line 1 has the label 0, a number, but {file}, line 2 has 'square', a name; "
        "give one kind"
    )


def test_labels_that_look_the_same_name_their_lines(folder):
    message = refusal(write(folder, "path,label\na/1.jpg,cat\nb/1.jpg,cat\u200b\n"))
    assert "(set.csv, line 2)" in message and "'cat\\u200b' (set.csv, line 3)" in message


@pytest.mark.parametrize("path", ["a\\u0000b.png", "\\ud800.png"])
def test_a_path_that_no_file_can_have_is_refused_by_its_line(folder, path):
    file = write(folder, f'{{"path": "{path}", "label": "cat"}}\n', name="set.jsonl")
    assert "set.jsonl, line 1: no file can have the path" in refusal(file)


def test_half_a_character_in_a_label_is_refused_by_its_line(folder):
    file = write(folder, '{"path": "a.png", "label": "\\ud800"}\n', name="set.jsonl")
    assert "set.jsonl, line 1 has the label '\\ud800', which is not valid UTF-8; rename it" in (
        refusal(file)
    )


def test_a_long_split_and_a_long_path_are_quoted_in_part(folder):
    file = write(folder, f"path,label,split\na.png,cat,{'x' * 5000}\n")
    assert " ... " in refusal(file) and len(refusal(file)) < 400
    file = write(folder, f"path,label\n{'y' * 5000},cat\n")
    assert " ... " in refusal(file) and len(refusal(file)) < 1000


def test_rows_of_zero_bytes_are_no_blank_rows(folder):
    text = "path,label\na/1.jpg,cat\na/2.jpg,dog\n" + "\0" * 40 + "\n"
    assert "line 4: zero bytes" in refusal(write(folder, text))


def test_a_header_of_long_names_is_shortened_in_the_refusal(folder):
    message = refusal(write(folder, "x" * 3000 + ",label\na/1.jpg,cat\n"))
    assert "has no column 'path'" in message and len(message) < 800


@pytest.mark.parametrize(
    "rows", [("a/1.jpg,cat", "a/2.jpg,dog"), ("a/1.jpg,cat,,", "a/2.jpg,dog,,,")]
)
@pytest.mark.parametrize("header", ["path,label", "path,label,", "path,label,,"])
def test_separators_for_empty_cells_at_the_end_of_a_line_do_not_matter(folder, header, rows):
    listing, *_ = list_manifest(write(folder, "\n".join([header, *rows]) + "\n"))
    assert listing.paths == ("a/1.jpg", "a/2.jpg") and listing.classes == ("cat", "dog")


def test_a_cell_too_few_or_too_many_is_still_refused(folder):
    assert "line 2: 1 fields where the header has 2" in refusal(
        write(folder, "path,label\na/1.jpg\n")
    )
    file = write(folder, "path,label\na/1.jpg,cat,dog\n")
    assert "line 2: 3 fields where the header has 2" in refusal(file)


def test_upright_lines_separate_cells_too(folder):
    listing, *_ = list_manifest(write(folder, "path|label\na/1.jpg|cat\na/2.jpg|dog\n"))
    assert listing.paths == ("a/1.jpg", "a/2.jpg")


@pytest.mark.parametrize("head", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_a_spreadsheet_that_is_called_csv_is_named(folder, head):
    file = folder / "set.csv"
    file.write_bytes(head + bytes(range(256)))
    assert "is a spreadsheet or an archive by what it holds" in refusal(file)


def test_a_name_that_is_twice_in_an_object_is_refused(folder):
    file = write(folder, '{"path": "a.png", "label": "cat", "label": "dog"}\n', name="set.jsonl")
    assert "set.jsonl, line 1: the name 'label' is there twice; keep one" in refusal(file)


@pytest.mark.parametrize("column", ["image", "path"])
def test_a_column_of_pictures_is_named_with_the_way_out(folder, column):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table({column: [{"bytes": b"x", "path": "a.png"}] * 2, "label": ["cat", "dog"]})
    pq.write_table(table, folder / "set.parquet")
    assert f"the column {column!r} of " in refusal(folder / "set.parquet")
    assert "holds pictures, not paths" in refusal(folder / "set.parquet")
