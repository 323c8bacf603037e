from __future__ import annotations

from ldpf.models.summary import chosen_words

TRIALS = [{"settings": {}, "score": 0.5}]


def line(method, run, chosen, trials=TRIALS):
    return {"method": method, "run": run, "chosen": chosen, "trials": trials}


def test_a_method_that_kept_its_own_settings_is_said_to():
    assert chosen_words([line("coop", "r", {})]) == [
        "Chosen for coop: its own settings (1 of 1 runs)."
    ]


def test_read_outs_of_one_training_are_named_together_and_counted_once():
    lines = [line(name, "r", {"tau": 0.1}) for name in ("ldpf", "ldpf-uniform")]
    assert chosen_words([*lines, *lines]) == [
        "Chosen for ldpf, ldpf-uniform: tau=0.1 (1 of 1 runs)."
    ]


def test_where_nothing_was_searched_nothing_is_said():
    assert chosen_words([line("coop", "r", {}, []), {"method": "ldpf", "run": "r"}]) == []
