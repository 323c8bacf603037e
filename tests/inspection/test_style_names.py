from __future__ import annotations

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
    assert all(len(words) == 3 for words in found)
    assert all(words[0][1] >= words[1][1] >= words[2][1] for words in found)


def test_what_all_words_share_does_not_count():
    backbone = Texts()
    [words] = nearest_styles(F.normalize(backbone.common[None], dim=1), backbone)
    assert words[0][1] < 0.5


def test_a_direction_of_zeros_has_no_name():
    assert nearest_styles(torch.zeros(1, 64), Texts()) == [[]]
