from __future__ import annotations

import pytest

from ldpf.errors import SettingsError
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.protocol_presets import PROTOCOL_PRESETS, get_protocol_preset


@pytest.mark.parametrize(
    ("name", "share", "steps", "batch"),
    [("spg", 0.7, 20 * 188, 32), ("domainbed", 0.8, 5000, 96), ("clipood", 0.8, 10_000, 108)],
)
def test_a_preset_has_the_papers_split_and_length(name, share, steps, batch):
    preset = get_protocol_preset(name)
    plan = BenchmarkPlan(
        ["coop"], preset.recipe, protocol=preset.protocol, selection=preset.selection
    )
    assert plan.train_share == share
    assert preset.recipe.image_batch == batch
    assert preset.recipe.steps(6000) == steps
    assert plan.selection == "training-domain-validation"


@pytest.mark.parametrize("name", PROTOCOL_PRESETS)
def test_a_preset_and_another_protocol_contradict_each_other(name):
    preset = get_protocol_preset(name)
    preset.require(name, protocol=preset.protocol, selection=None)
    with pytest.raises(SettingsError) as caught:
        preset.require(name, protocol="single-source", selection=None)
    assert str(caught.value) == (
        f"protocol='single-source' and protocol_preset={name!r} contradict each other: the preset "
        f"has protocol {name}. Leave one of them out."
    )
    with pytest.raises(SettingsError, match="selection='target-oracle' and protocol_preset="):
        preset.require(name, protocol=None, selection="target-oracle")


def test_a_protocol_without_a_share_of_its_own_takes_the_plans():
    recipe = get_protocol_preset("spg").recipe
    assert BenchmarkPlan(["coop"], recipe, train_fraction=0.6).train_share == 0.6
