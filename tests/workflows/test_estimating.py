"""`--estimate`: what is counted is what the job then counts, and the job is not done."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from ldpf import workflows
from ldpf.cli import app
from ldpf.errors import DataError, SettingsError
from ldpf.utils.span import Span
from ldpf.workflows.estimates import Estimate
from ldpf.workflows.source import DataSource

SHORT = {"recipe.max_steps": 30, "length": 2}
COMPARED = {"methods": ["zero-shot", "coop"], "settings": SHORT, "seeds": 2, "jobs": 1}


@pytest.fixture
def source(images, session_settings, tmp_path):
    return DataSource(images, cache_dir=tmp_path / "cache")


def everything_below(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_a_benchmark_has_the_counted_runs_and_text_passes(source, tiny_clip_folder, tmp_path):
    out = tmp_path / "results"
    call = {"backbone": tiny_clip_folder, **COMPARED}
    told = workflows.estimate_benchmark(source, out, **call)
    assert not out.exists()
    assert not list((tmp_path / "cache").rglob("shard-*"))
    assert told.to_encode == told.images == 54
    done = workflows.benchmark(source, out, **call)
    assert told.runs == len(done.lines) == 2 * 2 * 3
    counted = sum(line["text_passes"] for line in done.lines)
    # Trainings in folds, for calibration, take passes that a line does not count.
    assert told.text_passes.low >= counted
    assert told.disk_mib.low <= size_mib(out / "runs") <= told.disk_mib.high * 1.2


@pytest.mark.slow
def test_finished_runs_are_not_counted_again(source, tiny_clip_folder, tmp_path):
    call = {"backbone": tiny_clip_folder, **COMPARED}
    workflows.benchmark(source, tmp_path / "out", **{**call, "seeds": 1})
    told = workflows.estimate_benchmark(source, tmp_path / "out", **call)
    assert (told.runs, told.runs_done, told.to_encode) == (12, 6, 0)
    all_of_them = workflows.estimate_benchmark(source, tmp_path / "other", **call)
    assert all_of_them.text_passes == told.text_passes * 2


def test_a_shard_has_its_own_runs(source, tiny_clip_folder, tmp_path):
    call = {"backbone": tiny_clip_folder, **COMPARED, "methods": ["zero-shot"], "settings": {}}
    runs = [
        workflows.estimate_benchmark(source, tmp_path / "out", shard=f"{i}/5", **call).runs
        for i in range(1, 6)
    ]
    assert sorted(runs) == [1, 1, 1, 1, 2]


def test_a_training_has_the_counted_text_passes(source, tiny_clip_folder, tmp_path):
    settings = {"recipe.max_steps": 30, "specific_length": 2}
    call = {"backbone": tiny_clip_folder, "method": "ldpf", "settings": settings, "advice": False}
    told = workflows.estimate_training(source, **call)
    done = workflows.train(source, tmp_path / "model", **call)
    passes = done.classifier.training["text_passes"]
    assert told.text_passes == Span(passes, passes)
    assert told.to_encode == 54
    again = workflows.estimate_training(source, **call)
    assert (again.to_encode, again.images_per_second) == (0, None)


def test_images_to_encode_are_counted_and_the_cache_stays_as_it_is(
    source, tiny_clip_folder, tmp_path
):
    told = workflows.estimate_encoding(source, tiny_clip_folder)
    assert (told.images, told.to_encode) == (54, 54)
    assert not everything_below(tmp_path)
    workflows.encode(source, tiny_clip_folder)
    before = everything_below(tmp_path)
    written = sum(file.stat().st_size for file in before) / 2**20
    assert told.disk_mib.low <= written <= told.disk_mib.high + 0.002
    assert workflows.estimate_encoding(source, tiny_clip_folder).to_encode == 0
    assert everything_below(tmp_path) == before
    parts = [workflows.estimate_encoding(source, tiny_clip_folder, shard=f"{i}/2") for i in (1, 2)]
    assert sum(part.images for part in parts) == 54


def test_predictions_are_counted_and_their_file_is_as_large_as_told(model, images, tmp_path):
    told = workflows.estimate_prediction(model, [images])
    assert told.images == 54
    rows = workflows.predict(model, [images])
    rows.write(tmp_path / "rows.csv")
    size = (tmp_path / "rows.csv").stat().st_size / 2**20
    assert told.disk_mib.low <= size <= told.disk_mib.high
    halves = [workflows.estimate_prediction(model, [images], shard=f"{i}/2") for i in (1, 2)]
    assert sum(half.images for half in halves) == 54


def test_embeddings_are_counted_by_rows(model, tmp_path):
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(70, 16)).astype("f4"))
    assert workflows.estimate_prediction(model, [tmp_path / "rows.npy"]).images == 70


def test_what_cannot_be_is_refused_as_by_the_job(source, model, tiny_clip_folder, tmp_path):
    with pytest.raises(SettingsError, match="'copo'"):
        workflows.estimate_benchmark(source, methods=["copo"])
    with pytest.raises(SettingsError, match="temperature"):
        workflows.estimate_training(source, backbone=tiny_clip_folder, settings={"temperature": 1})
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images"):
        workflows.estimate_prediction(model, [tmp_path / "empty"])


@pytest.mark.parametrize(
    "command",
    [
        ("features",),
        ("train", "--out", "model", "--set", "recipe.max_steps=20", "--no-advice"),
        ("benchmark", "--out", "out", "--methods", "zero-shot", "--jobs", "1"),
    ],
    ids=lambda command: command[0],
)
def test_commands_print_ranges_and_do_nothing(
    command, images, tiny_clip_folder, session_settings, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = [command[0], str(images), "--backbone", str(tiny_clip_folder), *command[1:]]
    words += ["--cache-dir", "cache", "--estimate"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    for name in ("images", "time", "memory", "disk"):
        assert f"  {name} " in result.stdout
    document = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert document["images"] == 54
    assert 0 < document["seconds"][0] <= document["seconds"][1]
    assert not everything_below(tmp_path)


def test_predict_prints_its_estimate(model, images, tmp_path):
    out = tmp_path / "rows.csv"
    words = ["predict", str(model), str(images), "--out", str(out), "--estimate"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "  images" in result.stdout
    assert not out.exists()


def test_words_are_ranges():
    estimate = Estimate(
        "benchmark",
        seconds=Span(3600, 7200),
        memory_mib=Span(500, 2048),
        disk_mib=Span(0, 0),
        images=1_000,
        to_encode=400,
        images_per_second=Span(20.04, 25),
        runs=12,
        runs_done=2,
        jobs=2,
        text_passes=Span(6_000, 6_000),
    )
    assert estimate.rows() == [
        ("images", "1,000, 400 to encode, 20.0 to 25.0 a second"),
        ("runs", "12, 2 of them done before, 2 side by side"),
        ("text passes", "6,000"),
        ("time", "60 min to 2 h 00 min"),
        ("memory", "500 MiB to 2.0 GiB"),
        ("disk", "none"),
    ]


def size_mib(folder):
    return sum(file.stat().st_size for file in everything_below(folder)) / 2**20
