from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ldpf.data import EmbeddedImages, load_dataset
from ldpf.data.embeddings import list_unlabeled
from ldpf.errors import DataError
from ldpf.features.extract import extract_features

pa = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow, which is an extra")
pq = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow, which is an extra")

VALUES = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)
TABLE = {
    "label": ["cat", "sea_lion", "cat", "sea_lion"],
    "domain": ["art", "art", "photo", "photo"],
}


def write_parquet(file: Path, embeddings, **columns) -> Path:
    pq.write_table(pa.table({**TABLE, **columns, "embedding": embeddings}), file)
    return file


def write_array(folder: Path, array, table: str) -> Path:
    np.save(folder / "features.npy", array)
    (folder / "features.csv").write_text(table)
    return folder / "features.npy"


CSV = "label,domain\ncat,art\nsea_lion,art\ncat,photo\nsea_lion,photo\n"


@pytest.fixture(params=["list", "fixed size list", "float64", "array"])
def file(request, tmp_path) -> Path:
    if request.param == "array":
        return write_array(tmp_path, VALUES, CSV)
    kind = {
        "list": pa.list_(pa.float32()),
        "fixed size list": pa.list_(pa.float32(), 16),
        "float64": pa.large_list(pa.float64()),
    }[request.param]
    return write_parquet(tmp_path / "features.parquet", pa.array(VALUES.tolist(), kind))


def test_embeddings_become_features_without_any_image(file, tiny_clip):
    dataset = load_dataset(file)
    features = extract_features(dataset, tiny_clip)
    expected = VALUES / np.linalg.norm(VALUES, axis=1, keepdims=True)
    assert np.allclose(features.features.numpy(), expected, atol=1e-6)
    assert features.class_names == ("cat", "sea lion")
    assert features.labels.tolist() == [0, 1, 0, 1]
    assert (features.domain_names, features.domains.tolist()) == (("art", "photo"), [0, 0, 1, 1])
    assert (dataset.name, features.paths[3]) == ("features", "row 4")


def test_a_subset_keeps_rows_together(file, tiny_clip):
    dataset = load_dataset(file)
    part = extract_features(dataset.subset([3, 0]), tiny_clip)
    whole = extract_features(dataset, tiny_clip)
    assert np.array_equal(part.features, whole.features[[3, 0]])
    assert part.paths == ("row 4", "row 1")
    assert len(dataset.subset([])) == 0


def test_paths_and_splits_are_taken_and_files_not_looked_for(tmp_path, tiny_clip):
    file = write_parquet(
        tmp_path / "x.parquet",
        VALUES.tolist(),
        path=[f"{i}.png" for i in range(4)],
        split=["train", "val", "test", "test"],
    )
    features = extract_features(load_dataset(file), tiny_clip)
    assert features.paths == ("0.png", "1.png", "2.png", "3.png")
    assert features.splits.tolist() == ["train", "val", "test", "test"]


def test_another_backbone_than_theirs_is_refused(tmp_path, tiny_clip):
    file = write_parquet(tmp_path / "x.parquet", VALUES[:, :8].tolist())
    with pytest.raises(DataError) as caught:
        extract_features(load_dataset(file), tiny_clip)
    assert str(caught.value) == (
        "the embeddings of 'x' hold 8 numbers each, but image features of backbone 'tiny-clip' "
        "hold 16; give the backbone they were computed with, whose text side is needed, or "
        "compute them anew"
    )


def test_an_embedding_that_is_not_finite_is_named(tmp_path, tiny_clip):
    broken = VALUES.copy()
    broken[2, 3] = np.nan
    with pytest.raises(DataError, match="Feature row 2 holds NaN"):
        extract_features(load_dataset(write_array(tmp_path, broken, CSV)), tiny_clip)


