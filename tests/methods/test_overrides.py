"""Settings by dotted name."""

from __future__ import annotations

import pytest

from ldpf.domains.clustering.spherical import SphericalKMeans
from ldpf.domains.disentangle.leace import Leace
from ldpf.errors import SettingsError
from ldpf.fusion.uniform import Uniform
from ldpf.methods import LDPF, ZeroShot, make_method
from ldpf.methods.overrides import (
    applicable,
    known_names,
    parse_settings,
    setting_names,
    with_settings,
)
from ldpf.methods.presets import PAPER_SETTINGS


def test_a_setting_of_the_method_and_one_of_a_part() -> None:
    method = with_settings(LDPF(), {"tau": 0.5, "discovery.n_domains": 7})
    assert (method.fusion.tau, method.discovery.n_domains) == (0.5, 7)


def test_everything_else_stays() -> None:
    changed = with_settings(LDPF(), {"recipe.learning_rate": 0.25})
    assert with_settings(changed, {"recipe.learning_rate": LDPF().recipe.learning_rate}) == LDPF()


def test_names_lead_into_parts_and_leave_out_the_name() -> None:
    names = setting_names(LDPF())
    assert {"fusion.tau", "discovery.n_domains", "recipe.learning_rate", "fusion"} <= set(names)
    assert "name" not in names


def test_short_names_are_known_too() -> None:
    assert {"tau", "n_domains", "fusion.tau"} <= set(known_names(LDPF()))


def test_a_part_is_replaced_by_the_name_of_another() -> None:
    method = with_settings(LDPF(), {"fusion": "uniform", "discovery.disentangle": "leace"})
    assert method.fusion == Uniform()
    assert method.discovery.disentangle == Leace()


def test_settings_are_those_of_the_part_that_is_chosen_with_them() -> None:
    settings = {"discovery.clusterer.restarts": 2, "discovery.clusterer": "spherical-kmeans"}
    assert with_settings(LDPF(), settings).discovery.clusterer == SphericalKMeans(restarts=2)


def test_a_short_name_without_meaning_for_the_chosen_part_has_no_effect() -> None:
    assert with_settings(LDPF(), {"tau": 0.5, "fusion": "uniform"}).fusion == Uniform()


def test_former_names_lead_to_todays_settings() -> None:
    paper = with_settings(LDPF(), PAPER_SETTINGS)
    former = with_settings(paper, {"discovery.extractor.erase": False})
    assert former == with_settings(paper, {"discovery.disentangle.erase": False})


def test_an_unknown_part_is_refused_with_the_names() -> None:
    with pytest.raises(SettingsError, match=r"'unifrom'.*'uniform'"):
        with_settings(LDPF(), {"fusion": "unifrom"})


def test_an_unknown_setting_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"'fusion\.tua'.*'fusion\.tau'"):
        with_settings(LDPF(), {"fusion.tua": 1.0})


def test_the_number_of_domains_may_be_the_name_of_a_rule() -> None:
    assert with_settings(LDPF(), {"n_domains": "silhouette"}).discovery.n_domains == "silhouette"


def test_every_name_is_taken() -> None:
    method = LDPF()
    for name in setting_names(method):
        value = method
        for part in name.split("."):
            value = getattr(value, part)
        named = getattr(value, "registered_name", value)
        assert with_settings(method, {name: named}) == method


def test_a_whole_number_serves_as_a_float() -> None:
    assert isinstance(with_settings(LDPF(), {"tau": 1}).fusion.tau, float)


@pytest.mark.parametrize("name", ["tauu", "tau.x", "discovery.k", "name"])
def test_an_unknown_setting_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"There is no setting '{name}'."):
        with_settings(LDPF(), {name: 1})


def test_a_group_is_no_setting() -> None:
    with pytest.raises(SettingsError, match="'discovery' is a group of settings; choose from disc"):
        with_settings(LDPF(), {"discovery": 3})


def test_a_value_of_another_kind_is_refused() -> None:
    message = "turn='many' should be of type int, like 25."
    with pytest.raises(SettingsError, match=message):
        with_settings(LDPF(), {"turn": "many"})


def test_a_value_that_is_not_allowed_is_refused_by_the_method() -> None:
    with pytest.raises(SettingsError, match="stages='none' should be one of alternating"):
        with_settings(LDPF(), {"stages": "none"})


def test_methods_are_made_with_settings() -> None:
    assert make_method("ldpf", settings={"tau": 0.5}).fusion.tau == 0.5
    with pytest.raises(SettingsError, match="There is no setting 'tau'"):
        make_method(ZeroShot().name, settings={"tau": 0.5})


# --- as they are typed ------------------------------------------------------------------------


def test_typed_values_become_numbers_words_and_tuples():
    assert parse_settings(["a=1", "b=0.5", "c=uniform", "d=(1, 2)", "e=True", "f=None"]) == {
        "a": 1, "b": 0.5, "c": "uniform", "d": (1, 2), "e": True, "f": None,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["tau", "tau=", "=1", ""])
def test_a_setting_without_name_or_value_is_refused(text):
    with pytest.raises(SettingsError) as caught:
        parse_settings([text])
    assert str(caught.value) == f"{text!r} should be a name and a value, such as tau=0.05."


def test_a_setting_cannot_be_given_twice():
    with pytest.raises(SettingsError) as caught:
        parse_settings(["tau=1", "tau=2"])
    assert str(caught.value) == "'tau' is set twice; give it one value."


def test_the_number_of_true_domains_is_no_setting():
    settings = {"discovery.n_domains": 2, "tau": 0.05, "length": 3}
    assert applicable(make_method("ldpf"), settings) == {"discovery.n_domains": 2, "tau": 0.05}
    assert applicable(make_method("ldpf-manual"), settings) == {"tau": 0.05}


def test_a_chosen_part_brings_its_own_settings():
    settings = {"discovery.disentangle.hidden": 5, "discovery.disentangle": "adversarial"}
    assert applicable(make_method("ldpf"), settings) == settings
    assert applicable(make_method("ldpf"), {"discovery.disentangle.hidden": 5}) == {}
    assert applicable(make_method("coop"), settings) == {}
