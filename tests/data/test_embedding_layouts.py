"""Embeddings in the layout of clip-retrieval, in and out."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
import torch

from ldpf import workflows
from ldpf.data import load_dataset
from ldpf.data.embedding_layouts import clip_retrieval
from ldpf.data.embedding_layouts.clip_retrieval import write_clip_retrieval
from ldpf.data.embeddings import has_embeddings, list_unlabeled
from ldpf.errors import DataError, SettingsError
from ldpf.features.extract import extract_features

DRAWS = np.random.default_rng(0)


@pytest.fixture
def made_elsewhere(tmp_path):
    """A folder as clip-retrieval writes it, of two parts with 5 and 3 rows."""
    folder = tmp_path / "elsewhere"
    for name in ("img_emb", "metadata"):
        (folder / name).mkdir(parents=True)
    for part, count in enumerate((5, 3)):
        np.save(
            folder / f"img_emb/img_emb_{part}.npy", DRAWS.standard_normal((count, 16), np.float32)
        )
        table = pd.DataFrame(
            {
                "image_path": [f"shots/{part}-{i}.jpg" for i in range(count)],
                "caption": [f"picture {i}" for i in range(count)],
                "label": [("cat", "dog")[i % 2] for i in range(count)],
                "width": range(count),
            }
        )
        table.to_parquet(folder / f"metadata/metadata_{part}.parquet")
    return folder


def change(folder, part, edit):
    file = folder / f"metadata/metadata_{part}.parquet"
    edit(pd.read_parquet(file)).to_parquet(file)


def test_rows_of_all_parts_come_in_order(made_elsewhere):
    dataset = load_dataset(made_elsewhere)
    assert dataset.name == "elsewhere" and dataset.root == made_elsewhere
    assert dataset.paths[0] == "shots/0-0.jpg" and dataset.paths[-1] == "shots/1-2.jpg"
    assert dataset.class_names == ("cat", "dog")
    assert dataset.labels.tolist() == [0, 1, 0, 1, 0, 0, 1, 0]
    parts = [np.load(made_elsewhere / f"img_emb/img_emb_{part}.npy") for part in (0, 1)]
    assert np.array_equal(dataset.embeddings, np.concatenate(parts))


def test_numbers_order_the_parts(made_elsewhere):
    for name in ("img_emb/img_emb_{}.npy", "metadata/metadata_{}.parquet"):
        (made_elsewhere / name.format(1)).rename(made_elsewhere / name.format(10))
        (made_elsewhere / name.format(0)).rename(made_elsewhere / name.format(9))
    assert load_dataset(made_elsewhere).paths[0] == "shots/0-0.jpg"


def test_domain_split_and_group_are_read_where_they_are(made_elsewhere):
    for part in (0, 1):
        change(made_elsewhere, part, lambda t: t.assign(domain="day", split="train", group="g"))
    dataset = load_dataset(made_elsewhere)
    assert dataset.domain_names == ("day",) and set(dataset.splits) == {"train"}
    assert dataset.groups.tolist() == ["g"] * 8


def test_without_labels_there_is_nothing_to_train_on_but_names_to_predict(made_elsewhere):
    for part in (0, 1):
        change(made_elsewhere, part, lambda t: t.drop(columns="label"))
    with pytest.raises(DataError, match=r"metadata_0.parquet has no column 'label'.*caption"):
        load_dataset(made_elsewhere)
    names, embeddings = list_unlabeled(made_elsewhere)
    assert names[0] == "shots/0-0.jpg" and embeddings.shape == (8, 16)


def test_names_are_row_numbers_where_no_path_is_known(made_elsewhere):
    change(made_elsewhere, 0, lambda t: t.drop(columns="image_path"))
    names, _ = list_unlabeled(made_elsewhere)
    assert names[0] == f"{made_elsewhere}/img_emb/img_emb_0.npy:0" and names[5] == "shots/1-0.jpg"


def test_a_part_without_counterpart_is_named(made_elsewhere):
    (made_elsewhere / "metadata/metadata_1.parquet").unlink()
    with pytest.raises(DataError, match=r"img_emb/img_emb_1.npy has no counterpart"):
        load_dataset(made_elsewhere)


def test_parts_of_different_lengths_are_refused_with_both_numbers(made_elsewhere):
    change(made_elsewhere, 1, lambda t: t.iloc[:2])
    with pytest.raises(DataError, match=r"img_emb_1.npy has 3 rows, but .*_1.parquet has 2"):
        load_dataset(made_elsewhere)
    with pytest.raises(DataError, match=r"img_emb_1.npy has 3 rows, but .*_1.parquet has 2"):
        list_unlabeled(made_elsewhere)


def test_parts_of_different_sizes_are_refused(made_elsewhere):
    np.save(made_elsewhere / "img_emb/img_emb_1.npy", np.ones((3, 8), np.float32))
    with pytest.raises(DataError, match=r"embeddings of 16 numbers, and .*img_emb_1.npy of 8"):
        load_dataset(made_elsewhere)
    with pytest.raises(DataError, match=r"embeddings of 16 numbers, and .*img_emb_1.npy of 8"):
        list_unlabeled(made_elsewhere)


def test_parts_of_different_columns_are_refused(made_elsewhere):
    change(made_elsewhere, 1, lambda t: t.assign(domain="day"))
    with pytest.raises(DataError, match="different columns: only one has domain"):
        load_dataset(made_elsewhere)


def test_two_files_of_one_number_are_refused(made_elsewhere):
    np.save(made_elsewhere / "img_emb/img_emb_01.npy", np.ones((3, 16), np.float32))
    with pytest.raises(DataError, match=r"img_emb_01.npy and .*img_emb_1.npy have the same number"):
        load_dataset(made_elsewhere)


def test_a_damaged_array_is_refused(made_elsewhere):
    (made_elsewhere / "img_emb/img_emb_1.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match=r"cannot read the array .*img_emb_1.npy"):
        load_dataset(made_elsewhere)


def test_a_folder_of_images_holds_no_embeddings(image_tree):
    assert not has_embeddings(image_tree({"img_emb/cat": 1}))


def test_what_is_written_is_read_back(make_features, tmp_path, monkeypatch, tiny_backbone):
    monkeypatch.setattr(clip_retrieval, "ROWS", 30)
    features = make_features(images_each=8)
    written = write_clip_retrieval(tmp_path, features, tmp_path / "photos")
    assert len(written) == 2 * 3
    back = extract_features(load_dataset(tmp_path), tiny_backbone)
    assert back.paths == tuple(f"photos/{path}" for path in features.paths)
    assert back.class_names == features.class_names and torch.equal(back.labels, features.labels)
    names = [[s.domain_names[d] for d in s.domains] for s in (back, features)]
    assert names[0] == names[1]
    assert torch.allclose(back.features, features.features, atol=1e-6)


@pytest.mark.slow
def test_features_out_and_in_again_train_the_same_model(images, tiny_clip_folder, tmp_path):
    backbone = str(tiny_clip_folder)
    workflows.encode(images, backbone, out=tmp_path / "features")
    direct = workflows.evaluate(
        workflows.train(images, tmp_path / "a", backbone=backbone, method="linear-probe").model,
        images,
    )
    model = workflows.train(
        tmp_path / "features", tmp_path / "b", backbone=backbone, method="linear-probe"
    ).model
    again = workflows.evaluate(model, tmp_path / "features")
    assert again.accuracy == direct.accuracy
    rows = list(workflows.predict(model, tmp_path / "features"))
    assert len(rows) == 54 and rows[0].path == str(images / "art/cat/0.png")


def test_without_pyarrow_nothing_is_encoded(images, tiny_backbone, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DataError, match="needs pyarrow; install it with"):
        workflows.encode(images, tiny_backbone, out=tmp_path / "features")
    assert not tiny_backbone.preprocessed


def test_a_folder_that_holds_other_files_is_not_written_to(images, tiny_backbone, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SettingsError, match="is not empty and holds no features"):
        workflows.encode(images, tiny_backbone, out=tmp_path)
    with pytest.raises(SettingsError, match="out "):
        workflows.encode(images, tiny_backbone, out=images / "features")
