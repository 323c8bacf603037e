from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.inspection.style_names import STYLES, nearest_styles


class Texts:
    """A backbone whose sentences lie along random directions with a large common part."""

    def __init__(self):
        draws = torch.Generator().manual_seed(0)
        self.own = F.normalize(torch.randn(len(STYLES), 64, generator=draws), dim=1)
        self.common = 5 * F.normalize(torch.randn(64, generator=draws), dim=0)

    def encode_texts(self, texts):
        assert tuple(texts) == STYLES
        return F.normalize(self.own + self.common, dim=1)


def test_words_are_about_a_hundred_and_different():
    assert 90 <= len(STYLES) <= 130
    assert len(set(STYLES)) == len(STYLES)
    assert all(word == word.strip() and word for word in STYLES)


def test_the_word_a_direction_points_at_comes_first():
    backbone = Texts()
    found = nearest_styles(backbone.own[[3, 40]], backbone)
    assert [words[0][0] for words in found] == [STYLES[3], STYLES[40]]
    mixed = F.normalize(backbone.own[3] + 0.9 * backbone.own[40], dim=0)
    [words] = nearest_styles(mixed[None], backbone)
    assert [word for word, _ in words] == [STYLES[3], STYLES[40]]
    assert words[0][1] > words[1][1] > 0.5


def test_what_all_words_share_does_not_count():
    backbone = Texts()
    [words] = nearest_styles(F.normalize(backbone.common[None], dim=1), backbone)
    assert all(score < 0.5 for _, score in words)


@pytest.mark.parametrize("seed", range(5))
def test_a_direction_at_random_has_no_name(seed):
    draws = torch.Generator().manual_seed(100 + seed)
    random = F.normalize(torch.randn(40, 64, generator=draws), dim=1)
    named = [words for words in nearest_styles(random, Texts()) if words]
    assert len(named) <= 2


def test_a_direction_of_zeros_has_no_name():
    assert nearest_styles(torch.zeros(1, 64), Texts()) == [[]]
