"""Tables of images: whatever is written is read back, or refused in a sentence with the file."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ldpf.data.class_names import class_names_for
from ldpf.data.labels import is_missing, plain_label
from ldpf.data.manifest import list_manifest
from ldpf.errors import DataError, LdpfError
from ldpf.utils.text import looks_like, visible

# Names as people give them, in any script, without what no name can hold.
NAMES = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp", "Co", "Cn")),
    min_size=1,
    max_size=12,
).filter(lambda name: bool(looks_like(name)) and visible(name) == name)
LABELS = NAMES.filter(lambda name: not is_missing(name) and not _is_number(name))


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _csv(rows: Sequence[Sequence[str]], delimiter: str) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    return stream.getvalue().encode()


def _json_lines(rows: Sequence[Sequence[str]]) -> bytes:
    head, *others = rows
    lines = (json.dumps(dict(zip(head, row, strict=True))) for row in others)
    return "\n".join(lines).encode()


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(LABELS, min_size=1, max_size=8), delimiter=st.sampled_from(",;\t"))
def test_labels_of_any_script_are_read_back_from_csv_and_json_lines(labels, delimiter):
    rows = [("path", "label"), *((f"{i}.jpg", name) for i, name in enumerate(labels))]
    with tempfile.TemporaryDirectory() as folder:
        for i in range(len(labels)):
            Path(folder, f"{i}.jpg").touch()
        for name, content in (("a.csv", _csv(rows, delimiter)), ("a.jsonl", _json_lines(rows))):
            file = Path(folder, name)
            file.write_bytes(content)
            listing, _, missing = list_manifest(file)
            assert [listing.classes[k] for k in listing.labels] == labels
            assert len(listing.paths) == len(labels) and missing == []


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200), ending=st.sampled_from(["csv", "tsv", "jsonl"]))
def test_any_bytes_as_a_table_are_refused_by_its_name(content, ending):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"table.{ending}")
        file.write_bytes(b"path,label\n" * (ending == "csv") + content)
        try:
            listing, splits, _ = list_manifest(file)
        except LdpfError as error:
            assert isinstance(error, DataError) and str(file) in str(error)
        else:
            assert len(listing.paths) == len(listing.labels) > 0
            assert splits is None or len(splits) == len(listing.paths)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=50, deadline=None)
@given(path=JSON, label=JSON, others=st.dictionaries(st.text(max_size=6), JSON, max_size=3))
def test_any_json_in_a_line_is_read_or_refused_by_the_file(path, label, others):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "table.jsonl")
        file.write_text(json.dumps({**others, "path": path, "label": label}), encoding="utf-8")
        try:
            listing, _, _ = list_manifest(file)
        except DataError as error:
            assert str(file) in str(error)
        else:
            assert len(listing.paths) == 1 and listing.labels.tolist() == [0]


@settings(max_examples=200, deadline=None)
@given(value=JSON | st.dates() | st.decimals() | st.binary(max_size=4))
def test_a_label_of_any_type_is_a_text_a_number_or_refused(value):
    try:
        label = plain_label(value, "row 1", "label")
    except DataError as error:
        assert "row 1" in str(error)
    else:
        assert isinstance(label, str | int | np.integer) or is_missing(label)


@settings(max_examples=100, deadline=None)
@given(names=st.dictionaries(NAMES, NAMES, min_size=1, max_size=4), content=JSON)
def test_class_names_are_those_of_the_file_or_refused_by_it(names, content):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "names.json")
        file.write_text(json.dumps(content), encoding="utf-8")
        try:
            found = class_names_for(tuple(names), file)
        except DataError as error:
            assert str(error)
        else:
            assert len(found) == len(names) == len(set(found))
