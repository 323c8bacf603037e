"""Write docs/commands: a page for each command of `ldpf`, from the command itself.

What a page says is what `ldpf NAME --help` says, so it is changed in src/ldpf/cli and written anew:

    python scripts/write_command_pages.py
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, get_args

import typer

from ldpf.cli import app

FOLDER = Path(__file__).parents[1] / "docs" / "commands"
NOTE = "<!-- Written by scripts/write_command_pages.py; change src/ldpf/cli and run it again. -->"
NOT_RUN = {
    "find ": "it needs a shell's pipe; they give predict its paths on standard input",
    "ldpf datasets check ": "it needs the published images; they check generated folders",
    "ldpf datasets fetch ": "it needs the hub; they fetch from a small server of their own",
    "ldpf datasets prepare ": "it needs the published images; they prepare generated ones",
}
"""How examples begin that tests/cli/test_documented_commands.py cannot run, and why."""
COMPLETION = ("install_completion", "show_completion")
"""Options of typer whose help depends on what is installed."""
VALUES = {int: "NUMBER", float: "NUMBER", str: "TEXT", Path: "PATH"}
"""What stands for a value that the command does not name."""


def pages(root: Any = None) -> dict[str, str]:
    """The pages of all commands and their index.

    Args:
        root: the command line as a click group; that of `ldpf` if left out.

    Returns:
        The name of each file in docs/commands, and its text.
    """
    root = root or typer.main.get_command(app).load_all()
    codes = exit_codes(root.epilog or "")
    commands = {name: one for name, one in root.commands.items() if not one.hidden}
    written = {}
    for name, command in commands.items():
        parts = [NOTE, *sections(command, f"ldpf {name}", 1), "## Exit codes", codes]
        written[f"{name}.md"] = "\n\n".join(parts) + "\n"
    index = [[f"[`ldpf {name}`]({name}.md)", summary(one)] for name, one in commands.items()]
    own = [one for one in root.params if one.name not in COMPLETION]
    parts = [NOTE, "# Commands", *described(root.help), table(["command", "what it does"], index)]
    parts += ["Each takes `-h` or `--help` as well.", "## Options of `ldpf` itself"]
    parts += [*option_tables(root, own, 2), "## Exit codes", codes]
    return {"README.md": "\n\n".join(parts) + "\n", **written}


def sections(command: Any, path: str, level: int) -> list[str]:
    """Markdown blocks about one command, those below it included."""
    marks = "#" * level
    parts = [f"{marks} {path}", f"Usage: `{usage(command, path)}`", *described(command.help)]
    below = getattr(command, "commands", {})
    if below:
        rows = [[f"`{path} {name}`", summary(one)] for name, one in below.items()]
        parts.append(table(["command", "what it does"], rows))
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    if arguments:
        rows = [[f"`{shown(one)}`", needed(one), markdown(one.help)] for one in arguments]
        parts += [f"{marks}# Arguments", table(["argument", "", "meaning"], rows)]
    options = [one for one in command.params if one.param_type_name == "option"]
    if options:
        parts += [f"{marks}# Options", *option_tables(command, options, level + 1)]
    for name, one in below.items():
        parts += sections(one, f"{path} {name}", level + 1)
    return parts


def usage(command: Any, path: str) -> str:
    """The line that says what follows what; optional arguments in brackets."""
    if hasattr(command, "commands"):
        return f"{path} COMMAND ..."
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    words = [shown(one) if one.required else f"[{shown(one)}]" for one in arguments]
    return " ".join([path, "[OPTIONS]", *words])


def shown(argument: Any) -> str:
    """An argument's name as it is in the usage line."""
    name = (argument.metavar or argument.name.upper()).strip("[]")
    return name if argument.nargs == 1 or name.endswith("...") else f"{name}..."


def needed(parameter: Any) -> str:
    """The default of an argument or option, or that it has to be given."""
    if parameter.required:
        return "required"
    default = parameter.default
    if not parameter.show_default or default is None or callable(default):
        return ""
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"`{default.as_posix() if isinstance(default, Path) else default}`"


