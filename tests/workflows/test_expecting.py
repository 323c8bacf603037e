"""What to expect at a new site, from photos without labels."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ldpf import workflows
from ldpf.errors import DataError, ModelError
from ldpf.expectation.accuracies import HeldOut
from ldpf.expectation.estimators.base import ESTIMATORS
from ldpf.features.inputs import to_features
from ldpf.workflows.inputs import load_trained


@pytest.fixture
def photos(draw, tmp_path: Path) -> Path:
    """Photos of a site in no folders of classes."""
    folder = tmp_path / "site" / "card"
    folder.mkdir(parents=True)
    for i, file in enumerate(sorted(draw(tmp_path / "drawn").rglob("*.png"))):
        shutil.copy(file, folder / f"{i:03d}.png")
    return folder.parent


def test_the_estimate_is_that_of_the_model_by_every_estimator(model, photos):
    result = workflows.expect(model, photos)
    trained = load_trained(model)
    files = sorted(photos.rglob("*.png"))
    features = to_features(files, trained.backbone)
    said = trained.classifier.expectation.estimate(trained.classifier, features)
    assert result.estimate.n == len(files)
    assert set(result.estimate.by_estimator) == set(ESTIMATORS)
    assert result.estimate.accuracy == pytest.approx(said.accuracy, abs=1e-6)
    assert result.estimate.low <= result.estimate.accuracy <= result.estimate.high


def test_labels_are_not_looked_at(model, images, tmp_path):
    right = workflows.expect(model, images).to_json()
    wrong = tmp_path / "wrong"
    names = sorted(folder.name for folder in next(iter(images.iterdir())).iterdir())
    for domain in images.iterdir():
        for name, other in zip(names, names[1:] + names[:1], strict=True):
            shutil.copytree(domain / name, wrong / domain.name / other)
    swapped = workflows.expect(model, wrong).to_json()
    assert swapped["accuracy"] == pytest.approx(right["accuracy"], abs=1e-6)


@pytest.mark.slow
def test_embeddings_are_photos_too(model, photos, tmp_path):
    trained = load_trained(model)
    features = to_features(sorted(photos.rglob("*.png")), trained.backbone)
    np.save(tmp_path / "site.npy", features.numpy())
    result = workflows.expect(model, tmp_path / "site.npy")
    assert result.estimate.accuracy == pytest.approx(
        workflows.expect(model, photos).estimate.accuracy, abs=1e-6
    )
    np.save(tmp_path / "small.npy", features.numpy()[:, :5])
    with pytest.raises(DataError, match=r"hold 5 numbers each, but the model's .* hold 16"):
        workflows.expect(model, tmp_path / "small.npy")


def test_embeddings_without_a_direction_are_left_out(model, photos, tmp_path, caplog):
    trained = load_trained(model)
    features = to_features(sorted(photos.rglob("*.png")), trained.backbone).numpy()
    np.save(tmp_path / "whole.npy", features)
    odd = np.stack([np.full(16, np.nan), np.zeros(16)]).astype(np.float32)
    np.save(tmp_path / "odd.npy", np.concatenate([features, odd]))
    said = workflows.expect(model, tmp_path / "odd.npy")
    assert said.estimate == workflows.expect(model, tmp_path / "whole.npy").estimate
    assert "left out 2 embeddings" in caplog.text


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_table_of_paths_alone_is_photos(model, photos, tmp_path, ending):
    files = [str(file) for file in sorted(photos.rglob("*.png"))]
    table = tmp_path / f"paths{ending}"
    if ending == ".parquet":
        pq = pytest.importorskip("pyarrow.parquet")
        pq.write_table(pytest.importorskip("pyarrow").table({"path": files}), table)
    elif ending == ".jsonl":
        table.write_text("".join(json.dumps({"path": file}) + "\n" for file in files))
    else:
        table.write_text("\n".join(["path", *files]) + "\n")
    said, expected = workflows.expect(model, table), workflows.expect(model, photos)
    assert said.estimate == expected.estimate


def test_bad_labels_of_a_table_are_not_looked_at(model, photos, tmp_path):
    files = sorted(photos.rglob("*.png"))
    table = tmp_path / "half.csv"
    rows = [f"{file},{'cat' if i else ''}" for i, file in enumerate(files)]
    table.write_text("\n".join(["path,label", *rows]) + "\n")
    assert workflows.expect(model, table).estimate.n == len(files)


def test_several_paths_and_a_list_are_one_site(model, photos, tmp_path):
    files = sorted(photos.rglob("*.png"))
    whole = workflows.expect(model, photos).estimate
    table = tmp_path / "rest.csv"
    table.write_text("\n".join(["path", *map(str, files[1:])]) + "\n")
    assert workflows.expect(model, files).estimate == whole
    assert workflows.expect(model, [files[0], table]).estimate == whole
    assert workflows.expect(model, [photos, files[0]]).estimate == whole  # each file once
    lines = [f"{file}\n".encode() for file in files]
    assert workflows.expect(model, "-", listed=lines).estimate == whole
    assert workflows.expect(model, files[0]).estimate.n == 1


def test_embeddings_in_several_files_are_one_site(model, photos, tmp_path):
    trained = load_trained(model)
    features = to_features(sorted(photos.rglob("*.png")), trained.backbone).numpy()
    np.save(tmp_path / "a.npy", features[:7])
    np.save(tmp_path / "b.npy", features[7:])
    result = workflows.expect(model, [tmp_path / "a.npy", tmp_path / "b.npy"])
    assert result.estimate.n == len(features)
    with pytest.raises(DataError, match=r"a\.npy holds embeddings, but .*site does not"):
        workflows.expect(model, [tmp_path / "a.npy", photos])


def test_a_file_that_is_gone_from_a_table_is_left_out(model, photos, tmp_path, caplog):
    files = sorted(photos.rglob("*.png"))
    table = tmp_path / "paths.csv"
    table.write_text("\n".join(["path", *map(str, files), "gone.png"]) + "\n")
    assert workflows.expect(model, table).estimate.n == len(files)
    assert "left out 1 image that cannot be used" in caplog.text


def test_no_path_at_all_is_refused(model):
    with pytest.raises(DataError, match=r"photos=\[\] should hold one path or more"):
        workflows.expect(model, [])
    with pytest.raises(DataError, match="No paths came in on standard input"):
        workflows.expect(model, "-")


def test_folders_of_other_classes_are_photos_without_labels(model, photos, caplog):
    (photos / "card").rename(photos / "cat")
    shutil.copytree(photos / "cat", photos / "no class of the model")
    result = workflows.expect(model, photos)
    assert result.estimate.n == len(list(photos.rglob("*.png")))
    assert "classes" not in caplog.text


def test_photos_of_the_training_are_near_and_others_have_distances(model, images, photos):
    own = workflows.expect(model, images)
    assert set(own.distances) == set(workflows.expect(model, photos).distances)
    assert not own.far


def test_photos_that_cannot_be_read_are_left_out(model, photos, caplog):
    n = workflows.expect(model, photos).estimate.n
    (photos / "broken.png").write_bytes(b"no picture")
    assert workflows.expect(model, photos).estimate.n == n
    assert "left out 1 image that cannot be used" in caplog.text


def test_no_photos_are_refused(model, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images"):
        workflows.expect(model, tmp_path / "empty")


def test_a_model_of_before_is_refused_in_one_sentence(model, photos, tmp_path):
    old = shutil.copytree(model, tmp_path / "old")
    config = json.loads((old / "config.json").read_text())
    del config["expectation"]
    (old / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="keeps nothing of what to expect of it"):
        workflows.expect(old, photos)


def test_few_photos_are_said_to_be_few(model, photos):
    for file in sorted(photos.rglob("*.png"))[10:]:
        file.unlink()
    advice = workflows.expect(model, photos).advice
    assert advice[0] == "Give 50 photos or more of the site; 10 photos cannot tell much."
    assert not any("points here" in sentence for sentence in advice)


def test_of_a_table_with_a_split_the_rows_marked_test_are_the_photos(model, images, tmp_path):
    files = sorted(images.rglob("*.png"))
    rows = [
        f"{file},{'x' if i % 2 else 'y'},{'test' if i < 20 else 'train'}"
        for i, file in enumerate(files)
    ]
    table = tmp_path / "site.csv"
    table.write_text("\n".join(["path,label,split", *rows]) + "\n")
    assert workflows.expect(model, table).estimate.n == 20


def test_all_that_is_advised_in_one_view(model, photos, golden):
    seen = workflows.expect(model, photos)
    held_out = HeldOut(90, 100)
    sites = [
        replace(
            seen,
            model=Path("my model"),
            photos="photos",
            expectation=replace(seen.expectation, held_out=held_out),
            estimate=replace(seen.estimate, n=n, accuracy=accuracy),
            n_outside=n_outside,
            counts={"cat": 1.0, "dog": 0.2, "house": 90.0},
            missing=missing,
        )
        for n, accuracy, n_outside, missing in [
            (100, 0.88, 0, ()),
            (10, 0.88, 0, ()),
            (100, 0.6, 40, ("dog",)),
            (100, 0.88, 0, ("cat", "dog")),
        ]
    ]
    golden([sentence for site in sites for sentence in (*site.advice, site.missing_words or "-")])
