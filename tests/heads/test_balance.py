from __future__ import annotations

import torch

from ldpf.heads.balance import cell_weights, cell_weights_reference
from ldpf.utils.seed import generator

LABELS = torch.randint(3, (60,), generator=generator(0, "labels"))
GROUPS = torch.randint(4, (60,), generator=generator(0, "groups"))


def test_weights_are_the_definition() -> None:
    expected = cell_weights_reference(LABELS, GROUPS, 3)
    assert torch.allclose(cell_weights(LABELS, GROUPS, 3), expected)


def test_every_domain_of_a_class_has_the_same_sum() -> None:
    weights = cell_weights(LABELS, GROUPS, 3)
    sums = torch.stack(
        [weights[(s == GROUPS) & (k == LABELS)].sum() for s in range(4) for k in range(3)]
    )
    assert torch.allclose(sums, sums[0].expand(12))


def test_the_mean_weight_is_one() -> None:
    assert torch.isclose(cell_weights(LABELS, GROUPS, 3).mean(), torch.tensor(1.0).double())


def test_equal_cells_weigh_nothing_more() -> None:
    labels, groups = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    assert torch.equal(cell_weights(labels, groups, 2), torch.ones(4).double())
