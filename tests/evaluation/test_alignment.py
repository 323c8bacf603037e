from __future__ import annotations

import pytest
import torch

from ldpf.evaluation.alignment import own_label_cosines, split_by_alignment


def test_the_cosine_is_that_of_an_image_and_its_own_class():
    features = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    texts = torch.tensor([[0.6, 0.8], [1.0, 0.0]])
    cosines = own_label_cosines(features, torch.tensor([0, 1, 1]), texts)
    assert cosines.tolist() == pytest.approx([0.6, 0.6, 0.0])


def test_accuracy_is_measured_apart_at_and_below_the_threshold():
    cosines = torch.tensor([0.30, 0.21, 0.20, 0.10, 0.05])
    right = torch.tensor([True, False, True, False, False])
    split = split_by_alignment(cosines, right, 0.21)
    assert (split.aligned, split.n_aligned) == (0.5, 2)
    assert (split.misaligned, split.n_misaligned) == (pytest.approx(1 / 3), 3)


def test_a_side_without_images_has_no_accuracy():
    split = split_by_alignment(torch.tensor([0.5]), torch.tensor([True]), 0.21)
    assert (split.aligned, split.misaligned, split.n_misaligned) == (1.0, None, 0)
