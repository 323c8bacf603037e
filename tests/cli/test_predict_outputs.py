"""Where `ldpf predict` writes: Parquet, streams that end early, files."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from ldpf.workflows.predictor import Predictor


@pytest.fixture
def parquet():
    return pytest.importorskip("pyarrow.parquet", reason="needs pyarrow, which is an extra")


@pytest.mark.slow
def test_parquet_has_the_columns_and_values_of_csv(
    model, images, tmp_path, run, parquet, read_rows
):
    (tmp_path / "broken.png").write_bytes(b"no image")
    given = (model, images / "art", tmp_path / "broken.png", "--top-k", 2)
    out = tmp_path / "answers.parquet"
    result = run("predict", *given, "--format", "parquet", "--out", out)
    assert (result.exit_code, result.stdout) == (1, "")
    table = parquet.read_table(out)
    plain = read_rows(run("predict", *given).stdout)
    assert table.column_names == list(plain[0])
    assert len(plain) == table.num_rows == 19
    for row, expected in zip(table.to_pylist(), plain, strict=True):
        for name, text in expected.items():
            if isinstance(row[name], float):
                assert row[name] == pytest.approx(float(text), abs=1e-6)
            elif isinstance(row[name], bool):
                assert text == str(row[name]).lower()
            elif isinstance(row[name], list):
                assert "|".join(row[name]) == text
            else:
                assert (row[name] or "") == text


def test_parquet_is_written_in_groups_of_rows(model, images, tmp_path, run, parquet, monkeypatch):
    monkeypatch.setattr("ldpf.workflows.writers.ROW_GROUP", 7)
    out = tmp_path / "answers.parquet"
    run("predict", model, images / "art", "--format", "parquet", "--out", out)
    file = parquet.ParquetFile(out)
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sizes == [7, 7, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["answers.parquet"]


def test_ctrl_c_leaves_a_parquet_file_that_can_be_read(
    model, images, tmp_path, run, parquet, monkeypatch
):
    real = Predictor.rows

    def stopped(self, files):
        for i, row in enumerate(real(self, files)):
            if i == 3:
                raise KeyboardInterrupt
            yield row

    monkeypatch.setattr(Predictor, "rows", stopped)
    out = tmp_path / "answers.parquet"
    assert run("predict", model, images, "--format", "parquet", "--out", out).exit_code == 130
    assert not out.exists()
    assert parquet.read_table(f"{out}.part").num_rows == 3


def test_names_that_are_no_utf8_are_escaped_in_parquet(model, images, tmp_path, run, parquet):
    new = tmp_path / "new"
    new.mkdir()
    name = os.fsencode(new) + b"/caf\xe9.png"
    Path(os.fsdecode(name)).write_bytes((images / "art" / "cat" / "0.png").read_bytes())
    out = tmp_path / "answers.parquet"
    assert run("predict", model, new, "--format", "parquet", "--out", out).exit_code == 0
    assert parquet.read_table(out)["path"].to_pylist() == [f"{new}/caf\\xe9.png"]


def test_parquet_needs_a_file(model, images, run, parquet):
    result = run("predict", model, images, "--format", "parquet")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == ("Error: A Parquet file cannot be printed; name it with --out FILE.\n")


def test_parquet_without_pyarrow_says_what_to_install(model, images, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    result = run("predict", model, images, "--format", "parquet", "--out", "x")
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: --format parquet needs pyarrow; install it with: pip install 'ldpf[parquet]'\n"
    )


def test_a_file_takes_its_name_only_when_it_is_complete(
    model, images, tmp_path, run, monkeypatch, read_rows
):
    out = tmp_path / "new" / "answers.csv"
    seen = []
    real = Predictor.rows

    def watched(self, files):
        for row in real(self, files):
            seen.append((out.exists(), out.with_name("answers.csv.part").exists()))
            yield row

    monkeypatch.setattr(Predictor, "rows", watched)
    result = run("predict", model, images / "art", "--out", out)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert set(seen) == {(False, True)}
    assert [path.name for path in out.parent.iterdir()] == ["answers.csv"]
    assert len(read_rows(out.read_text())) == 18


def test_ctrl_c_leaves_the_rows_so_far(model, images, tmp_path, run, monkeypatch, read_rows):
    real = Predictor.rows

    def stopped(self, files):
        for i, row in enumerate(real(self, files)):
            if i == 3:
                raise KeyboardInterrupt
            yield row

    monkeypatch.setattr(Predictor, "rows", stopped)
    out = tmp_path / "answers.csv"
    result = run("predict", model, images, "--out", out)
    assert result.exit_code == 130
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Stopped after 3 images in ")
    assert last.endswith(f" The rows so far are in {out}.part.")
    assert len(read_rows((tmp_path / "answers.csv.part").read_text())) == 3
    assert not out.exists()


def test_an_output_that_cannot_be_written_is_an_error(model, images, tmp_path, run):
    result = run("predict", model, images, "--out", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {str(tmp_path)!r} is a folder; give a file in it with --out.\n"
    (tmp_path / "file").write_text("x")
    result = run("predict", model, images, "--out", tmp_path / "file" / "answers.csv")
    assert result.exit_code == 2
    out = str(tmp_path / "file" / "answers.csv")
    assert result.stderr == (
        f"Error: {out!r} cannot be written (Not a directory); give another place with --out.\n"
    )


@pytest.mark.slow
def test_a_reader_that_stops_early_ends_it_quietly(model, images, start):
    process = start("predict", model, "-", "--quiet")

    def feed() -> None:
        try:
            for _ in range(100_000):
                process.stdin.write(os.fsencode(images / "art" / "cat" / "0.png") + b"\n")
        except BrokenPipeError:
            pass  # it ended, as it should

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    header = process.stdout.readline()
    assert header.startswith(b"path,label"), process.stderr.read().decode()
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == b""


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_the_model_is_not_written_over(model, images, run, name):
    before = (model / name).read_bytes()
    result = run("predict", model, images / "art", "--out", model / name)
    assert result.exit_code == 2
    assert f"{name}' is read here, and would be lost; give another file with --out" in result.stderr
    result = run("export", model, "--out", model / name, "--overwrite")
    assert result.exit_code == 2 and "is read here, and would be lost" in result.stderr
    assert (model / name).read_bytes() == before
