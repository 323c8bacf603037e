"""What attacks must not do is seen: a campaign that finds nothing would be worth nothing."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from fuzz.base import Attack, Fell, NotHere, Result
from fuzz.commands import Ran, check_words
from fuzz.driver import run_attack
from fuzz.kept import Kept
from fuzz.mutate import damaged, damaged_json
from fuzz.table import table, write_into
from fuzz.world import World

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="attacks run in forked processes"),
    pytest.mark.slow,
]


class Bad(Attack):
    """Seed 0 is fine; the others fall, each in its own way."""

    name, title, count = "bad", "bad things", 6
    limit_s, limit_mb = 10.0, 100.0

    def attempt(self, seed: int, place: Path) -> str:
        (place / "file").write_text("x")
        if seed == 1:
            raise Fell("a wrong number")
        if seed == 2:
            raise KeyError("by accident")
        if seed == 3:
            time.sleep(60)
        if seed == 4:
            os._exit(9)
        if seed == 5:
            np.ones(25_000_000).sum()
        return "survived"


class Impossible(Bad):
    def check_possible(self) -> None:
        raise NotHere("not on this machine")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    (folder / "scratch").mkdir()
    return World(folder, folder / "scratch")


@pytest.fixture(scope="module")
def result(world: World) -> Result:
    return run_attack(Bad(world), range(6), jobs=2)


@pytest.mark.parametrize(
    ("seed", "words"),
    [
        (1, "a wrong number"),
        (2, "KeyError: 'by accident'"),
        (3, "no end within 10 s"),
        (4, "died (9)"),
        (5, "above 100"),
    ],
)
def test_whatever_falls_is_noticed(result: Result, seed: int, words: str):
    assert words in (result.attempts[seed].fell or "")


def test_what_survives_counts_as_such(result: Result):
    assert [one.seed for one in result.attempts] == list(range(6))
    assert result.outcomes == {"survived": 1} and len(result.failed) == 5


def test_no_attempt_leaves_files(result: Result, world: World):
    assert len(result.attempts) == 6 and list(world.scratch.iterdir()) == []


def test_an_attack_that_is_not_possible_has_a_row(world: World):
    result = run_attack(Impossible(world), range(6), jobs=2)
    assert result.attempts == [] and result.not_here == "not on this machine"
    assert "| bad things | 0 | 0 | 0 | not possible here: not on this machine |" in table(
        [result], 0
    )


def test_the_table_counts_all(result: Result):
    assert "| bad things | 6 | 1 | 5 | 1 survived |" in table([result], 0)


def test_the_table_takes_its_place_in_a_page(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- campaign -->\nold\n<!-- end of campaign -->\nafter\n")
    write_into(page, "new\n")
    text = page.read_text()
    assert text == "before\n<!-- campaign -->\nnew\n<!-- end of campaign -->\nafter\n"


@pytest.mark.parametrize(
    ("ran", "words"),
    [
        (Ran(70, "", "Traceback (most recent call last):\nKeyError"), "exit code 70"),
        (Ran(1, "", "Traceback (most recent call last):\nKeyError"), "exit code 1"),
        (Ran(-9, "", ""), "exit code -9"),
        (Ran(2, "", "oh"), "refused without a word"),
        (Ran(2, "", "Error: \x1b[31m"), "control character"),
    ],
)
def test_a_command_that_does_not_end_in_words_is_noticed(ran: Ran, words: str):
    with pytest.raises(Fell, match=words):
        check_words(ran, ["predict"])


def test_damage_is_decided_by_the_seed():
    content = bytes(range(256)) * 8
    one, same, other = (damaged(content, np.random.default_rng(seed), b"x") for seed in (1, 1, 2))
    assert one == same and one not in (other, content)


def test_damage_to_json_names_its_places():
    content = {"a": 1.5, "b": {"c": 2.5}}
    for seed in range(40):
        text, changed = damaged_json(content, np.random.default_rng(seed))
        found = json.loads(text)
        if found.get("a") != 1.5:
            assert ("a",) in changed
        if found.get("b") != {"c": 2.5}:
            assert any(path[0] == "b" for path in changed)


class Counted(Bad):
    def attempt(self, seed: int, place: Path) -> str:
        (self.world.folder / "made").open("a").write(f"{seed} ")
        if seed == 2 and not (self.world.folder / "mended").exists():
            raise Fell("not yet")
        return "survived"


def test_attempts_that_are_kept_are_not_made_again_unless_they_fell(world: World, tmp_path: Path):
    for mended in (False, True):
        if mended:
            (world.folder / "mended").touch()
        kept = Kept(tmp_path / "attempts.jsonl")
        seeds = kept.left(Counted, range(4))
        for attempt in run_attack(Counted(world), seeds, jobs=1).attempts:
            kept.add(Counted, attempt)
    assert (world.folder / "made").read_text().split() == ["0", "1", "2", "3", "2"]
    result = Kept(tmp_path / "attempts.jsonl").result(Counted)
    assert [one.seed for one in result.attempts] == [0, 1, 2, 3] and not result.failed
    assert f"in several runs: 4 on {kept.commit}." in table([result], 0)
