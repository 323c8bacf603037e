from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from ldpf.errors import DataError
from ldpf.inspection.leaks import (
    CLASSES,
    HELD_OUT,
    SEEN,
    TARGET,
    Leak,
    LeakedImage,
    LeakReport,
    check_split,
    find_class_leak,
    find_leak,
)


@pytest.fixture
def parts(make_features):
    """Training and held-out images without copies; digests as files have them."""

    def with_contents(data, first):
        numbers = np.arange(first, first + len(data), dtype=np.uint32)[:, None]
        contents = np.repeat(numbers, 8, axis=1).view(np.uint8)
        return replace(
            data, contents=contents, paths=tuple(f"{first + i}" for i in range(len(data)))
        )

    learned = make_features(20, dim=64, noise=0.3, domain_strength=0.5)
    others = make_features(8, dim=64, noise=0.3, domain_strength=0.5, seed=1)
    return with_contents(learned, 1), with_contents(others, 1000)


def test_different_pictures_are_no_leak(parts):
    report = check_split(parts[0], [parts[1]])
    assert not report and report.paragraph() == "" and len(report.leaks) == 2
    assert report.leaks[0].sentence() == (
        "none of 72 held-out images is also among the training images."
    )
    report.refuse()


def test_the_same_files_and_nearly_the_same_pictures_are_counted_apart(parts):
    train, held_out = parts
    features, contents = held_out.features.clone(), held_out.contents.copy()
    features[4] = train.features[9]
    features[6] = torch.nn.functional.normalize(train.features[11] + 0.002, dim=0)
    contents[3] = train.contents[7]
    leak = find_leak(replace(held_out, features=features, contents=contents), train)
    assert (leak.same_files, leak.near_duplicates, leak.asked) == (1, 2, 72)
    found = [(image.path, image.copy) for image in leak.images]
    assert found == [("1003", "8"), ("1004", "10"), ("1006", "12")]
    assert leak.images[0].cosine is None and leak.images[1].cosine == pytest.approx(1)
    assert "3 of 72 held-out images are also among the training images" in leak.sentence()
    assert "1 the same file, 2 nearly the same picture" in leak.sentence()
    assert "1003" in leak.sentence() and "the same file" in leak.sentence()


def test_without_files_features_alone_are_compared(parts):
    train, held_out = (replace(part, contents=None) for part in parts)
    held_out = replace(held_out, features=torch.cat([train.features[:1], held_out.features[1:]]))
    leak = find_leak(held_out, train)
    assert (leak.same_files, leak.near_duplicates) == (0, 1)


def test_files_whose_digest_is_unknown_are_not_the_same_file(parts):
    train, held_out = (replace(part, contents=np.zeros_like(part.contents)) for part in parts)
    assert not find_leak(held_out, train).images


def test_one_picture_under_two_classes_is_found_within_and_across_the_parts(parts):
    train, held_out = parts
    contents = train.contents.copy()
    contents[1] = contents[0]  # classes go round: 0, 1, 2, 0 ...
    features = held_out.features.clone()
    features[2] = train.features[3]
    report = check_split(replace(train, contents=contents), [replace(held_out, features=features)])
    classes = report.leaks[-1]
    assert {image.path for image in classes.images} == {"1", "2", "1002", "4"}
    assert classes.images[0].words == "1 (cat) and 2 (dog) (the same file)"
    assert "One of the two labels is wrong" in report.paragraph()
    assert "too high" in report.paragraph()


def test_copies_within_a_class_are_no_wrong_labels(parts):
    train = parts[0]
    contents = train.contents.copy()
    contents[3] = contents[0]
    assert not find_class_leak(replace(train, contents=contents)).images


def test_an_empty_part_is_left_out(parts):
    report = check_split(parts[0], [parts[1].subset([])])
    assert [leak.kind.name for leak in report.leaks] == ["classes"]


def test_refusing_says_what_was_found_and_how_to_go_on(parts):
    train, held_out = parts
    leak = find_leak(train.subset([0, 1]), train, SEEN)
    with pytest.raises(DataError, match=r"2 of 2 images.*fail_on_leaks"):
        LeakReport((leak,)).refuse()
    assert not LeakReport((find_leak(held_out, train),))


def test_the_report_is_plain_json(parts):
    train = parts[0]
    document = json.loads(json.dumps(check_split(train, [train.subset([5])]).to_json()))
    assert document[0]["same_files"] == 1 and document[0]["images"][0]["copy"] == "6"
    assert document[1]["kind"] == "classes" and document[1]["images"] == []


def test_all_that_is_said_in_one_view(golden):
    same = LeakedImage("a/1.png", "b/1.png", "a", "b", None)
    near = LeakedImage("a/2.png", "a/3.png", "a", "a", 0.9987)
    kinds = (HELD_OUT, TARGET, SEEN, CLASSES)
    sentences = [Leak(kind, 120, (same, near)).sentence() for kind in kinds]
    sentences += [Leak(TARGET, 1, (), "target sketch").sentence()]
    sentences += [Leak(TARGET, 9, (near,), "target sketch").sentence()]
    golden([*sentences, *(kind.advice for kind in kinds)])
