"""Terra Incognita from camera trap annotations, mini-DomainNet from DomainNet and lists."""

from __future__ import annotations

import json

import pytest

from ldpf.data import load_dataset
from ldpf.data.datasets import named_dataset
from ldpf.data.datasets.prepare_mini import prepare_mini_domainnet
from ldpf.data.datasets.prepare_terra import prepare_terra_incognita
from ldpf.errors import DataError, SettingsError

TERRA, MINI = named_dataset("terra-incognita"), named_dataset("mini-domainnet")
CATEGORIES = [*TERRA.classes, "car", "deer"]
# image: (location, its labels)
IMAGES = {
    "a": ("38", ["bird"]),
    "b": (43, ["cat", "cat"]),  # two boxes, one label
    "c": ("46", ["dog", "rabbit"]),
    "d": ("100", ["empty"]),
    "e": ("38", ["car"]),
    "f": ("7", ["bird"]),
    "g": ("38", ["bird", "deer"]),
    "h": ("38", []),
}


@pytest.fixture
def trap(tmp_path):
    """Annotations and images of eight camera trap photos."""
    content = {
        "categories": [{"id": 10 + i, "name": name} for i, name in enumerate(CATEGORIES)],
        "images": [
            {"id": image, "file_name": f"{image}.jpg", "location": place}
            for image, (place, _) in IMAGES.items()
        ],
        "annotations": [
            {"image_id": image, "category_id": 10 + CATEGORIES.index(name)}
            for image, (_, names) in IMAGES.items()
            for name in names
        ],
    }
    annotations, images = tmp_path / "annotations.json", tmp_path / "images"
    annotations.write_text(json.dumps(content))
    images.mkdir()
    for image in IMAGES:
        (images / f"{image}.jpg").write_bytes(image.encode())
    return annotations, images


def files(out):
    return {str(file.relative_to(out)) for file in out.rglob("*.jpg")}


EACH = {
    "location_38/bird/a.jpg",
    "location_43/cat/b.jpg",
    "location_46/dog/c.jpg",
    "location_46/rabbit/c.jpg",
    "location_100/empty/d.jpg",
    "location_38/bird/g.jpg",
}


def test_boxes_of_the_annotations_are_kept_as_fractions(trap, tmp_path):
    annotations, images = trap
    content = json.loads(annotations.read_text())
    for one in content["images"]:
        one |= {"width": 200, "height": 100}
    boxes = iter([[20, 10, 50, 40], [0, 0, 100, 50], [100, 50, 150, 50]])  # a, and two of b
    for one in content["annotations"]:
        if one["image_id"] in "ab":
            one["bbox"] = next(boxes)
    annotations.write_text(json.dumps(content))
    prepare_terra_incognita(annotations, images, tmp_path / "terra", progress=False)
    rows = (tmp_path / "terra" / "boxes.csv").read_text().splitlines()
    assert rows[0] == "path,label,domain,x,y,w,h"
    assert rows[1:4] == [
        "location_38/bird/a.jpg,bird,location_38,0.100000,0.100000,0.250000,0.400000",
        "location_43/cat/b.jpg,cat,location_43,0.000000,0.000000,0.500000,0.500000",
        # Cut off at the picture's edge.
        "location_43/cat/b.jpg,cat,location_43,0.500000,0.500000,0.500000,0.500000",
    ]
    assert "location_100/empty/d.jpg,empty,location_100,,,," in rows
    dataset = load_dataset(tmp_path / "terra" / "boxes.csv", margin=0.1)
    assert dataset.paths[1] == "location_43/cat/b.jpg#xywh=percent:0,0,50,50;margin=0.1"
    assert dataset.file(1).is_file()


def test_annotations_without_boxes_give_no_table(trap, tmp_path):
    prepare_terra_incognita(*trap, tmp_path / "terra", progress=False)
    assert not (tmp_path / "terra" / "boxes.csv").exists()


def test_four_locations_and_ten_classes_are_selected(trap, tmp_path):
    out = tmp_path / "terra"
    summary = prepare_terra_incognita(*trap, out, progress=False)
    assert files(out) == EACH
    assert summary.domain_images == {
        **{"location_38": 2, "location_43": 1, "location_46": 2, "location_100": 1}
    }
    assert summary.several_labels == 1 and summary.other_labels == 2 and not summary.missing
    assert (out / "location_38/bird/a.jpg").read_bytes() == b"a"


def test_images_with_several_labels_can_be_left_out(trap, tmp_path):
    out = tmp_path / "terra"
    summary = prepare_terra_incognita(*trap, out, several="skip", progress=False)
    assert files(out) == {file for file in EACH if not file.endswith("c.jpg")}
    assert summary.several_labels == 1 and summary.domain_images["location_46"] == 0


def test_what_was_made_is_loaded_by_name(trap, tmp_path):
    prepare_terra_incognita(*trap, tmp_path / "terra", progress=False)
    dataset = load_dataset(tmp_path / "terra", benchmark="terra-incognita")
    assert dataset.domain_names == TERRA.domains and len(dataset) == 6


def test_a_second_run_finds_everything_there(trap, tmp_path):
    prepare_terra_incognita(*trap, tmp_path / "terra", progress=False)
    again = prepare_terra_incognita(*trap, tmp_path / "terra", progress=False)
    assert again.done_before and sum(again.domain_images.values()) == 6


