"""Tar shards in webdataset's layout are data."""

from __future__ import annotations

import errno
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldpf.data import load_dataset
from ldpf.data.tar_shards import tar_shards, unpack_tar_shards
from ldpf.errors import DataError
from ldpf.workflows.given_images import find_images


def picture(shade: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (shade, 20, 30)).save(stream, "PNG")
    return stream.getvalue()


def shard(path: Path, members: dict[str, bytes | str], mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def samples(*labels: str, first: int = 0) -> dict[str, bytes | str]:
    members: dict[str, bytes | str] = {}
    for number, label in enumerate(labels, first):
        members |= {f"{number:03d}.png": picture(number), f"{number:03d}.cls": label}
    return members


def message_of(source: Path, tmp_path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(source, cache_dir=tmp_path / "cache", **options)
    assert not list((tmp_path / "cache").rglob("*.png"))
    return str(caught.value)


def test_a_folder_of_shards_is_read_in_its_order(tmp_path):
    shard(tmp_path / "packed" / "b.tar", samples("dog", "cat", first=2))
    shard(tmp_path / "packed" / "a.tar", samples("cat", "hot_dog"))
    data = load_dataset(tmp_path / "packed", cache_dir=tmp_path / "cache")
    assert data.name == "packed" and data.class_names == ("cat", "dog", "hot dog")
    assert data.labels.tolist() == [0, 2, 1, 0]
    shades = [np.asarray(Image.open(data.file(row)))[0, 0, 0] for row in range(4)]
    assert shades == [0, 1, 2, 3]
    assert data.paths[0] == "a/000000-000.png"


@pytest.mark.parametrize(
    ("ending", "mode"),
    [(".tar.gz", "w:gz"), (".TGZ", "w"), (".tar.xz", "w:xz"), (".tar.bz2", "w:bz2")],
)
def test_one_compressed_shard_is_data(ending, mode, tmp_path):
    file = shard(tmp_path / f"wild{ending}", samples("cat", "dog"), mode)
    data = load_dataset(file, cache_dir=tmp_path / "cache")
    assert (data.name, len(data)) == ("wild", 2)


@pytest.mark.filterwarnings("ignore:the classes of")
def test_descriptions_give_domain_split_and_group(tmp_path):
    members: dict[str, bytes | str] = {}
    for number, split in enumerate(("training", "val", "test", "train")):
        words = {"label": number % 2, "domain": "lab", "split": split, "group": f"g{number}"}
        members |= {f"{number}.png": picture(number), f"{number}.json": json.dumps(words)}
    data = load_dataset(shard(tmp_path / "a.tar", members), cache_dir=tmp_path / "cache")
    assert data.labels.tolist() == [0, 1, 0, 1] and data.domain_names == ("lab",)
    assert data.splits is not None and data.splits.tolist() == ["train", "val", "test", "train"]
    assert data.groups is not None and data.groups.tolist() == ["g0", "g1", "g2", "g3"]


def test_a_label_of_another_name_is_asked_for(tmp_path):
    members = {"1.png": picture(), "1.json": '{"species": "fox"}', "2.png": picture(1)}
    file = shard(tmp_path / "a.tar", {**members, "2.json": '{"Species": "owl"}'})
    data = load_dataset(file, cache_dir=tmp_path / "cache", columns="label=species")
    assert data.class_names == ("fox", "owl")


def test_names_of_shards_are_splits(tmp_path):
    shard(tmp_path / "in" / "birds-train-000.tar", samples("a", "b"))
    shard(tmp_path / "in" / "birds-val-000.tar", samples("a", "b", first=5))
    data = load_dataset(tmp_path / "in", cache_dir=tmp_path / "cache")
    assert data.splits is not None and data.splits.tolist() == ["train", "train", "val", "val"]


def test_classes_by_number_get_names_from_beside_the_shards(tmp_path):
    shard(tmp_path / "in" / "a.tar", samples("0", "1"))
    (tmp_path / "in" / "class_names.txt").write_text("0 = fox\n1 = owl\n")
    assert load_dataset(tmp_path / "in", cache_dir=tmp_path).class_names == ("fox", "owl")


def test_other_files_of_a_sample_are_left(tmp_path):
    members = {"1.mask.png": b"x", "1.png": picture(), "1.cls": "a", "._1.png": b"y", "1.txt": "z"}
    data = load_dataset(shard(tmp_path / "a.tar", members), cache_dir=tmp_path / "cache")
    assert len(data) == 1 and data.class_names == ("a",)


def test_samples_in_folders_are_told_apart_and_no_name_leaves_the_cache(tmp_path):
    members = {"../x/1.png": picture(), "../x/1.cls": "a", "/y/1.png": picture(1), "/y/1.cls": "b"}
    data = load_dataset(shard(tmp_path / "in" / "a.tar", members), cache_dir=tmp_path / "cache")
    assert len(data) == 2
    assert set(tmp_path.rglob("*.png")) == {data.file(0), data.file(1)}
    assert all(tmp_path / "cache" in data.file(row).parents for row in range(2))


def test_shards_are_unpacked_once_and_anew_when_they_change(tmp_path):
    file = shard(tmp_path / "a.tar", samples("a", "b"))
    first = load_dataset(file, cache_dir=tmp_path / "cache")
    made = first.file(0).stat().st_mtime_ns
    again = load_dataset(file, cache_dir=tmp_path / "cache")
    assert again.root == first.root and again.file(0).stat().st_mtime_ns == made
    shard(file, samples("a", "b", "c"))
    assert len(load_dataset(file, cache_dir=tmp_path / "cache")) == 3


def test_shards_without_labels_are_refused_to_learn_from_and_can_be_predicted(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("LDPF_CACHE", str(tmp_path / "other"))
    file = shard(tmp_path / "a.tar", {"1.png": picture(), "2.png": picture(), "2.cls": "a"})
    with pytest.raises(DataError) as caught:
        load_dataset(file, cache_dir=tmp_path / "cache")
    said = str(caught.value)
    assert (
        "1 of 2 samples have no label, the first is a/000000-1.png" in said and "1.cls" not in said
    )
    assert [path.name for path in find_images([str(file)])] == ["000000-1.png", "000001-2.png"]


BROKEN = {
    "two pictures": ({"1.png": picture(), "1.jpg": picture()}, "sample '1' has two pictures"),
    "apart": (
        {"1.png": picture(), "1.cls": "a", "2.png": picture(), "2.cls": "a", "1.json": "{}"},
        "has the sample '1' twice",
    ),
    "two labels": (
        {"1.png": picture(), "1.cls": "a", "1.json": '{"label": "b"}'},
        "sample '1' has the label 'a' and 'b'",
    ),
    "no JSON": ({"1.png": picture(), "1.json": "{label"}, "'1.json' is no JSON"),
    "no object": ({"1.png": picture(), "1.json": "[1]"}, "'1.json' is"),
    "no text": ({"1.png": picture(), "1.cls": b"\xff\xfe\x00"}, "'1.cls' is no text in UTF-8"),
    "a list": ({"1.png": picture(), "1.json": '{"label": ["a"]}'}, "label"),
    "long": ({"1.png": picture(), "1.cls": "a" * 1_000_001}, "1,000,001 bytes"),
    "no picture": ({"1.cls": "a", "2.cls": "b"}, "has 2 samples and no picture"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_odd_shard_gets_a_sentence_and_leaves_nothing(case, tmp_path):
    members, expected = BROKEN[case]
    said = message_of(shard(tmp_path / "in" / "a.tar", members), tmp_path)
    assert expected in said and "a.tar" in said and "\n" not in said


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(kind, tmp_path):
    file = shard(tmp_path / "a.tar", samples("a", "b"))
    with tarfile.open(file, "a") as archive:
        member = tarfile.TarInfo("3.png")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    assert "'3.png' is a link or a device" in message_of(file, tmp_path)


@pytest.mark.parametrize("kept", [0, 100, 512, 700, 2048, 3072])
def test_a_shard_that_is_cut_off_is_refused(kept, tmp_path):
    file = shard(tmp_path / "a.tar", samples("a", "b"))
    file.write_bytes(file.read_bytes()[:kept])
    assert "a.tar is damaged or cut off" in message_of(file, tmp_path)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("change", [lambda b: b[:-6], lambda b: b[:-6] + b"\1" * 6])
def test_a_compressed_shard_that_is_damaged_at_its_end_is_refused(change, mode, tmp_path):
    file = shard(tmp_path / "a.tar.gz", samples("a", "b"), mode)
    file.write_bytes(change(file.read_bytes()))
    assert "a.tar.gz is damaged or cut off" in message_of(file, tmp_path)


def test_a_shard_of_two_endings_is_refused(tmp_path):
    shard(tmp_path / "in" / "a.tar", samples("a"))
    shard(tmp_path / "in" / "a.tgz", samples("b"), "w:gz")
    assert "a.tar" in message_of(tmp_path / "in", tmp_path)


def test_archives_beside_folders_of_images_are_no_shards(tmp_path):
    shard(tmp_path / "a.tar", samples("a"))
    (tmp_path / "cat").mkdir()
    assert tar_shards(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    file = shard(tmp_path / "a.tar", samples("a"))
    (tmp_path / "cache").touch()
    with pytest.raises(DataError, match="LDPF_CACHE"):
        unpack_tar_shards(file, tmp_path / "cache")


def test_a_full_disk_is_not_taken_for_a_damaged_shard(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    file = shard(tmp_path / "a.tar", samples("a"))
    monkeypatch.setattr(Path, "write_bytes", full)
    assert "cannot be unpacked: No space left on device" in message_of(file, tmp_path)


def test_an_enormous_picture_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("ldpf.data.tar_shards.MAX_BYTES", 10)
    said = message_of(shard(tmp_path / "a.tar", samples("a")), tmp_path)
    assert "'000.png' has" in said and "above the limit of 10" in said
