"""Rows as text, and the file they go to."""

from __future__ import annotations

import csv
import io
import json

import pytest

from ldpf.errors import SettingsError
from ldpf.workflows.prediction_rows import Row, column_names
from ldpf.workflows.writers import check_destination, part_of, write_rows

ROWS = [
    Row("a.png", (("cat", 0.75), ("dog", 0.25)), (0.5, 0.5), outside=-0.5, classes=("cat", "a|b")),
    Row("b.png", error="not an image"),
]


def written(output_format: str, rows: list[Row] = ROWS, **options: bool) -> str:
    stream = io.StringIO()
    write_rows(rows, stream, output_format, n_domains=2, top_k=2, flush_every=1, **options)
    return stream.getvalue()


def test_columns_of_csv():
    assert column_names(2, 2) == [
        *("path", "label", "probability", "domain_0", "domain_1"),
        *("label_2", "probability_2", "outside", "outside_score", "set", "error"),
    ]
    assert written("csv").splitlines()[1:] == [
        r"a.png,cat,0.750000,0.500000,0.500000,dog,0.250000,false,-0.500000,cat|a\|b,",
        "b.png,,,,,,,,,,not an image",
    ]


def formulas(start: str) -> list[Row]:
    top = ((f"{start}cat", 0.75), ("a=b", 0.25))
    answer = Row(f"{start}1.png", top, (0.5, 0.5), classes=(f"{start}cat", "a=b"))
    return [answer, Row("b.png", error=f"{start}2")]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_has_no_cell_that_a_spreadsheet_runs(start):
    text = written("csv", formulas(start))
    _, first, second = csv.reader(io.StringIO(text, newline=""))
    assert [first[0], first[1], first[5]] == [f"'{start}1.png", f"'{start}cat", "a=b"]
    assert first[-2] == f"'{start}cat|a=b"
    assert [second[0], second[-1]] == ["b.png", f"'{start}2"]


@pytest.mark.parametrize("start", ["=", "\t"])
def test_raw_csv_and_json_lines_keep_names_as_they_are(start):
    _, first, _ = csv.reader(io.StringIO(written("csv", formulas(start), raw=True), newline=""))
    assert first[:2] == [f"{start}1.png", f"{start}cat"]
    line = json.loads(written("jsonl", formulas(start)).splitlines()[0])
    assert (line["path"], line["label"]) == (f"{start}1.png", f"{start}cat")


def test_json_lines_have_null_for_what_is_missing():
    first, second = map(json.loads, written("jsonl").splitlines())
    assert (first["outside"], first["outside_score"]) == (False, -0.5)
    assert (first["set"], second["outside"], second["set"]) == (["cat", "a|b"], None, None)
    assert first["top_k"] == [["cat", 0.75], ["dog", 0.25]]
    assert (second["label"], second["domain_1"], second["error"]) == (None, None, "not an image")


@pytest.mark.parametrize("output_format", ["csv", "jsonl"])
def test_where_the_model_abstains_the_class_is_missing_and_the_probability_is_not(output_format):
    row = Row("a.png", (("cat", 0.4), ("dog", 0.3)), (1.0, 0.0), abstained=True)
    text = written(output_format, [row])
    assert "cat" not in text and "dog" not in text and "0.4" in text


def test_a_file_keeps_the_rows_so_far_under_another_name(tmp_path):
    def stopped():
        yield ROWS[0]
        raise KeyboardInterrupt

    out = tmp_path / "answers.csv"
    with pytest.raises(KeyboardInterrupt):
        write_rows(stopped(), out, "csv", n_domains=2, top_k=2, flush_every=9)
    assert not out.exists()
    assert len(part_of(out).read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "output_format", "way"),
    [
        ("x.parquet", "csv", "give format='parquet', or another ending"),
        ("x.JSONL", "csv", "give format='jsonl', or another ending"),
        ("x.csv", "jsonl", "give format='csv', or another ending"),
        ("x.xlsx", "csv", "give a file that ends in .csv"),
        ("x.csv.gz", "csv", "give a file that ends in .csv"),
    ],
)
def test_a_file_that_ends_like_one_of_another_format_is_refused(tmp_path, name, output_format, way):
    with pytest.raises(SettingsError, match=rf"but {output_format} is written; ") as caught:
        check_destination(output_format, tmp_path / name)
    assert way in str(caught.value) and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x.csv", "x.CSV", "x", "x.txt", "x.tsv"])
def test_other_endings_are_left_to_the_person(tmp_path, name):
    check_destination("csv", tmp_path / name)


def test_a_folder_and_an_unknown_format_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="is a folder"):
        check_destination("csv", tmp_path)
    with pytest.raises(SettingsError, match="'xml'"):
        check_destination("xml", None)
