"""Boxes: the part of a picture that is read, in every kind of table, and how it is told apart."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from ldpf.data import load_dataset, read_image
from ldpf.data.boxes import Box, boxed_digest, split_box
from ldpf.data.content import content_of
from ldpf.data.images import UnreadableImageError
from ldpf.errors import DataError, SettingsError
from ldpf.features.extract import encode_dataset, extract_features


@pytest.fixture
def picture(tmp_path):
    """20 x 10 pixels, each of its own color: red counts across, green down."""
    across, down = np.meshgrid(np.arange(20), np.arange(10))
    pixels = np.stack([across * 10, down * 10, np.zeros_like(down)], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return tmp_path / "a.png", pixels


def table(folder, rows, header="path,label,x,y,w,h"):
    file = folder / "boxes.csv"
    file.write_text("\n".join([header, *rows]))
    return file


@pytest.mark.parametrize(
    ("fragment", "part"),
    [
        ("#xywh=4,2,6,3", np.s_[2:5, 4:10]),
        ("#xywh=percent:20,20,30,30", np.s_[2:5, 4:10]),
        ("#xywh=4,2,6,3;margin=0.5", np.s_[0:7, 1:13]),  # 1.5 rows more are two: 0.5 to 6.5
        ("#xywh=14,4,8,8", np.s_[4:10, 14:20]),  # cut off at the edges
        ("#xywh=0,0,4,4;margin=1", np.s_[0:8, 0:8]),
        ("#xywh=4.2,2.5,1,1", np.s_[2:4, 4:6]),  # every pixel that the box touches
    ],
)
def test_the_part_in_the_box_is_read(fragment, part, picture):
    file, pixels = picture
    assert np.array_equal(np.asarray(read_image(f"{file}{fragment}")), pixels[part])


def test_pixels_count_in_the_upright_picture(picture, tmp_path):
    file, pixels = picture
    turned = Image.open(file)
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned.save(tmp_path / "turned.png", exif=exif)
    upright = np.rot90(pixels, k=-1)
    found = np.asarray(read_image(f"{tmp_path / 'turned.png'}#xywh=1,2,4,5"))
    assert np.array_equal(found, upright[2:7, 1:5])


def test_a_picture_decoded_smaller_is_cropped_where_the_box_is():
    small = Image.fromarray(np.arange(50, dtype=np.uint8).reshape(5, 10)).convert("RGB")
    part = Box(40, 20, 20, 20).crop(small, 100, 50, "a")  # a tenth of its size
    assert np.array_equal(np.asarray(part), np.asarray(small)[2:4, 4:6])


def test_a_box_beside_the_picture_is_a_bad_image(picture):
    with pytest.raises(UnreadableImageError, match=r"outside of the picture of 20 x 10 pixels"):
        read_image(f"{picture[0]}#xywh=30,2,4,4")


@pytest.mark.parametrize(
    "box",
    [Box(1, 2, 3, 4), Box(0.5, 0, 12.25, 1e6, margin=0.1), Box(1, 2.5, 3, 4, percent=True)],
)
def test_a_box_is_read_back_from_its_path(box):
    assert split_box(f"trap/a b.jpg{box}") == ("trap/a b.jpg", box)


@pytest.mark.parametrize("path", ["a.jpg", "a#1.jpg", "a.jpg#xywh=1,2,3", "#xywh=", "a.jpg#x=1"])
def test_other_paths_have_no_box(path):
    assert split_box(path) == (path, None)


def test_one_picture_may_have_several_boxes_and_rows_without(picture, tmp_path):
    rows = ["a.png,cat,1,1,4,4", "a.png,dog,8,2,4,4", "a.png,cat,,,,"]
    dataset = load_dataset(table(tmp_path, rows), margin=0.25)
    assert dataset.paths == (
        "a.png#xywh=1,1,4,4;margin=0.25",
        "a.png#xywh=8,2,4,4;margin=0.25",
        "a.png",
    )
    assert [dataset.file(i).name for i in range(3)] == ["a.png"] * 3


def test_the_same_box_twice_is_an_error(picture, tmp_path):
    rows = ["a.png,cat,1,1,4,4", "a.png,dog,1.0,1,4,4"]
    with pytest.raises(DataError, match="listed twice"):
        load_dataset(table(tmp_path, rows))


def test_numbers_of_one_or_less_are_fractions(picture, tmp_path):
    rows = ["a.png,cat,0.2,0.2,0.3,0.3", "a.png,dog,0,0,1,1"]
    dataset = load_dataset(table(tmp_path, rows))
    assert dataset.paths[0] == "a.png#xywh=percent:20,20,30,30"
    assert read_image(dataset.picture(0)).size == (6, 3)
    assert read_image(dataset.picture(1)).size == (20, 10)


def test_json_lines_and_parquet_have_boxes_as_numbers(picture, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    rows = [
        {"path": "a.png", "label": "cat", "x": 1.5, "y": 1, "w": 4, "h": 4},
        {"path": "a.png", "label": "dog", "x": None, "y": None, "w": None, "h": None},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    for file in ("t.jsonl", "t.parquet"):
        assert load_dataset(tmp_path / file).paths == ("a.png#xywh=1.5,1,4,4", "a.png")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("a.png,dog,1,1,,4", "line 3: x='1', y='1', w='', h='4' is no box"),
        ("a.png,dog,1,1,wide,4", "w='wide'"),
        ("a.png,dog,1,1,0,4", "the box x=1, y=1, w=0, h=4 has no area"),
        ("a.png,dog,-1,1,3,4", "x and y start at 0"),
        ("a.png,dog,nan,1,3,4", "x=nan"),
    ],
)
def test_a_box_that_is_none_is_named_by_its_row(row, sentence, picture, tmp_path):
    with pytest.raises(DataError) as caught:
        load_dataset(table(tmp_path, ["a.png,cat,2,2,4,4", row]))
    assert sentence in str(caught.value) and "line 3" in str(caught.value)


def test_fractions_beyond_the_picture_are_refused(picture, tmp_path):
    with pytest.raises(DataError, match=r"w=0\.6, h=0\.5 reaches beyond the picture"):
        load_dataset(table(tmp_path, ["a.png,cat,0.5,0.5,0.6,0.5"]))


def test_three_of_the_columns_are_refused(picture, tmp_path):
    file = table(tmp_path, ["a.png,cat,4,2,6"], header="path,label,x,y,w")
    with pytest.raises(DataError, match="has the columns x, y, w of a box, but no h; add it"):
        load_dataset(file)


def test_some_of_the_columns_are_no_boxes(picture, tmp_path):
    file = table(tmp_path, ["a.png,cat,48.1,11.5"], "path,label,x,y")  # a place on a map
    assert load_dataset(file).paths == ("a.png",)


def test_a_margin_needs_boxes(picture, tmp_path):
    file = table(tmp_path, ["a.png,cat"], "path,label")
    with pytest.raises(DataError, match=r"margin=0\.1 widens boxes, but .* has none"):
        load_dataset(file, margin=0.1)
    with pytest.raises(SettingsError, match="margin=-1"):
        load_dataset(table(tmp_path, ["a.png,cat,1,1,2,2"]), margin=-1)


def test_a_file_that_is_not_there_is_named_with_its_box(tmp_path):
    with pytest.raises(DataError, match=r"b\.png#xywh=1,1,2,2"):
        load_dataset(table(tmp_path, ["b.png,cat,1,1,2,2"]))


def test_the_content_of_a_box_is_another_than_that_of_the_file(picture):
    file, _ = picture
    with content_of(file) as whole, content_of(f"{file}#xywh=1,1,2,2") as part:
        assert whole.data == part.data
        assert part.sha256 == boxed_digest(whole.sha256, "a.png#xywh=1,1,2,2") != whole.sha256


def test_crops_are_encoded_and_kept_apart(picture, tmp_path, tiny_backbone):
    """Of one file: two boxes, the whole, and a box with another margin."""
    rows = ["a.png,cat,1,1,4,4", "a.png,dog,12,4,6,5", "a.png,cat,,,,"]
    file, cache = table(tmp_path, rows), tmp_path / "cache"
    first = encode_dataset(load_dataset(file), tiny_backbone, cache_dir=cache, progress=False)
    assert first.encoded == 3
    assert len(np.unique(first.features.features.numpy().round(4), axis=0)) == 3
    assert len(np.unique(first.features.contents, axis=0)) == 3
    again = encode_dataset(
        load_dataset(file), tiny_backbone, cache_dir=cache, verify=True, progress=False
    )
    assert again.encoded == 0
    assert again.features.features.equal(first.features.features)
    wider = encode_dataset(
        load_dataset(file, margin=0.5), tiny_backbone, cache_dir=cache, progress=False
    )
    assert wider.encoded == 2  # the whole picture has no box to widen
    assert not wider.features.features[0].equal(first.features.features[0])


def test_a_crop_has_the_features_of_the_cropped_picture(picture, tmp_path, tiny_backbone):
    _, pixels = picture
    Image.fromarray(pixels[2:8, 3:15]).save(tmp_path / "cropped.png")
    rows = ["a.png,cat,3,2,12,6", "cropped.png,dog,,,,"]
    found = extract_features(
        load_dataset(table(tmp_path, rows)), tiny_backbone, cache_dir=tmp_path / "c", progress=False
    ).features
    assert found[0].equal(found[1])


def test_groups_are_searched_in_the_file_alone(picture, tmp_path):
    rows = ["a.png,cat,1,1,4,4", "a.png,dog,8,2,4,4"]
    dataset = load_dataset(table(tmp_path, rows), group_by=r"(\w+)\.png$")
    assert dataset.groups.tolist() == ["a", "a"]


@pytest.mark.parametrize(
    ("fragment", "share"), [("#xywh=15,5,50,50", "1%"), ("#xywh=0,0,41,10", "49%")]
)
def test_a_box_mostly_beside_the_picture_is_a_bad_image(picture, fragment, share):
    file, _ = picture
    with pytest.raises(UnreadableImageError, match=f"only {share} of its box lie in the picture"):
        read_image(f"{file}{fragment}")


def test_a_margin_beyond_the_picture_is_no_fault(picture):
    file, pixels = picture
    found = read_image(f"{file}#xywh=0,0,20,10;margin=3")
    assert np.array_equal(np.asarray(found), pixels)


def test_fractions_among_pixels_are_refused(picture, tmp_path):
    file = table(tmp_path, ["a.png,cat,2,2,4,4", "a.png,dog,0.1,0.1,0.5,0.5"])
    with pytest.raises(DataError, match=r"line 3: the box x=0.1, .* is smaller than a pixel"):
        load_dataset(file)


@pytest.mark.parametrize(
    "header",
    ["x1,y1,x2,y2", "xmin,ymin,xmax,ymax", "x,y,width,height", "left,top,right,bottom", "bbox"],
)
def test_boxes_by_another_name_are_said_and_not_read(picture, tmp_path, caplog, header):
    cells = ",".join("1234"[: header.count(",") + 1])
    file = table(tmp_path, [f"a.png,cat,{cells}"], header=f"path,label,{header}")
    assert load_dataset(file).paths == ("a.png",)
    assert header.replace(",", ", ") in caplog.text and "whole pictures are meant" in caplog.text


def test_other_columns_are_no_boxes(picture, tmp_path, caplog):
    file = table(tmp_path, ["a.png,cat,1,2"], header="path,label,width,height")
    assert load_dataset(file).paths == ("a.png",) and "boxes" not in caplog.text
