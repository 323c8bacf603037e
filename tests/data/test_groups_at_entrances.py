"""Groups come in at every entrance, and the split keeps them whole."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from ldpf import LDPFClassifier, extract_features
from ldpf.data import from_arrays, from_embeddings, from_huggingface, from_torch, load_dataset
from ldpf.data.dataset import ImageDataset
from ldpf.errors import DataError, SettingsError

COUNT = 60
GROUPS = [f"burst {i // 6}" for i in range(COUNT)]
LABELS = [("cat", "dog")[i // 6 % 2] for i in range(COUNT)]
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 3), dtype=np.uint8)
FEATURES = np.random.default_rng(1).normal(size=(COUNT, 16))


@pytest.fixture
def folder(tmp_path):
    """CLASS/burstNN_MMM.png."""
    for i, (group, label) in enumerate(zip(GROUPS, LABELS, strict=True)):
        file = tmp_path / "photos" / label / f"{group.replace(' ', '')}_{i:03d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS[i]).save(file)
    return tmp_path / "photos"


def check(data):
    """Ten groups, of which two whole ones are held out."""
    assert len(set(data.groups)) == 10
    train, held_out, _ = data.split(seed=0)
    assert not set(train.groups) & set(held_out.groups)
    assert len(held_out) == 12 and len(held_out.groups) == 12


def manifest(folder, ending, groups=GROUPS):
    paths = sorted(folder.rglob("*.png"), key=lambda file: file.stem[-3:])
    rows = [
        {"path": str(p.relative_to(folder.parent)), "label": p.parent.name, "group": g}
        for p, g in zip(paths, groups, strict=True)
    ]
    file = folder.parent / f"set{ending}"
    if ending == ".parquet":
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), file)
        return file
    if ending == ".jsonl":
        rows = [{**row, "group": row["group"] or None} for row in rows]
        file.write_text("\n".join(map(json.dumps, rows)))
        return file
    separator = {".csv": ",", ".tsv": "\t"}[ending]
    lines = [separator.join(row.values()) for row in rows]
    file.write_text("\n".join([separator.join(rows[0]), *lines]))
    return file


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_column_of_a_manifest(folder, ending):
    data = load_dataset(manifest(folder, ending))
    assert data.groups.tolist() == GROUPS
    check(data)


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_an_empty_column_is_none_and_an_empty_cell_is_an_image_alone(folder, ending):
    assert load_dataset(manifest(folder, ending, [""] * COUNT)).groups is None
    data = load_dataset(manifest(folder, ending, ["", "", *GROUPS[2:]]))
    assert data.groups.tolist() == ["", "", *GROUPS[2:]]


def test_a_regular_expression_over_the_paths_of_a_folder(folder, caplog):
    with caplog.at_level(logging.INFO, "ldpf"):
        check(load_dataset(folder, group_by=r"(?P<group>burst\d+)_"))
    assert "10 groups" in caplog.text


def test_what_the_expression_does_not_match_is_counted(folder, caplog):
    with caplog.at_level(logging.INFO, "ldpf"):
        data = load_dataset(folder, group_by=r"burst[0-8](?=_)")
    assert "9 groups; 6 images that group_by does not match are alone" in caplog.text
    assert (data.groups == "").sum() == 6


def test_groups_given_twice_are_refused(folder):
    with pytest.raises(SettingsError, match=r"by the column 'group'.*and by group_by='burst"):
        load_dataset(manifest(folder, ".csv"), group_by=r"burst\d")


def test_a_split_column_that_divides_a_group_is_refused(folder):
    file = manifest(folder, ".csv")
    lines = file.read_text().splitlines()
    splits = ["split", "test", *["train"] * (COUNT - 1)]
    file.write_text("\n".join(f"{a},{b}" for a, b in zip(lines, splits, strict=True)))
    with pytest.raises(DataError, match="'burst 0' has images in two splits"):
        load_dataset(file).split(seed=0)


def test_embeddings_of_a_file_and_from_python(tmp_path):
    np.save(tmp_path / "set.npy", FEATURES)
    rows = "\n".join(map(",".join, zip(LABELS, GROUPS, strict=True)))
    (tmp_path / "set.csv").write_text(f"label,group\n{rows}")
    check(load_dataset(tmp_path / "set.npy"))
    check(from_embeddings(FEATURES, LABELS, groups=GROUPS))
    with pytest.raises(DataError, match="n_groups=59 should be n_embeddings=60"):
        from_embeddings(FEATURES, LABELS, groups=GROUPS[1:])


def test_arrays(tiny_backbone):
    data = extract_features(from_arrays(PIXELS, LABELS, groups=GROUPS), tiny_backbone)
    assert data.groups.tolist() == GROUPS
    check(data)
    with pytest.raises(DataError, match="n_groups=1 should be n_images=60"):
        from_arrays(PIXELS, LABELS, groups=["a"])


@pytest.mark.parametrize("loader", [False, True])
def test_torch_datasets_and_loaders(tiny_backbone, loader):
    ids = torch.tensor([("cat", "dog").index(label) for label in LABELS])
    source = TensorDataset(torch.from_numpy(PIXELS), ids)
    given = DataLoader(source, batch_size=7) if loader else source
    names = {"class_names": ["cat", "dog"]}
    check(extract_features(from_torch(given, groups=GROUPS, **names), tiny_backbone))
    for wrong in (GROUPS[1:], [*GROUPS, "more"]):
        with pytest.raises(DataError, match=f"n_groups={len(wrong)}"):
            extract_features(from_torch(given, groups=wrong, **names), tiny_backbone)


@pytest.mark.parametrize("streams", [False, True])
def test_huggingface_datasets(tiny_backbone, streams):
    datasets = pytest.importorskip("datasets", reason="needs datasets, which is no dependency")
    pictures = [Image.fromarray(pixels) for pixels in PIXELS]
    data = datasets.Dataset.from_dict({"image": pictures, "label": LABELS, "patient": GROUPS})
    given = data.to_iterable_dataset() if streams else data
    check(extract_features(from_huggingface(given, group="patient"), tiny_backbone))
    with pytest.raises(DataError, match=r"no column 'pateint'\. Did you mean 'patient'"):
        from_huggingface(given, group="pateint")


def test_the_cache_brings_features_back_with_groups(folder, tiny_backbone, tmp_path):
    data = load_dataset(folder, group_by=r"burst\d+")
    for _ in range(2):
        features = extract_features(data, tiny_backbone, cache_dir=tmp_path / "cache")
        assert features.groups.tolist() == data.groups.tolist()
        check(features)


def test_fit_takes_groups(tiny_clip):
    held_out = {}
    for name, groups in (("grouped", GROUPS), ("not grouped", None)):
        estimator = LDPFClassifier(tiny_clip, method="zero-shot")
        estimator.fit(FEATURES, LABELS, groups=groups)
        held_out[name] = estimator.trained_on_["n_validation"]
    assert held_out == {"grouped": 12, "not grouped": 12}
    alone = [f"patient {LABELS[i]}" for i in range(COUNT)]
    with pytest.raises(DataError, match="60 images of 2 classes are in 2 groups"):
        LDPFClassifier(tiny_clip, method="zero-shot").fit(FEATURES, LABELS, groups=alone)
    with pytest.raises(DataError, match="n_groups=3 should be n_images=60"):
        LDPFClassifier(tiny_clip, method="zero-shot").fit(FEATURES, LABELS, groups=[1, 2, 3])


def test_a_dataset_checks_the_number_of_groups(tmp_path):
    with pytest.raises(DataError, match="groups of shape"):
        ImageDataset(
            name="set",
            root=tmp_path,
            paths=("a", "b"),
            labels=np.array([0, 1]),
            class_names=("cat", "dog"),
            groups=np.array(["x"]),
        )
