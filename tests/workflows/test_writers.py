"""Rows as text, and the file they go to."""

from __future__ import annotations

import io
import json

import pytest

from ldpf.errors import SettingsError
from ldpf.workflows.writers import Row, check_destination, column_names, part_of, write_rows

ROWS = [
    Row("a.png", (("cat", 0.75), ("dog", 0.25)), (0.5, 0.5)),
    Row("b.png", error="not an image"),
]


def written(output_format: str) -> str:
    stream = io.StringIO()
    write_rows(ROWS, stream, output_format, n_domains=2, top_k=2, flush_every=1)
    return stream.getvalue()


def test_columns_of_csv():
    assert column_names(2, 2) == [
        *("path", "label", "probability", "domain_0", "domain_1"),
        *("label_2", "probability_2", "error"),
    ]
    assert written("csv").splitlines()[1:] == [
        "a.png,cat,0.750000,0.500000,0.500000,dog,0.250000,",
        "b.png,,,,,,,not an image",
    ]


def test_json_lines_have_null_for_what_is_missing():
    first, second = map(json.loads, written("jsonl").splitlines())
    assert first["top_k"] == [["cat", 0.75], ["dog", 0.25]]
    assert (second["label"], second["domain_1"], second["error"]) == (None, None, "not an image")


def test_a_file_keeps_the_rows_so_far_under_another_name(tmp_path):
    def stopped():
        yield ROWS[0]
        raise KeyboardInterrupt

    out = tmp_path / "answers.csv"
    with pytest.raises(KeyboardInterrupt):
        write_rows(stopped(), out, "csv", n_domains=2, top_k=2, flush_every=9)
    assert not out.exists()
    assert len(part_of(out).read_text().splitlines()) == 2


def test_a_folder_and_an_unknown_format_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="is a folder"):
        check_destination("csv", tmp_path)
    with pytest.raises(SettingsError, match="'xml'"):
        check_destination("xml", None)
