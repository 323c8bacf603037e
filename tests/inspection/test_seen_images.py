from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ldpf.inspection.leaks import find_leak
from ldpf.inspection.seen_images import CODE_SIZE, read_seen_images, write_seen_images


@pytest.mark.parametrize("dim", [64, 2 * CODE_SIZE])
def test_copies_are_recognized_and_new_pictures_are_not(tmp_path, make_features, dim):
    train = make_features(40, dim=dim, noise=0.2)
    new = make_features(10, dim=dim, noise=0.2, seed=3)
    features = torch.cat([train.features[:5], new.features[5:]])
    write_seen_images(tmp_path / "images", train)
    asked, seen = read_seen_images(tmp_path / "images", replace(new, features=features))
    assert seen.paths == train.paths and seen.class_names == train.class_names
    assert torch.equal(seen.labels, train.labels)
    leak = find_leak(asked, seen)
    assert sorted(image.copy for image in leak.images) == [f"{i:04d}.png" for i in range(5)]


@pytest.mark.parametrize("dim", [64, 2 * CODE_SIZE])
def test_an_image_takes_no_more_than_a_code_a_digest_and_its_name(tmp_path, make_features, dim):
    sizes = []
    for images_each in (10, 110):
        data = make_features(images_each, dim=dim)
        write_seen_images(tmp_path / "images", data)
        sizes.append((tmp_path / "images").stat().st_size)
    assert (sizes[1] - sizes[0]) / 900 < CODE_SIZE + 32


def test_files_are_recognized_by_their_digests(tmp_path, make_features):
    data = make_features(2)
    contents = np.random.default_rng(0).integers(0, 256, (len(data), 32), dtype=np.uint8)
    write_seen_images(tmp_path / "images", replace(data, contents=contents))
    other = replace(make_features(2, seed=8), contents=contents[::-1].copy())
    leak = find_leak(*read_seen_images(tmp_path / "images", other))
    assert leak.same_files == len(data)


@pytest.mark.parametrize("content", [None, b"", b"no tensors at all"])
def test_a_missing_or_damaged_file_is_no_record(tmp_path, make_features, content):
    if content is not None:
        (tmp_path / "images").write_bytes(content)
    assert read_seen_images(tmp_path / "images", make_features(1)) is None


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("paths", None),
        ("labels", torch.zeros(3, dtype=torch.int64)),
        ("codes", torch.zeros(4, dtype=torch.int8)),
        ("codes", torch.zeros(4, 9, dtype=torch.int8)),
    ],
)
def test_tensors_that_do_not_fit_are_no_record(name, tensor, tmp_path, make_features):
    data = make_features(1)
    write_seen_images(tmp_path / "images", data)
    with safe_open(tmp_path / "images", framework="pt") as stored:
        metadata = stored.metadata()
    tensors = {**load_file(tmp_path / "images"), name: tensor}
    if tensor is None:
        del tensors[name]
    save_file(tensors, tmp_path / "images", metadata)
    assert read_seen_images(tmp_path / "images", data) is None


@pytest.mark.parametrize("names", ["[", "3", "[1]", "[" * 100_000])
def test_class_names_that_cannot_be_are_no_record(names, tmp_path, make_features):
    data = make_features(1)
    write_seen_images(tmp_path / "images", data)
    with safe_open(tmp_path / "images", framework="pt") as stored:
        metadata = {**stored.metadata(), "class_names": names}
    save_file(load_file(tmp_path / "images"), tmp_path / "images", metadata)
    assert read_seen_images(tmp_path / "images", data) is None
