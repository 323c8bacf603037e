"""Class names to tokens: what stands behind the prompt, and names that cannot."""

from __future__ import annotations

import copy
import logging
from dataclasses import replace

import pytest

from ldpf.errors import SettingsError
from ldpf.text.sentences import ClassTokens


def test_a_sentence_is_name_suffix_end(make_tower):
    tower = make_tower()
    tokens = ClassTokens.read(tower, ["polar bear", "cat"], ".")
    expected = [(*tower.name_tokens(text), tower.eos_id) for text in ("polar bear .", "cat .")]
    assert list(tokens.ids) == expected
    assert tokens.lengths == (4, 3)


def test_suffix_may_be_empty(make_tower):
    assert ClassTokens.read(make_tower(), ["polar bear", "cat"], "").lengths == (3, 2)


def test_no_class_is_refused(make_tower):
    with pytest.raises(SettingsError, match=r"^There are no class names; give at least one\.$"):
        ClassTokens.read(make_tower(), [], ".")


def test_empty_name_is_refused(make_tower):
    with pytest.raises(SettingsError) as error:
        ClassTokens.read(make_tower(), ["cat", " "], ".")
    assert str(error.value) == (
        "Class name 1 of 2 is empty (' '); every class needs a name the text encoder can read."
    )


def test_name_without_a_token_is_refused(make_tower, monkeypatch):
    tower = make_tower()
    monkeypatch.setattr(
        type(tower.tokenizer),
        "__call__",
        lambda self, text, **_: {"input_ids": [7] * (text != "☃")},
    )
    with pytest.raises(SettingsError) as error:
        ClassTokens.read(tower, ["cat", "☃"], ".")
    assert str(error.value) == (
        "The tokenizer makes no token of class name '☃' (number 1); write it in letters the "
        "tokenizer knows."
    )


def test_name_longer_than_the_tower_is_refused(make_tower):
    with pytest.raises(SettingsError) as error:
        ClassTokens.read(make_tower(context_length=8), ["cat", "a b c d e f g"], ".")
    assert str(error.value) == (
        "The sentence of class 'a b c d e f g' has 10 tokens (start, 0 context, 8 of the name and "
        "what follows it, end) but the text encoder reads at most 8; use a shorter name."
    )


def test_a_long_name_is_refused_in_our_words_alone(tiny_clip):
    said: list[logging.LogRecord] = []
    tokenizer = copy.deepcopy(tiny_clip.tokenizer)
    tokenizer.model_max_length = 8
    handler = logging.Handler()
    handler.emit = said.append
    transformers = logging.getLogger("transformers")
    transformers.addHandler(handler)
    level = transformers.level
    transformers.setLevel(logging.WARNING)  # a command run before may have left it at errors only
    try:
        with pytest.raises(SettingsError, match="use a shorter name"):
            tower = replace(tiny_clip.text, tokenizer=tokenizer, context_length=8)
            ClassTokens.read(tower, ["cat dog " * 20], ".")
        assert said == []
        tokenizer("cat dog " * 20)  # it would have complained
        assert len(said) == 1
    finally:
        transformers.setLevel(level)
        transformers.removeHandler(handler)


def test_name_that_does_not_fit_behind_the_context_is_refused(make_tower):
    tokens = ClassTokens.read(make_tower(context_length=8), ["cat", "big cat"], ".")
    tokens.require_fit(3)
    with pytest.raises(SettingsError) as error:
        tokens.require_fit(4)
    assert str(error.value) == (
        "The sentence of class 'big cat' has 9 tokens (start, 4 context, 3 of the name and what "
        "follows it, end) but the text encoder reads at most 8; use at most 3 context tokens or a "
        "shorter name."
    )
