"""docs/commands: a page for each command, as the commands are now."""

from __future__ import annotations

import copy
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from ldpf.cli import app

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "commands"
RUN_IT = "run: python scripts/write_command_pages.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("write_command_pages")


@pytest.fixture
def root() -> Any:
    return typer.main.get_command(app).load_all()


def below(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """A command and all commands of a group, with the words that call them."""
    yield path, command
    for name, one in getattr(command, "commands", {}).items():
        yield from below(one, f"{path} {name}")


def test_the_pages_are_those_of_the_commands_as_they_are(script: ModuleType) -> None:
    written = script.pages()
    assert {file.name for file in PAGES.iterdir()} == set(written), RUN_IT
    for name, text in written.items():
        assert (PAGES / name).read_text(encoding="utf-8") == text, f"{name} is old; {RUN_IT}"


def test_each_command_has_a_page_and_a_line_in_the_index(root: Any) -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"^\| \[`ldpf ([\w-]+)`\]\(\1\.md\) \| \S", index, re.MULTILINE)
    assert linked == list(root.commands)
    assert all((PAGES / f"{name}.md").is_file() for name in root.commands)


def test_each_option_and_argument_stands_in_its_command_s_part_of_the_page(root: Any) -> None:
    for name, command in root.commands.items():
        page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
        for path, one in below(command, f"ldpf {name}"):
            start = re.search(rf"^#+ {path}$", page, re.MULTILINE)
            assert start is not None, path
            part = re.split(r"^#+ ldpf ", page[start.end() :], flags=re.MULTILINE)[0]
            rows = [line for line in part.splitlines() if line.startswith("| `")]
            assert len(rows) == len(one.params) + len(getattr(one, "commands", {})), path
            for parameter in one.params:
                if parameter.param_type_name == "option":
                    names = [*parameter.opts, *parameter.secondary_opts]
                    assert all(any(f"`{name}`" in row for row in rows) for name in names), names


def test_each_page_says_what_exit_codes_mean() -> None:
    for page in PAGES.iterdir():
        codes = re.findall(r"^\| (\d+) \| ", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert codes == ["0", "1", "2", "130", "141", "143"], page


def test_no_mark_of_the_terminal_is_left(script: ModuleType) -> None:
    for name, text in script.pages().items():
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), name


def test_an_added_option_changes_its_page_alone(script: ModuleType, root: Any) -> None:
    before = script.pages(root)
    option = copy.copy(root.commands["predict"].params[-1])
    option.opts, option.help = ["--new"], "a | b, 'ldpf train', 2 * 3 and [bold]more[/bold]"
    root.commands["info"].params.append(option)
    after = script.pages(root)
    assert {name for name in after if after[name] != before[name]} == {"info.md"}
    assert r"| `--new` | off | a \| b, `ldpf train`, 2 \* 3 and **more** |" in after["info.md"]


def test_an_added_command_adds_a_page(script: ModuleType, root: Any) -> None:
    root.commands["new"] = root.commands["info"]
    written = script.pages(root)
    assert set(written) == {*script.pages(), "new.md"}
    assert "](new.md)" in written["README.md"]


def test_neither_the_terminal_nor_the_environment_matter(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written = script.pages()
    for name, value in {"COLUMNS": "30", "TERMINAL_WIDTH": "30", "LDPF_CACHE": "here"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.chdir(tmp_path)
    assert script.pages() == written


def test_pages_of_commands_that_are_gone_are_removed(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(script, "FOLDER", tmp_path / "commands")
    script.main()
    (tmp_path / "commands" / "gone.md").write_text("old")
    (tmp_path / "commands" / "info.md").write_text("changed")
    script.main()
    files = {file.name: file.read_bytes() for file in (tmp_path / "commands").iterdir()}
    assert files == {name: text.encode() for name, text in script.pages().items()}


def test_examples_that_tests_cannot_run_have_blocks_of_their_own_with_the_reason(
    script: ModuleType,
) -> None:
    everything = "".join(script.pages().values())
    for start, why in script.NOT_RUN.items():
        note = f"<!-- Not run by the tests: {why} -->\n```bash\n"
        found = re.findall(rf"^(?:{re.escape(note)})?{re.escape(start)}", everything, re.MULTILINE)
        assert found, f"no example begins with {start!r} any more"
        assert all(one.startswith(note) for one in found), start


def test_examples_of_one_kind_share_a_block(script: ModuleType) -> None:
    blocks = script.command_blocks("ldpf a\nldpf b \\\n  --c\nfind . | ldpf d\nldpf e")
    assert [block.count("\n") for block in blocks] == [4, 3, 2]
    assert "ldpf b \\\n  --c\n" in blocks[0]
    assert blocks[1].startswith("<!-- Not run by the tests: ")
