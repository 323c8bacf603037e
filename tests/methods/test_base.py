"""Methods by name: known without loading torch, made with what they have."""

import subprocess
import sys
from dataclasses import dataclass

import pytest

from ldpf.errors import SettingsError
from ldpf.methods import METHODS, Method, make_method
from ldpf.training.recipe import PAPER


def test_names_summaries_and_facts_load_no_torch() -> None:
    code = (
        "import sys\nfrom ldpf.methods import METHODS\n"
        "assert all(METHODS.summary(name) for name in METHODS)\n"
        "assert not METHODS.facts('zero-shot')['learns']\n"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_what_its_decorator_says(name: str) -> None:
    method, facts = make_method(name), METHODS.facts(name)
    assert method.learns == facts.get("learns", True)
    assert method.prompts == facts.get("prompts", False)
    assert method.shares_passes == facts.get("shares_passes", False)
    assert method.needs_domains == facts.get("needs_domains", False)
    assert (method.n_prompts > 0) == method.prompts


def test_a_method_under_another_name_keeps_the_facts_of_its_class() -> None:
    from ldpf.methods import ZeroShot

    assert not ZeroShot("my-templates", ("a sketch of a {}.",)).learns


def test_a_recipe_and_a_number_of_domains_reach_those_that_have_them() -> None:
    method = make_method("ldpf", PAPER, n_domains=5)
    assert (method.recipe, method.discovery.n_domains) == (PAPER, 5)
    assert make_method("gda", PAPER, n_domains=5) == make_method("gda")


def test_an_unknown_method_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match=r"'ldfp'.*'ldpf'"):
        make_method("ldfp")


def test_two_names_for_one_method_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(METHODS, "_entries", {**METHODS._entries})
    monkeypatch.setattr(METHODS, "_facts", {**METHODS._facts})

    @METHODS.register("one")
    @dataclass(frozen=True)
    class Other(Method):
        name: str = "other"

    with pytest.raises(SettingsError, match=r"'one'.*'other'"):
        make_method("one")
