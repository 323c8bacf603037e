from __future__ import annotations

from collections import UserDict, namedtuple
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset

from ldpf.data.torch_items import ItemParts, items_of, metadata_fields
from ldpf.errors import DataError

IMAGE = np.zeros((4, 4, 3), np.uint8)


def refusal(item, parts=None):
    with pytest.raises(DataError) as caught:
        (parts or ItemParts()).of(item, 7)
    return str(caught.value)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ((1, 2), (1, 2, None)),
        ([1, 2, "art"], (1, 2, "art")),
        ((1, 2, torch.tensor(3)), (1, 2, torch.tensor(3))),
        (namedtuple("Item", "a b")(1, 2), (1, 2, None)),
        ({"image": 1, "label": 2, "path": "x"}, (1, 2, None)),
        (UserDict(image=1, label=2), (1, 2, None)),
    ],
)
def test_items_have_their_parts(item, expected):
    assert ItemParts().of(item, 0) == expected


def test_keys_and_domains_are_named():
    parts = ItemParts("pixel_values", "labels", "site")
    assert parts.of({"pixel_values": 1, "labels": 2, "site": 3}, 0) == (1, 2, 3)
    assert refusal({"pixel_value": 1}, parts) == (
        "row 7 of the PyTorch dataset has no 'site'. Its keys are: pixel_value; say which to take, "
        "as in from_torch(source, image='pixel_values', label='labels')"
    )
    assert "has no 'image'. Did you mean 'images'? Its keys are: images, label;" in refusal(
        {"images": 1, "label": 2}
    )


@pytest.mark.parametrize("metadata", [torch.tensor([5, 6]), np.array([5, 6]), [5, 6], (5, 6)])
def test_a_vector_of_metadata_needs_a_choice(metadata):
    item = (1, 2, metadata)
    assert ItemParts(domain=1).of(item, 0) == (1, 2, 6)
    assert ItemParts(domain="site", fields=("hospital", "site")).of(item, 0) == (1, 2, 6)
    message = refusal(item)
    assert message.startswith("row 7 has as its third value ")
    assert message.endswith(
        "2 values; say which of them is the domain: domain=0 to 1, or leave it out of the items"
    )
    message = refusal(item, ItemParts(domain="place", fields=("hospital", "site")))
    assert "(its metadata_fields: hospital, site)" in message and "not 'place'" in message


def test_a_choice_needs_a_vector():
    assert refusal((1, 2), ItemParts(domain=0)) == (
        "domain=0 needs items whose third value is a vector; that of row 7 is None"
    )


@pytest.mark.parametrize(("item", "seen"), [(IMAGE, "ndarray"), ((1,), "tuple of 1"), (3, "int")])
def test_other_items_are_refused(item, seen):
    assert refusal(item) == (
        f"row 7 of the PyTorch dataset is a {seen}; it should be (image, label) or (image, label, "
        "domain), or a dict"
    )


DICTS = [{"image": torch.zeros(3, 4, 4) + i, "label": i, "name": str(i)} for i in range(5)]
TUPLES = [(one["image"], one["label"], torch.tensor([i, 2 * i])) for i, one in enumerate(DICTS)]


def test_batches_of_dicts_are_taken_apart():
    items = list(items_of(DataLoader(DICTS, batch_size=2)))
    assert [int(item["label"]) for item in items] == [0, 1, 2, 3, 4]
    assert [item["name"] for item in items] == ["0", "1", "2", "3", "4"]
    assert [float(item["image"].max()) for item in items] == [0, 1, 2, 3, 4]


def test_batches_of_tuples_are_taken_apart():
    items = list(items_of(DataLoader(TUPLES, batch_size=2)))
    assert [int(label) for _, label, _ in items] == [0, 1, 2, 3, 4]
    assert items[3][2].tolist() == [3, 6]


@pytest.mark.parametrize("given", [TUPLES, DICTS])
def test_batches_that_are_not_collated_are_lists_of_items(given):
    items = list(items_of(DataLoader(given, batch_size=2, collate_fn=list)))
    assert items == given


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        (
            torch.zeros(2, 3, 4, 4),
            "batch 0 of the loader is a Tensor; it should be (images, labels)",
        ),
        (
            [torch.zeros(2, 3, 4, 4), torch.zeros(1)],
            "batch 0 of the loader has parts of different lengths: Tensor (2, 3, 4, 4), Ten",
        ),
        (
            {"image": torch.zeros(2, 3, 4, 4), "size": 4},
            "batch 0 of the loader has parts of different lengths: Tensor (2, 3, 4, 4), int; each",
        ),
    ],
)
def test_other_batches_are_refused(batch, sentence):
    loader = DataLoader([0, 1], batch_size=2, collate_fn=lambda _: batch)
    with pytest.raises(DataError) as caught:
        list(items_of(loader))
    assert str(caught.value).startswith(sentence)


def test_fields_of_metadata_are_found_behind_subsets_and_loaders():
    wilds = SimpleNamespace(metadata_fields=["hospital", "slide"], __len__=lambda: 3)
    assert metadata_fields(Subset(wilds, [0])) == ("hospital", "slide")
    assert metadata_fields([1, 2]) == ()
