from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ldpf.doctor import Case, Status
from ldpf.doctor.signs.class_by_domain import cramers_v


def test_v_is_0_for_independent_and_1_for_equal_labelings():
    assert cramers_v(np.full((3, 4), 50)) == 0
    assert cramers_v(np.diag([1000, 1000, 1000])) == pytest.approx(1, abs=1e-3)


def test_v_is_bergsmas_formula_cell_by_cell():
    table = np.array([[30, 10, 5], [8, 40, 12]])
    n, r, k = table.sum(), 2, 3
    phi = 0.0
    for i in range(r):
        for j in range(k):
            expected = table[i].sum() * table[:, j].sum() / n
            phi += (table[i, j] - expected) ** 2 / expected / n
    phi = max(0, phi - (r - 1) * (k - 1) / (n - 1))
    rows, columns = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    assert cramers_v(table) == pytest.approx(math.sqrt(phi / min(rows - 1, columns - 1)))


def test_v_leaves_out_empty_rows_and_columns():
    table = np.array([[30, 0, 10], [0, 0, 0], [8, 0, 40]])
    assert cramers_v(table) == pytest.approx(cramers_v(table[[0, 2]][:, [0, 2]]))


def test_the_table_of_classes_by_domain_is_told(say, linear, make_features):
    found = say("class-by-domain", Case(linear(3, 16), train=make_features(8)))
    assert found.status is Status.FINE
    assert found.details[0] == "photo: cat 8, dog 8, horse 8"


def test_one_class_cannot_go_with_a_domain(say, linear, make_features):
    images = make_features(8)
    images = replace(images, labels=torch.zeros_like(images.labels))
    found = say("class-by-domain", Case(linear(3, 16), train=images))
    assert (found.status, found.words) == (
        Status.NOT_MEASURED,
        "there is only one class, or only one domain",
    )
