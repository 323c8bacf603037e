"""Shapes with words for sizes, and values that are not finite."""

from pathlib import Path

import pytest
import torch

from ldpf.errors import ModelError
from ldpf.models.tensor_checks import check_tensors, check_text_features

FOLDER = Path("model")
SHAPES = {"first": ("hidden", 4), "second": ("z", "hidden"), "bias": ("z",)}


def tensors(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    fit = {"first": torch.zeros(3, 4), "second": torch.zeros(2, 3), "bias": torch.zeros(2)}
    return {**fit, **changes}


def test_a_word_stands_for_any_size_that_is_the_same_everywhere() -> None:
    assert check_tensors(FOLDER, tensors(), SHAPES) is None
    wide = tensors(first=torch.zeros(9, 4), second=torch.zeros(2, 9))
    assert check_tensors(FOLDER, wide, SHAPES) is None


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("first", (3, 5), "('any', 4)"),
        ("first", (3,), "('any', 4)"),
        ("second", (2, 4), "(2, 3)"),
        ("bias", (3,), "(2,)"),
    ],
)
def test_another_shape_is_named_with_what_was_expected(
    name: str, shape: tuple[int, ...], expected: str
) -> None:
    with pytest.raises(ModelError) as caught:
        check_tensors(FOLDER, tensors(**{name: torch.zeros(shape)}), SHAPES)
    assert all(part in str(caught.value) for part in (repr(name), str(shape), expected))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(ModelError, match="'bias'"):
        check_tensors(FOLDER, tensors(bias=torch.tensor([0.0, value])), SHAPES)


@pytest.mark.parametrize("value", [1e13, -3e38])
def test_values_that_no_training_makes_are_refused_with_the_value(value: float) -> None:
    with pytest.raises(ModelError) as caught:
        check_tensors(FOLDER, tensors(bias=torch.tensor([0.0, value])), SHAPES)
    assert all(part in str(caught.value) for part in ("'bias'", f"{abs(value):.3g}", "1e+12"))


def test_large_values_that_still_give_finite_answers_pass() -> None:
    assert check_tensors(FOLDER, tensors(bias=torch.tensor([0.0, 1e11])), SHAPES) is None


def test_minus_infinity_may_have_a_meaning() -> None:
    fit = tensors(bias=torch.tensor([0.0, -torch.inf]))
    check_tensors(FOLDER, fit, SHAPES, minus_infinity=("bias",))
    with pytest.raises(ModelError, match="'bias'"):
        check_tensors(
            FOLDER, tensors(bias=torch.tensor([0.0, torch.inf])), SHAPES, minus_infinity=("bias",)
        )


def test_text_features_of_length_one_pass_also_after_half_precision() -> None:
    rows = torch.nn.functional.normalize(torch.randn(2, 3, 512), dim=-1)
    assert check_text_features(rows) is None
    halved = rows.half().float()
    assert not torch.equal(halved, rows)
    assert check_text_features(halved) is None


@pytest.mark.parametrize(
    ("factor", "seen"), [(1e30, "1e+30"), (0.0, "length 0"), (1.1, "1.1"), (torch.nan, "nan")]
)
def test_text_features_of_another_length_are_refused_with_it(factor: float, seen: str) -> None:
    rows = torch.eye(4).reshape(2, 2, 4)
    rows[1, 0] *= factor
    with pytest.raises(ModelError) as caught:
        check_text_features(rows)
    assert "Text feature 2" in str(caught.value)
    assert seen in str(caught.value)