def refusal(file: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(file)
    return str(caught.value)


def test_an_array_without_a_table_says_what_to_write(tmp_path):
    np.save(tmp_path / "features.npy", VALUES)
    assert refusal(tmp_path / "features.npy") == (
        f"beside {tmp_path}/features.npy there is no features.csv; give a table of that name (or "
        ".tsv, .parquet) with a column label, and perhaps path, domain, split and group, a row for "
        "each row of the array"
    )


def test_two_tables_are_one_too_many(tmp_path):
    file = write_array(tmp_path, VALUES, CSV)
    (tmp_path / "features.tsv").write_text("label\n")
    assert refusal(file) == f"beside {file} lie features.csv and features.tsv; keep one of them"


def test_rows_are_counted(tmp_path):
    file = write_array(tmp_path, VALUES[:3], CSV)
    assert refusal(file) == (
        f"{file} has 3 rows, but {tmp_path}/features.csv has 4; each row of one describes the same "
        "row of the other"
    )


def test_a_table_without_labels_is_refused(tmp_path):
    file = write_array(tmp_path, VALUES, "labels\na\nb\na\nb\n")
    assert refusal(file) == (
        f"the manifest {tmp_path}/features.csv has no column 'label'. Did you mean 'labels'? "
        "Its columns are: labels; it needs label, and may have path, domain, split and group"
    )


def test_pickled_arrays_are_not_read(tmp_path):
    objects = np.array([{"a": 1}] * 4, dtype=object)
    np.save(tmp_path / "features.npy", objects, allow_pickle=True)
    (tmp_path / "features.csv").write_text(CSV)
    assert "Object arrays cannot be loaded" in refusal(tmp_path / "features.npy")


@pytest.mark.parametrize("array", [VALUES[0], np.array([["a", "b"]] * 4)])
def test_an_array_of_another_kind_is_refused(array, tmp_path):
    assert "should hold a table of numbers [N, D]; it holds " in refusal(
        write_array(tmp_path, array, CSV)
    )


@pytest.mark.parametrize(
    ("embeddings", "sentence"),
    [
        ([1.0, 2.0, 3.0, 4.0], "it is of type double"),
        ([["a"]] * 4, "with 0 empty places"),
        ([[1.0], None, [1.0], [1.0]], "with 1 empty places"),
        ([[1.0, 2.0], [1.0], [1.0], [1.0]], "holds lists of 1 to 2 numbers"),
    ],
)
def test_a_column_of_another_kind_is_refused(embeddings, sentence, tmp_path):
    assert sentence in refusal(write_parquet(tmp_path / "x.parquet", embeddings))


def test_a_parquet_manifest_without_embeddings_still_lists_files(tmp_path, write_image):
    write_image(tmp_path / "a.png")
    pq.write_table(pa.table({"path": ["a.png"], "label": ["cat"]}), tmp_path / "x.parquet")
    dataset = load_dataset(tmp_path / "x.parquet")
    assert not isinstance(dataset, EmbeddedImages) and dataset.paths == ("a.png",)


@pytest.mark.parametrize(
    "kind", ["zip", "cut zip", "huge", "negative", "text", "empty", "objects", "deep"]
)
def test_a_file_that_is_no_array_is_refused_without_reading_it(kind, tmp_path):
    file = tmp_path / "a.npy"
    shapes = {"huge": "(4294967296, 128)", "negative": "(-1, 4)", "deep": "(" * 500}
    if kind == "zip":
        np.savez(tmp_path / "a.npz", a=np.eye(2))
        (tmp_path / "a.npz").rename(file)
    elif kind == "objects":
        np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    elif kind in shapes:
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shapes[kind]}, }}\n".encode()
        file.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"00")
    else:
        file.write_bytes({"cut zip": b"PK\x03\x04xxxx", "text": b"1,2\n", "empty": b""}[kind])
    with pytest.raises(DataError) as caught:
        list_unlabeled(file)
    assert str(file) in str(caught.value) and len(str(caught.value)) < 400
