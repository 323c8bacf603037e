"""Tables as spreadsheets and other tools write them: names of columns, separators, blank rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ldpf.data import load_dataset
from ldpf.data.columns import parse_columns, proposal
from ldpf.data.manifest import list_manifest, list_paths
from ldpf.errors import DataError, SettingsError
from ldpf.utils.ways import command_line


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("site a/1.jpg", "site a/2.jpg", "b/1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def write(folder: Path, text: str, name: str = "set.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_other_names_are_proposed_and_not_taken(photos: Path) -> None:
    file = write(photos, "Filename,Category\nb/1.jpg,cat\n")
    with pytest.raises(DataError) as error:
        list_manifest(file)
    said = "If these are the columns, say so: columns='path=filename,label=category'."
    assert said in str(error.value)
    with command_line(), pytest.raises(DataError) as error:
        list_manifest(file)
    assert "say so: --columns path=filename,label=category. Its columns are" in str(error.value)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (["image", "class"], "path=image,label=class"),
        (["path", "species"], "label=species"),
        (["image path", "label"], "'path=image path'"),
        (["a", "class"], ""),
    ],
)
def test_a_proposal_names_what_is_missing(header: list[str], said: str) -> None:
    with command_line():
        found = proposal(header, ("path", "label"))
    assert found == (f" If these are the columns, say so: --columns {said}." if said else "")


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_columns_that_are_named_are_taken(photos: Path, form: str) -> None:
    rows = [{"filename": "b/1.jpg", "class": "cat", "where": "lab"}]
    if form == "csv":
        file = write(photos, "filename,class,where\nb/1.jpg,cat,lab\n")
    elif form == "jsonl":
        file = write(photos, json.dumps(rows[0]), "set.jsonl")
    else:
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        file = photos / "set.parquet"
        pq.write_table(pa.Table.from_pylist(rows), file)
    data = load_dataset(file, columns="path=filename, label = Class,domain=where")
    assert (data.paths, data.class_names, data.domain_names) == (("b/1.jpg",), ("cat",), ("lab",))
    assert load_dataset(file, columns={"path": "filename", "label": "class"}).domains is None


def test_a_named_column_wins_over_one_of_the_usual_name(photos: Path) -> None:
    file = write(photos, "path,label,class\nb/1.jpg,0,cat\n")
    assert load_dataset(file, columns="label=class").class_names == ("cat",)


def test_a_column_that_is_not_there_is_named(photos: Path) -> None:
    file = write(photos, "path,klass\nb/1.jpg,cat\n")
    with pytest.raises(DataError, match=r"no column .class., which should be its label\. Did you"):
        load_dataset(file, columns="label=class")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path", "should say what columns are called"),
        ("path=", "should say what columns are called"),
        ("labl=class", "'labl' is none of path, label, domain, split, group. Did you mean 'label'"),
        ("path=a,path=b", "'path' is given twice"),
    ],
)
def test_what_names_no_columns_is_refused(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_columns(text)


def test_backslashes_are_separators_of_folders(photos: Path) -> None:
    file = write(photos, "path,label\nsite a\\1.jpg,cat\n.\\b\\1.jpg,dog\n")
    assert list_manifest(file)[0].paths == ("site a/1.jpg", "b/1.jpg")


def test_a_backslash_of_a_name_stays(photos: Path) -> None:
    (photos / "a\\b.jpg").write_bytes(b"x")
    file = write(photos, "path,label\na\\b.jpg,cat\n")
    assert list_manifest(file)[0].paths == ("a\\b.jpg",)


@pytest.mark.parametrize("blank", [";;\n;;\n", ";\n", "  ; ;\n", "\n\n"])
def test_blank_rows_at_the_end_are_left_out(photos: Path, blank: str) -> None:
    file = write(photos, f"path;label;note\nb/1.jpg;cat;x\n{blank}")
    assert list_manifest(file)[0].paths == ("b/1.jpg",)


@pytest.mark.parametrize(("mark", "sep"), [("sep=;", ";"), ('"sep=,"', ","), ("SEP=|", "|")])
def test_a_first_line_may_say_the_separator(photos: Path, mark: str, sep: str) -> None:
    file = write(photos, f"{mark}\npath{sep}label\nb/1.jpg{sep}cat\n")
    assert list_manifest(file)[0].classes == ("cat",)


def test_lines_are_counted_with_the_line_of_the_separator(photos: Path) -> None:
    file = write(photos, "sep=;\npath;label\nb/1.jpg;cat;more\n")
    with pytest.raises(DataError, match="line 3: 3 fields where the header has 2"):
        list_manifest(file)


def test_paths_alone_are_a_list(photos: Path) -> None:
    file = write(photos, "image\nb/1.jpg\nsite a/2.jpg\n")
    found = list_paths(file, {"path": "image"})
    assert found == [photos / "b/1.jpg", photos / "site a/2.jpg"]
    with pytest.raises(DataError, match=r"has no column .path.\. If these are the columns"):
        list_paths(file)
