from __future__ import annotations

import pytest

from ldpf.data.manifest import list_manifest
from ldpf.errors import DataError


@pytest.fixture
def folder(tmp_path):
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def write(folder, *lines, ending=".jsonl"):
    file = folder / f"set{ending}"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


@pytest.mark.parametrize("ending", [".jsonl", ".ndjson"])
def test_an_object_on_each_line_is_a_row(folder, ending):
    file = write(
        folder,
        '{"path": "1.jpg", "label": 12, "domain": "north", "boxes": [1, 2]}',
        "",
        '{"domain": "south", "Label": 7, "path": "2.jpg"}',
        ending=ending,
    )
    listing, splits, missing = list_manifest(file)
    assert listing.paths == ("1.jpg", "2.jpg") and listing.classes == ("12", "7")
    assert listing.labels.tolist() == [0, 1] and listing.domain_names == ("north", "south")
    assert splits is None and missing == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "line 2: not valid JSON"),
        ("[1]", "line 2: a list where an object"),
        (
            '{"path": "2.jpg", "label": ["cat", "dog"]}',
            "line 2 has the label ['cat', 'dog'], a list; give one name or whole number",
        ),
        ('{"path": "2.jpg", "label": true}', "line 2 has True, a truth value; give one kind"),
        ('{"path": "2.jpg", "label": 7}', "line 2 has 7, a number; give one kind"),
        ('{"path": "2.jpg", "label": 0.5}', "line 2 has the label 0.5; give a name or a whole"),
        ('{"path": 7, "label": "dog"}', "line 2 has the path 7; give a text"),
        ('{"path": "2.jpg"}', "has no label in 1 of 2 rows (line 2)"),
        ('{"path": "1.jpg", "label": "dog"}', "line 2: 1.jpg is listed twice"),
    ],
)
def test_what_is_no_row_is_named_with_its_line(folder, line, sentence):
    file = write(folder, '{"path": "1.jpg", "label": "cat"}', line)
    with pytest.raises(DataError) as caught:
        list_manifest(file)
    assert sentence in str(caught.value) and "set.jsonl" in str(caught.value)


def test_a_file_without_rows_and_one_that_is_not_utf_8(folder):
    with pytest.raises(DataError, match="has no column 'path'"):
        list_manifest(write(folder, ""))
    (folder / "set.jsonl").write_bytes('{"path": "é"}'.encode("latin-1"))
    with pytest.raises(DataError, match="is not UTF-8"):
        list_manifest(folder / "set.jsonl")
