from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from ldpf.backbones import assemble
from ldpf.backbones.base import Backbone
from ldpf.text.zero_shot import zero_shot_features

NAMES, TEMPLATES = ("cat", "dog"), ("a photo of a {}.", "a sketch of a {}.")


@pytest.fixture
def backbone(tiny_clip_parts):
    return assemble("own", **{**tiny_clip_parts, "model": copy.deepcopy(tiny_clip_parts["model"])})


@pytest.fixture
def calls(monkeypatch):
    made = []
    original = Backbone.encode_texts

    def encode_texts(self, texts):
        made.append(list(texts))
        return original(self, texts)

    monkeypatch.setattr(Backbone, "encode_texts", encode_texts)
    return made


def test_the_same_sentences_are_encoded_once(backbone, calls):
    first = zero_shot_features(NAMES, TEMPLATES, backbone)
    first.zero_()  # the caller's own
    again = zero_shot_features(NAMES, TEMPLATES, replace(backbone, name="another"))
    assert len(calls) == 2 and not torch.equal(first, again)


@pytest.mark.parametrize("change", ["names", "templates", "weights", "moved"])
def test_whatever_changes_them_has_them_encoded_anew(change, backbone, calls):
    before = zero_shot_features(NAMES, TEMPLATES, backbone)
    names, templates = NAMES, TEMPLATES
    if change == "names":
        names = ("cat", "horse")
    elif change == "templates":
        templates = (*TEMPLATES, "a {} of clay.")
    else:
        weight = backbone.text.projection.weight
        with torch.no_grad():
            if change == "weights":
                weight[0] += 1.0
            else:
                weight.data = weight.data + torch.linspace(0, 1, len(weight))[:, None]
    after = zero_shot_features(names, templates, backbone)
    assert len(calls) > 2 and not torch.equal(before, after)


def test_no_more_is_kept_than_a_few_sets(backbone, calls):
    for number in range(20):
        zero_shot_features((f"thing {number}",), TEMPLATES[:1], backbone)
    zero_shot_features(("thing 0",), TEMPLATES[:1], backbone)
    assert len(calls) == 21
