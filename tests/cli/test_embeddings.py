"""Commands on embeddings that were computed elsewhere, without any image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def embeddings(images: Path, tiny_clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images of the other tests as an array and a table beside it; no path leads anywhere."""
    from ldpf.data import load_dataset
    from ldpf.features.extract import extract_features

    folder = tmp_path_factory.mktemp("embeddings")
    features = extract_features(
        load_dataset(images), tiny_clip, cache_dir=folder / "cache", progress=False
    )
    np.save(folder / "shapes.npy", 3 * features.features.numpy())
    rows = zip(features.labels.tolist(), features.domains.tolist(), strict=True)
    lines = [f"{features.class_names[k]},{features.domain_names[d]}" for k, d in rows]
    (folder / "shapes.csv").write_text("\n".join(["label,domain", *lines]) + "\n")
    return folder / "shapes.npy"


def test_training_on_embeddings_is_training_on_their_images(
    embeddings, model, tiny_clip_folder, tmp_path, run
):
    out = tmp_path / "model"
    result = run("train", "--data", embeddings, "--backbone", tiny_clip_folder, "--out", out)
    assert result.exit_code == 0, result.stderr
    of_images, of_embeddings = (
        json.loads(run("evaluate", one, "--data", embeddings, "--json").stdout)
        for one in (model, out)
    )
    assert of_embeddings["n_test"] == 54
    assert of_embeddings["accuracy"] == pytest.approx(of_images["accuracy"], abs=0.06)


def test_a_benchmark_needs_no_image(embeddings, tiny_clip_folder, tmp_path, run):
    result = run(
        *("benchmark", "--data", embeddings, "--backbone", tiny_clip_folder, "--seeds", 1),
        *("--methods", "zero-shot,gda", "--out", tmp_path / "results", "--json"),
    )
    assert result.exit_code == 0, result.stderr
    lines = json.loads(result.stdout)["results"]
    assert {line["target"] for line in lines} == {"art", "photo", "sketch"}
    assert {line["method"] for line in lines} == {"zero-shot", "gda"}


def test_domains_are_tabled_and_pictures_left_gray(embeddings, tiny_clip_folder, tmp_path, run):
    result = run(
        *("domains", "--data", embeddings, "--backbone", tiny_clip_folder),
        *("--out", tmp_path / "domains"),
    )
    assert result.exit_code == 0, result.stderr
    assert len((tmp_path / "domains" / "domains.csv").read_text().splitlines()) == 55


def test_another_backbone_is_refused(embeddings, tmp_path, run):
    result = run("train", embeddings, "--backbone", "nano", "--out", tmp_path / "model")
    assert result.exit_code == 2
    assert (
        "Error: the embeddings of 'shapes' hold 16 numbers each, but image features of backbone "
        "'nano' hold "
    ) in result.stderr


def test_there_is_nothing_to_encode(embeddings, run):
    result = run("features", "--data", embeddings)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        f"Error: {embeddings} holds embeddings; there is no image to encode."
    )


# --- predict ------------------------------------------------------------------------------------


def predicted(result):
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_embeddings_get_the_answers_of_their_images(embeddings, model, images, run):
    files = sorted(path for path in images.rglob("*.png"))
    of_images = predicted(run("predict", model, *files, "--format", "jsonl"))
    of_rows = predicted(run("predict", model, embeddings, "--format", "jsonl"))
    assert [one["label"] for one in of_rows] == [one["label"] for one in of_images]
    assert [one["probability"] for one in of_rows] == pytest.approx(
        [one["probability"] for one in of_images], abs=1e-4
    )
    assert of_rows[3]["path"] == f"{embeddings}:3"


def test_parquet_rows_are_named_by_their_path(embeddings, model, tmp_path, run):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = np.load(embeddings)[:2]
    table = pa.table({"embedding": rows.tolist(), "path": ["one.jpg", "two.jpg"]})
    pq.write_table(table, tmp_path / "rows.parquet")
    found = predicted(run("predict", model, tmp_path / "rows.parquet", "--format", "jsonl"))
    assert [one["path"] for one in found] == ["one.jpg", "two.jpg"]


def test_a_row_that_is_no_feature_gets_its_error_and_the_others_their_answers(
    embeddings, model, tmp_path, run
):
    rows = np.load(embeddings)[:3]
    rows[1] = np.nan
    np.save(tmp_path / "rows.npy", rows)
    result = run("predict", model, tmp_path / "rows.npy", "--format", "jsonl")
    assert result.exit_code == 1
    errors = [json.loads(line)["error"] for line in result.stdout.splitlines()]
    assert errors == [None, "holds NaN or infinite values, or zeros only", None]


def test_embeddings_of_another_size_are_refused_and_nothing_is_written(model, tmp_path, run):
    np.save(tmp_path / "rows.npy", np.ones((2, 5)))
    result = run("predict", model, tmp_path / "rows.npy", "--out", tmp_path / "out.csv")
    assert result.exit_code == 2
    assert f"Error: The embeddings in {tmp_path / 'rows.npy'} hold 5 numbers each, but" in (
        result.stderr
    )
    assert not list(tmp_path.glob("out.csv*"))


def test_images_and_embeddings_are_not_mixed(embeddings, model, images, run):
    result = run("predict", model, embeddings, images)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {embeddings} holds embeddings, but {images} does not; give images and "
        "embeddings one after the other.\n"
    )