def test_a_missing_image_is_an_error_before_anything_is_made(trap, tmp_path):
    (trap[1] / "a.jpg").unlink()
    with pytest.raises(DataError) as error:
        prepare_terra_incognita(*trap, tmp_path / "terra", progress=False)
    assert str(error.value) == (
        f"1 of 5 images in {trap[1]} cannot be used:\n  a.jpg: the file does not exist\n"
        f"Unpack all images into {trap[1]}, or leave these out with skip_missing=True."
    )
    assert not (tmp_path / "terra").exists()


def test_missing_images_can_be_left_out(trap, tmp_path):
    (trap[1] / "a.jpg").unlink()
    out = tmp_path / "terra"
    summary = prepare_terra_incognita(*trap, out, skip_missing=True, progress=False)
    assert summary.missing == 1 and files(out) == EACH - {"location_38/bird/a.jpg"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "{",
            r"annotations\.json' \(not valid JSON: .*\); unpack the archive",
        ),
        ("{}", r"is no COCO-style annotation file \(KeyError: 'categories'\); it needs images"),
        ("[]", r"is no COCO-style annotation file \(TypeError: .*\); it needs images"),
        (
            '{"categories": [], "images": [], "annotations": []}',
            "has no image of the locations 38, 43, 46 and 100 with one of the classes bird, bobcat",
        ),
    ],
)
def test_annotations_of_another_form_are_an_error(trap, tmp_path, content, sentence):
    trap[0].write_text(content)
    with pytest.raises(DataError, match=sentence):
        prepare_terra_incognita(*trap, tmp_path / "terra", progress=False)


def test_a_file_outside_of_the_image_folder_is_refused(trap, tmp_path):
    trap[0].write_text(trap[0].read_text().replace('"a.jpg"', '"../a.jpg"'))
    with pytest.raises(DataError, match=r"names the file '\.\./a\.jpg', which does not lie in the"):
        prepare_terra_incognita(*trap, tmp_path / "terra", progress=False)


def test_an_unknown_treatment_of_several_labels_is_an_error(trap, tmp_path):
    with pytest.raises(SettingsError, match=r"='skipp' .* each, skip. Did you mean 'skip'"):
        prepare_terra_incognita(*trap, tmp_path / "terra", several="skipp", progress=False)


@pytest.fixture
def net(grow, tmp_path):
    """A DomainNet of mini-DomainNet's domains and a class more, and the lists."""
    root = grow(tmp_path / "domainnet", MINI.domains, [*MINI.classes, "zigzag"], each=3)
    splits = tmp_path / "splits_mini"
    splits.mkdir()
    for domain in MINI.domains:
        for kind, i in {"train": 0, "test": 1}.items():
            lines = [f"{domain}/{name}/{i}.jpg {k}\n" for k, name in enumerate(MINI.classes)]
            (splits / f"{domain}_{kind}.txt").write_text("".join(lines))
    return root, splits


@pytest.mark.slow
def test_mini_domainnet_has_the_listed_images_and_its_lists(net, tmp_path):
    out = tmp_path / "mini"
    summary = prepare_mini_domainnet(*net, out, progress=False)
    assert summary.domain_images == dict.fromkeys(MINI.domains, 252)
    assert len(files(out)) == 4 * 252 and not any("zigzag" in file for file in files(out))
    dataset = load_dataset(out)
    assert dataset.class_names == tuple(map(MINI.class_name, MINI.classes))
    assert (dataset.counts() == 2).all()
    assert {path[-5] + split for path, split in zip(dataset.paths, dataset.splits)} == {  # noqa: B905
        *("0train", "1test")
    }


@pytest.mark.slow
def test_listed_images_that_are_missing_are_an_error_or_left_out(net, tmp_path):
    (net[0] / "real/zebra/0.jpg").unlink()
    with pytest.raises(DataError, match=r"real/zebra/0\.jpg: the file does not exist\nUnpack all"):
        prepare_mini_domainnet(*net, tmp_path / "mini", progress=False)
    summary = prepare_mini_domainnet(*net, tmp_path / "mini", skip_missing=True, progress=False)
    assert summary.missing == 1 and summary.domain_images["real"] == 251
    assert len(load_dataset(tmp_path / "mini")) == 4 * 252 - 1


def test_a_domain_without_list_or_folder_is_an_error(net, tmp_path):
    (net[1] / "real_train.txt").unlink()
    with pytest.raises(DataError, match=r"splits_mini has no real_train\.txt; give the folder of"):
        prepare_mini_domainnet(*net, tmp_path / "mini", progress=False)
    (net[1] / "real_train.txt").write_text("real/zebra/0.jpg 125\n")
    (net[0] / "real").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"domainnet has no folder real; unpack real\.zip there"):
        prepare_mini_domainnet(*net, tmp_path / "mini", progress=False)


@pytest.mark.slow
def test_a_path_that_leads_elsewhere_is_refused(net, tmp_path):
    (net[1] / "real_train.txt").write_text("real/../zebra/0.jpg 125\n")
    with pytest.raises(DataError, match=r"name real/\.\./zebra/0\.jpg, which does not lie in real"):
        prepare_mini_domainnet(*net, tmp_path / "mini", progress=False)