def option_tables(command: Any, options: list[Any], level: int) -> list[str]:
    """A table for each panel of the help; options without a panel come first."""
    panels: dict[str, list[list[str]]] = {"": []}
    annotations = inspect.signature(command.callback, eval_str=True).parameters
    for one in (one for one in options if not one.hidden):
        names = ", ".join(f"`{name}`" for name in [*one.opts, *one.secondary_opts])
        if not one.is_flag:
            kind = annotations[one.name].annotation if one.name in annotations else str
            names += f" `{one.metavar or value_word(kind)}`"
        row = [names, needed(one), markdown(one.help)]
        panels.setdefault(one.rich_help_panel or "", []).append(row)
    parts = []
    for panel, rows in panels.items():
        parts += [f"{'#' * level}# {panel}"] if panel else []
        parts += [table(["option", "default", "meaning"], rows)] if rows else []
    return parts


def value_word(annotation: Any) -> str:
    """NUMBER for `Annotated[int | None, ...]`, and so on."""
    inner = [annotation]
    while inner:
        one = inner.pop(0)
        if one in VALUES:
            return VALUES[one]
        inner += [part for part in get_args(one) if isinstance(part, type) or get_args(part)]
    return "VALUE"


def summary(command: Any) -> str:
    """The first paragraph of the help, on one line."""
    return " ".join(markdown(command.help).split("\n\n")[0].split())


def described(text: str | None) -> list[str]:
    r"""Paragraphs of a help text; what follows click's mark \b is a title and commands."""
    parts = []
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        if not paragraph.startswith("\b"):
            parts.append(markdown(paragraph))
            continue
        title, *lines = paragraph.removeprefix("\b").strip("\n").splitlines()
        parts.append(markdown(title))
        parts += command_blocks(inspect.cleandoc("\n" + "\n".join(lines)))
    return parts


def command_blocks(examples: str) -> list[str]:
    """Blocks of shell commands; a reason why tests do not run them stands before theirs."""
    blocks: list[tuple[str, list[str]]] = []
    for example in examples.replace("\\\n", "\\\0").splitlines():
        why = next((why for start, why in NOT_RUN.items() if example.startswith(start)), "")
        if not blocks or blocks[-1][0] != why:
            blocks.append((why, []))
        blocks[-1][1].append(example.replace("\0", "\n"))
    notes = [f"<!-- Not run by the tests: {why} -->\n" if why else "" for why, _ in blocks]
    codes = ["\n".join(["```bash", *lines, "```"]) for _, lines in blocks]
    return [note + code for note, code in zip(notes, codes, strict=True)]


def markdown(text: str | None) -> str:
    """Help text as Markdown: commands as code, rich's marks as Markdown's, the rest as it is."""
    text = re.sub(r"'((?:ldpf|tensorboard) [^']+)'", r"`\1`", text or "")
    parts = re.split(r"(`[^`]*`)", text)
    for i in range(0, len(parts), 2):  # every second part is code
        plain = re.sub(r"([*<])", r"\\\1", parts[i])
        plain = re.sub(r"\[/?(?:bold|b)\]", "**", plain)
        plain = re.sub(r"\[/?(?:italic|i)\]", "*", plain)
        parts[i] = plain.replace("\\[", "[")
    return "".join(parts)


def exit_codes(epilog: str) -> str:
    """A table of the exit codes in the help's last paragraph."""
    found = re.findall(r"(\d+) ([^;]+)(?:; |\.$)", epilog.removeprefix("Exit codes: "))
    return table(["code", "meaning"], [[code, markdown(words)] for code, words in found])


def table(heading: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; a bar in a cell is escaped."""
    lines = [heading, ["---"] * len(heading)]
    lines += [[" ".join(cell.replace("|", "\\|").split()) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def main() -> None:
    """Write the pages; those of commands that are gone are removed."""
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for name in {file.name for file in FOLDER.glob("*.md")} - set(written):
        (FOLDER / name).unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
