from __future__ import annotations

from dataclasses import replace

import pytest

from ldpf.errors import SettingsError
from ldpf.training.recipe import FAST, PAPER, RECIPES, STEADY, get_recipe
from ldpf.utils.registry import part_settings


def test_the_paper_recipe_is_coops_protocol():
    assert (PAPER.optimizer, PAPER.learning_rate, PAPER.image_batch) == ("sgd", 2e-3, 32)
    assert (PAPER.max_epochs, PAPER.warmup_epochs, PAPER.warmup_rate) == (20, 1, 1e-5)
    assert PAPER.patience is None


def test_the_fast_recipe_stops_on_its_own():
    assert FAST.patience is not None
    assert FAST.max_steps is not None


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_carry_the_name_they_are_found_by(name):
    assert get_recipe(name).name == name


def test_an_unknown_recipe_is_named_with_the_choices():
    with pytest.raises(SettingsError) as caught:
        get_recipe("quick")
    assert str(caught.value) == "There is no recipe 'quick'; choose from steady, fast, paper."


@pytest.mark.parametrize(
    ("n_train", "steps"), [(1, 20), (32, 20), (33, 40), (320, 200), (321, 220)]
)
def test_steps_count_the_last_partial_batch_of_each_epoch(n_train, steps):
    assert PAPER.steps(n_train) == steps


def test_max_steps_hold_for_any_number_of_images():
    assert FAST.steps(10) == FAST.steps(1_000_000) == FAST.max_steps


def test_the_cosine_starts_at_the_full_rate_behind_the_warm_up():
    rates = [PAPER.cosine(epoch) for epoch in range(20)]
    # The sequence that CoOp's scheduler (constant warm-up, then CosineAnnealingLR) gives.
    assert rates[0] == 1e-5
    assert rates[1] == pytest.approx(2e-3)
    assert rates[2] == pytest.approx(2e-3 * 0.9938442)
    assert rates[11] == pytest.approx(1e-3)
    assert rates[1:] == sorted(rates[1:], reverse=True)


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": "lion"},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"image_batch": 0},
        {"cooldown": -1},
        {"warmup_epochs": -1},
        {"warmup_rate": float("inf")},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(change):
    (name, value), *_ = change.items()
    with pytest.raises(SettingsError, match=rf"^{name}={value!r} should be "):
        replace(PAPER, **change)


@pytest.mark.parametrize("name", ["max_steps", "round_every", "evaluate_every", "patience"])
def test_counts_below_one_are_refused(name):
    with pytest.raises(SettingsError, match=f"^{name}=0 should be a whole number of at least 1"):
        replace(FAST, **{name: 0})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"max_steps": 10}, ["max_epochs is 20", "max_steps 10"]),
        ({"max_epochs": None}, ["max_epochs is None", "max_steps None"]),
        ({"max_epochs": None, "max_steps": 10}, ["warmup_epochs is 1", "max_steps 10"]),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(change, named):
    with pytest.raises(SettingsError) as caught:
        replace(PAPER, **change)
    assert all(part in str(caught.value) for part in named)


@pytest.mark.parametrize("change", [{"average": 1.0}, {"average": -0.1}, {"keep": "first"}])
def test_how_prompts_are_kept_is_checked(change):
    with pytest.raises(
        SettingsError, match=f"{next(iter(change))}={next(iter(change.values()))!r}"
    ):
        replace(FAST, **{"keep": "last"} | change)


def test_an_average_is_of_the_last_prompts():
    with pytest.raises(SettingsError, match=r"average is 0\.9 and keep 'best'"):
        replace(FAST, average=0.9)


def test_settings_of_before_are_those_of_today():
    assert not {"precision", "cuda_graphs"} & part_settings(STEADY).keys()
    assert part_settings(replace(STEADY, precision="bfloat16"))["precision"] == "bfloat16"
    assert part_settings(replace(STEADY, cuda_graphs=True))["cuda_graphs"] is True


@pytest.mark.parametrize(("name", "value"), [("precision", "half"), ("cuda_graphs", 1)])
def test_what_is_no_precision_and_no_truth_value_is_refused(name, value):
    with pytest.raises(SettingsError, match=name):
        replace(STEADY, **{name: value})
