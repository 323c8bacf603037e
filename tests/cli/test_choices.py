"""Options that take names."""

from __future__ import annotations

import pytest

from ldpf.cli.choices import choice_of, choices_help, listed, named_help
from ldpf.errors import SettingsError
from ldpf.methods import METHODS


def test_a_help_text_has_every_name_with_its_summary():
    text = choices_help(METHODS)
    assert all(f"{name}: " in text for name in METHODS)
    assert METHODS.summary("coop") in text


def test_a_bracket_is_no_markup():
    assert named_help({"a": "one [of] two"}) == "a: one \\[of] two"


def test_a_name_of_the_registry_passes_and_another_is_refused_with_a_suggestion():
    check = choice_of(METHODS)
    assert check("coop") == "coop"
    with pytest.raises(SettingsError, match="Did you mean 'coop'"):
        check("cooop")


def test_a_list_has_no_blanks_and_no_repetitions():
    assert listed(" art, photo,,art ") == ["art", "photo"]
