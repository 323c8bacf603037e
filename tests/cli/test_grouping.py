"""Option groups become the options of a command."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from ldpf.cli.grouping import DATA_PANEL, RUN_PANEL, expand_groups
from ldpf.errors import SettingsError


@dataclass(frozen=True)
class Box:
    width: Annotated[int, typer.Option(help="Across.")]
    height: Annotated[int, typer.Option(help="Up.")] = 2

    def check(self) -> None:
        if self.width < 1:
            raise SettingsError(f"width={self.width} should be at least 1.")


@dataclass(frozen=True)
class TallBox(Box):
    height: Annotated[int, typer.Option(help="Up.")] = 9


def runner(function):
    app = typer.Typer()
    app.command()(expand_groups(function))

    def run(*words: object):
        return CliRunner().invoke(app, [str(word) for word in words])

    return run


def test_every_field_is_an_option_in_place_of_its_group():
    def command(*, name: str = "x", box: Box, last: int = 3) -> None: ...

    parameters = inspect.signature(expand_groups(command)).parameters
    assert list(parameters) == ["name", "width", "height", "last"]
    assert parameters["width"].default is inspect.Parameter.empty
    assert parameters["height"].default == 2


def test_the_command_gets_the_group_with_what_was_given():
    seen = []

    def command(*, box: TallBox, last: int = 3) -> None:
        """Help."""
        seen.append((box, last))

    assert runner(command)("--width", 4, "--last", 5).exit_code == 0
    assert seen == [(TallBox(4, 9), 5)]


def test_the_help_of_the_function_stays():
    def command(*, box: Box) -> None:
        """What it does."""

    assert "What it does." in runner(command)("--help").stdout


def test_a_group_is_checked_before_the_command_runs():
    def command(*, box: Box) -> None:
        raise AssertionError("not reached")

    assert isinstance(runner(command)("--width", 0).exception, SettingsError)


def test_a_required_option_of_a_group_is_required():
    def command(*, box: Box) -> None: ...

    assert runner(command)().exit_code == 2


def test_two_options_of_one_name_are_an_error_of_the_programmer():
    def command(*, height: int, box: Box) -> None: ...

    with pytest.raises(TypeError, match="height"):
        expand_groups(command)


def test_options_of_one_panel_stand_together_and_arguments_come_first():
    def command(
        *,
        quiet: Annotated[bool, typer.Option(rich_help_panel=RUN_PANEL)] = False,
        box: Box,
        path: Annotated[str, typer.Argument()] = "",
        data: Annotated[str, typer.Option(rich_help_panel=DATA_PANEL)] = "",
        seed: Annotated[int, typer.Option(rich_help_panel=RUN_PANEL)] = 0,
    ) -> None: ...

    names = list(inspect.signature(expand_groups(command)).parameters)
    assert names == ["width", "height", "path", "data", "quiet", "seed"]
