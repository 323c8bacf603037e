"""`check_data`: what is odd about a set of images."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from ldpf import workflows
from ldpf.errors import DataError, SettingsError


def save(file, seed, low=0, high=256):
    file.parent.mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(seed).integers(low, high, (70, 80, 3), dtype=np.uint8)
    Image.fromarray(draws).save(file)


@pytest.fixture
def photos(tmp_path):
    """Two classes of six pictures, without anything odd."""
    for k, name in enumerate(("cat", "dog")):
        for i in range(6):
            save(tmp_path / "photos" / name / f"{i}.png", seed=10 * k + i)
    return tmp_path / "photos"


def test_nothing_odd_is_nothing_serious_and_writes_no_sheet(photos, tmp_path):
    result = workflows.check_data(photos, out=tmp_path / "sheet.png")
    assert not result.is_serious and result.sheet is None
    assert not (tmp_path / "sheet.png").exists()
    assert result.sizes == {"80 x 70": 12} and result.formats == {"PNG RGB": 12}
    assert result.to_json()["counts"] == {"all": {"cat": 6, "dog": 6}}


def test_every_oddity_is_counted_named_and_drawn(photos, tmp_path):
    save(photos / "cat/dark.png", 50, high=25)
    Image.new("RGB", (80, 80), "gray").save(photos / "dog/blank.png")
    shutil.copy(photos / "cat/0.png", photos / "dog/copy.png")
    shutil.copy(photos / "cat/1.png", photos / "cat/copy.jpg")
    (photos / "dog/empty.png").write_bytes(b"")
    result = workflows.check_data(photos, out=tmp_path / "new" / "sheet.png")
    found = result.to_json()
    assert found["dark"] == ["cat/dark.png"]
    assert found["blank"] == [{"path": "dog/blank.png", "reason": "one color"}]
    assert found["unreadable"] == [{"path": "dog/empty.png", "reason": "an empty file (0 bytes)"}]
    assert found["copies"] == [["cat/0.png", "dog/copy.png"], ["cat/1.png", "cat/copy.jpg"]]
    assert found["under_two_classes"] == [["cat/0.png", "dog/copy.png"]]
    assert found["other_ending"] == [{"path": "cat/copy.jpg", "format": "PNG"}]
    assert found["serious"] and found["sheet"] == str(tmp_path / "new" / "sheet.png")
    assert json.loads(json.dumps(found)) == found
    with Image.open(tmp_path / "new" / "sheet.png") as sheet:
        assert sheet.format == "PNG" and sheet.height > 3 * 144


@pytest.mark.parametrize("oddity", ["blank", "unreadable", "two classes"])
def test_each_of_these_alone_is_serious(photos, oddity):
    if oddity == "blank":
        Image.new("RGB", (80, 80)).save(photos / "dog/x.png")
    elif oddity == "unreadable":
        (photos / "dog/x.png").write_bytes(b"no image")
    else:
        shutil.copy(photos / "cat/0.png", photos / "dog/x.png")
    assert workflows.check_data(photos).is_serious


def test_a_copy_in_its_own_class_alone_is_not_serious(photos):
    shutil.copy(photos / "cat/0.png", photos / "cat/x.png")
    result = workflows.check_data(photos)
    assert len(result.copies) == 1 and not result.is_serious


def test_the_backbone_finds_near_copies_leaks_and_wrong_labels(images, tiny_clip, tmp_path):
    tree = tmp_path / "images"
    shutil.copytree(images, tree)
    with Image.open(tree / "art/cat/0.png") as image:
        width, height = image.size
        image.convert("RGB").resize((width - 1, height - 1)).save(tree / "art/cat/near.png")
    source = workflows.DataSource(tree, cache_dir=tmp_path / "cache")
    result = workflows.check_data(source, backbone=tiny_clip)
    assert result.features.backbone == tiny_clip.name
    pairs = [set(pair[:2]) for pair in result.features.near_copies]
    assert {"art/cat/0.png", "art/cat/near.png"} in pairs
    kinds = [leak["kind"] for leak in result.to_json()["features"]["leaks"]]
    assert kinds == ["held_out", "classes", "target", "target", "target"]


def test_a_wrong_label_is_suspicious(tmp_path, tiny_clip):
    for i in range(20):
        for name, color in (("black", 20), ("white", 235)):
            save(tmp_path / "tones" / name / f"{i}.png", i, color - 20, color + 20)
    (tmp_path / "tones/black/0.png").rename(tmp_path / "tones/white/wrong.png")
    source = workflows.DataSource(tmp_path / "tones", cache_dir=tmp_path / "cache")
    result = workflows.check_data(source, backbone=tiny_clip, out=tmp_path / "sheet.png")
    assert result.features.suspects == ("white/wrong.png",)
    (line,) = result.features.suspect_lines
    assert line.startswith("white/wrong.png: labeled 'white', probably 'black'")
    assert result.sheet == tmp_path / "sheet.png"


def test_the_same_file_in_two_splits_is_serious(photos, tiny_clip, tmp_path):
    shutil.copy(photos / "cat/0.png", photos / "cat/again.png")
    rows = [f"cat/{i}.png,cat,train" for i in range(6)] + ["cat/again.png,cat,test"]
    rows += [f"dog/{i}.png,dog,{'train' if i < 4 else 'val'}" for i in range(6)]
    (photos / "list.csv").write_text("\n".join(["path,label,split", *rows]))
    source = workflows.DataSource(photos / "list.csv", cache_dir=tmp_path / "cache")
    result = workflows.check_data(source, backbone=tiny_clip)
    assert result.features.leaks.found[0].images[0].path == "cat/again.png"
    assert not result.under_two_classes and result.is_serious


def test_images_without_labels_are_checked_too(photos, tiny_clip, tmp_path):
    flat = tmp_path / "flat"
    shutil.copytree(photos / "cat", flat)
    source = workflows.DataSource(flat, cache_dir=tmp_path / "cache")
    result = workflows.check_data(source, backbone=tiny_clip)
    assert len(result.facts) == 6 and "expected class/image" in result.no_labels
    assert result.features.not_measured == "the labels are not known"
    assert not result.features.leaks.leaks


def test_files_of_a_manifest_that_are_not_there_are_findings(photos):
    rows = ["path,label", "cat/0.png,cat", "dog/0.png,dog", "dog/gone.png,dog"]
    (photos / "list.csv").write_text("\n".join(rows))
    result = workflows.check_data(photos / "list.csv")
    assert [one.path for one in result.bad] == ["dog/gone.png"] and result.is_serious


def test_what_cannot_be_checked_is_refused(photos, tmp_path):
    with pytest.raises(DataError, match="no file or folder"):
        workflows.check_data(tmp_path / "none")
    with pytest.raises(SettingsError, match="lies in the folder of the images"):
        workflows.check_data(photos, out=photos / "sheet.png")
    np.save(tmp_path / "e.npy", np.ones((2, 4)))
    (tmp_path / "e.csv").write_text("label\na\nb\n")
    with pytest.raises(DataError, match="embeddings; there are no image files"):
        workflows.check_data(tmp_path / "e.npy")


def test_boxes_of_one_picture_are_pictures_of_their_own(photos, tmp_path):
    picture = Image.open(photos / "cat/0.png")
    picture.paste("gray", (0, 0, 40, 40))
    picture.save(photos / "cat/0.png")
    rows = ["cat/0.png,cat,0,0,40,40", "cat/0.png,dog,40,0,40,70", "dog/0.png,dog,0,0,40,40"]
    table = photos / "boxes.csv"
    table.write_text("\n".join(["path,label,x,y,w,h", *rows]))
    result = workflows.check_data(table, out=tmp_path / "sheet.png")
    assert result.copies == () and result.under_two_classes == []
    assert result.other_ending == [] and result.sizes == {"40 x 40": 2, "40 x 70": 1}
    assert [one.path for one in result.blank] == ["cat/0.png#xywh=0,0,40,40"]


def test_a_file_that_holds_no_image_at_all_among_others_is_said(tmp_path):
    (tmp_path / "photos/cat").mkdir(parents=True)
    (tmp_path / "photos/dog").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name / "1.png").write_bytes(b"x")
    result = workflows.check_data(tmp_path / "photos")
    assert len(result.bad) == 2 and not result.sizes
