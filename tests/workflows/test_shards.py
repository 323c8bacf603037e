"""`shard=` of benchmark, encode and predict: parts of the work that together are all of it."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ldpf import workflows
from ldpf.errors import SettingsError
from ldpf.experiments.results import read_results
from ldpf.report.tables.reading import read_folders
from ldpf.utils.locks import locked_folder
from ldpf.utils.shards import Shard

METHODS = ["zero-shot", "coop", "gda"]


@pytest.fixture(scope="module")
def compare(images, tiny_clip_folder, session_settings):
    """A function that runs a small benchmark, or a shard of it."""

    def call(out: Path, **options):
        return workflows.benchmark(
            images,
            out,
            methods=METHODS,
            backbone=tiny_clip_folder,
            targets=["art", "photo"],
            seeds=1,
            jobs=1,
            **options,
        )

    return call


def without_times(lines):
    times = ("seconds", "peak_memory_mib")
    return [{k: v for k, v in line.items() if k not in times} for line in lines]


@pytest.mark.slow
def test_shards_of_one_folder_end_with_the_results_of_one_process(compare, tmp_path):
    whole = compare(tmp_path / "whole")
    shared = tmp_path / "shared"
    begun = []
    for i in (1, 2, 3, 4):
        result = compare(shared, shard=f"{i}/4")
        begun.append({run.name for run in (shared / "runs").iterdir()})
        assert len(result.lines) == len(begun[-1])
    assert [len(runs) for runs in begun] == [2, 4, 5, 6]
    assert without_times(result.lines) == without_times(whole.lines)
    assert without_times(read_results(shared / "results.jsonl")) == without_times(whole.lines)
    assert [r.cells for r in result.table.rows] == [r.cells for r in whole.table.rows]
    assert (shared / "table.md").read_text() == result.table.to_markdown()
    assert {entry.name for entry in shared.iterdir()} == {"runs", "results.jsonl", "table.md"}


@pytest.mark.slow
def test_a_table_of_a_part_says_so(compare, tmp_path):
    part = compare(tmp_path / "out", shard="1/2")
    assert "3 of 6 runs are finished." in part.table.caption
    assert len(part.lines) == 3
    whole = compare(tmp_path / "out", shard=Shard(2, 2))
    assert not [line for line in whole.table.caption if "are finished" in line]


@pytest.mark.slow
def test_folders_of_shards_make_one_table(compare, tmp_path):
    folders = [tmp_path / str(i) for i in (1, 2)]
    for i, folder in enumerate(folders, start=1):
        compare(folder, shard=f"{i}/2")
    whole = compare(tmp_path / "whole")
    (table,) = workflows.tabulate(folders, methods=METHODS, targets=["art", "photo"])
    assert [row.cells for row in table.rows] == [row.cells for row in whole.table.rows]


@pytest.mark.slow
def test_a_run_in_several_folders_counts_once(compare, tmp_path):
    whole = compare(tmp_path / "whole")
    part = compare(tmp_path / "part", shard="1/2")
    (table,) = workflows.tabulate([part.out, whole.out, part.out])
    (alone,) = workflows.tabulate(whole.out)
    cells = {row.method: row.cells for row in alone.rows}
    assert {row.method: row.cells for row in table.rows} == cells
    # Also where lines are counted, as for the machines that they come from.
    assert len(read_folders([part.out, whole.out, part.out])) == len(whole.lines) == 6


@pytest.mark.slow
def test_more_shards_than_runs_leave_some_without_work(compare, tmp_path):
    results = [compare(tmp_path, shard=f"{i}/8") for i in range(1, 9)]
    assert [len(result.lines) for result in results] == [1, 2, 3, 4, 5, 6, 6, 6]
    assert {result.failures for result in results} == {()}


@pytest.mark.slow
def test_a_shard_waits_for_no_folder_that_one_process_has_for_itself(compare, tmp_path):
    with locked_folder(tmp_path / "out"), pytest.raises(SettingsError) as caught:
        compare(tmp_path / "out", shard="1/2")
    assert str(caught.value).startswith(f"Another process is writing to {str(tmp_path / 'out')!r}")


def test_nothing_is_left_where_a_shard_is_refused(images, tmp_path):
    with pytest.raises(SettingsError, match="'copo'"):
        workflows.benchmark(images, tmp_path / "out", methods=["copo"], shard="1/2")
    with pytest.raises(Exception, match="'mars'"):
        workflows.benchmark(images, tmp_path / "out", targets=["mars"], shard="1/2")
    with pytest.raises(SettingsError, match="such as 2/8"):
        workflows.benchmark(images, tmp_path / "out", shard="first")
    assert not (tmp_path / "out").exists()


def test_shards_encode_every_image_once(images, tiny_clip, tmp_path):
    source = workflows.DataSource(images, cache_dir=tmp_path)
    parts = [workflows.encode(source, tiny_clip, shard=f"{i}/3") for i in (1, 2, 3)]
    assert [part.cached for part in parts] == [0, 0, 0]
    encoded = Counter(path for part in parts for path in part.features.paths)
    whole = workflows.encode(source, tiny_clip)
    assert (whole.encoded, whole.cached) == (0, 54)
    assert encoded == Counter(whole.features.paths)


@pytest.mark.slow
def test_a_shard_without_images_has_nothing_to_do(draw, tiny_clip, tmp_path):
    images = draw(tmp_path / "data", ("art",))
    source = workflows.DataSource(images, cache_dir=tmp_path / "cache")
    parts = [workflows.encode(source, tiny_clip, shard=f"{i}/100") for i in range(1, 101)]
    assert sum(part.encoded for part in parts) == 18
    assert 0 in {part.encoded for part in parts}
    assert all(part.to_json()["images"] == part.encoded for part in parts)


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_shards_answer_every_image_once_each_in_a_file_of_its_own(model, images, tmp_path):
    for i in (1, 2, 3):
        workflows.predict(model, images, shard=f"{i}/3").write(tmp_path / "rows.csv")
    names = [f"rows-{i}-of-3.csv" for i in (1, 2, 3)]
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    workflows.predict(model, images).write(tmp_path / "whole.csv")
    whole = rows_of(tmp_path / "whole.csv")
    parts = [rows_of(tmp_path / name) for name in names]
    assert all(parts)
    joined = {row["path"]: row["label"] for part in parts for row in part}
    assert sum(map(len, parts)) == len(whole) == 54
    assert joined == {row["path"]: row["label"] for row in whole}


@pytest.mark.slow
def test_embeddings_are_shared_out_by_row(model, images, tiny_clip, tmp_path):
    features = workflows.encode(images, tiny_clip).features.features.numpy()
    np.save(tmp_path / "e.npy", features)
    parts = [[r.path for r in workflows.predict(model, tmp_path / "e.npy", shard=f"{i}/3")]
             for i in (1, 2, 3)]  # fmt: skip
    whole = [row.path for row in workflows.predict(model, tmp_path / "e.npy")]
    assert Counter(path for part in parts for path in part) == Counter(whole)
    assert max(map(len, parts)) < len(whole) == 54


@pytest.mark.slow
def test_a_shard_calibrates_no_sets_on_its_part_of_a_site(model, images):
    with pytest.raises(SettingsError) as caught:
        workflows.predict(model, images, calibration="site", shard="1/2")
    assert "calibration='site' needs all images of a site" in str(caught.value)
    whole = workflows.predict(model, images, sets=0.8, calibration="worst-domain")
    sets = {row.path: row.classes for row in whole}
    for i in (1, 2):
        for row in workflows.predict(model, images, sets=0.8, shard=f"{i}/2"):
            assert row.classes == sets[row.path]
