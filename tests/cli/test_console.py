"""Tables of the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.console import Console

from ldpf.cli.console import accuracy_table, counts_table, most_uneven, note, say, say_json, show


def rendered(table: Any) -> str:
    console = Console(width=200, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def cells(text: str, row: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.strip().startswith(row))
    return [cell.strip() for cell in line.strip().split("  ") if cell.strip()]


def test_counts_come_with_their_share_of_the_row():
    text = rendered(counts_table([[3, 1], [0, 0]], ["cat", "[dog]"], "class"))
    assert cells(text, "cat") == ["cat", "4", "3 (75%)", "1 (25%)"]
    assert cells(text, "[dog]") == ["[dog]", "0", "0", "0"]


BAD = "a\x1b[2Jb\x9bc\u202ed"
SHOWN = r"a\x1b[2Jb\x9bc\u202ed"


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("print_it", [say, note, lambda text: show(accuracy_table(text, []))])
def test_control_characters_of_names_never_reach_the_terminal(
    print_it, terminal, monkeypatch, capsys
):
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "200")
    print_it(BAD)
    out, err = capsys.readouterr()
    assert SHOWN in out + err
    assert not {"\x9b", "\u202e"} & set(out + err)
    assert "\x1b[2J" not in out + err


def test_json_has_them_as_escapes(capsys):
    say_json({"name": BAD})
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": BAD}
    assert not {"\x1b", "\x9b", "\u202e"} & set(out)


def test_accuracy_of_no_images_is_a_dash():
    text = rendered(accuracy_table("class", [("cat", 4, 0.25), ("dog", 0, None)]))
    assert cells(text, "cat") == ["cat", "4", "25.0%"]
    assert cells(text, "dog") == ["dog", "0", "–"]


def test_the_most_uneven_rows_come_first_and_small_ones_do_not_lead():
    counts = [[50, 50], [2, 0], [95, 5], [10, 90]]
    assert most_uneven(counts, 2) == [2, 3]
