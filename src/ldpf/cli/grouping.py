"""Commands whose parameters are option groups, as commands with a parameter for every option."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

DATA_PANEL = "Images"
MODEL_PANEL = "Model"
RUN_PANEL = "Running"
PANELS = (DATA_PANEL, MODEL_PANEL, RUN_PANEL)
"""Headings of options in a command's help, in this order."""


def expand_groups(function: Callable[..., None]) -> Callable[..., None]:
    """A command with a parameter for every option, from one whose parameters are option groups.

    A group is a dataclass whose fields are annotated as parameters of a command are. What it says
    is checked by its method `check`, if it has one, before the command runs; so a path that does
    not exist is refused before anything heavy is imported.
    """
    expanded: dict[str, inspect.Parameter] = {}
    groups: dict[str, tuple[type, list[str]]] = {}
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if not is_dataclass(parameter.annotation):
            expanded[parameter.name] = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            continue
        group: Any = parameter.annotation
        hints = get_type_hints(group, include_extras=True)
        groups[parameter.name] = group, [field.name for field in fields(group)]
        for field in fields(group):
            if field.name in expanded:
                raise TypeError(f"{function.__name__} has two options {field.name!r}.")
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            expanded[field.name] = inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=default,
                annotation=hints[field.name],
            )

    @functools.wraps(function)
    def command(**values: Any) -> None:
        made = {
            name: group(**{field: values.pop(field) for field in names})
            for name, (group, names) in groups.items()
        }
        for group in made.values():
            if hasattr(group, "check"):
                group.check()
        function(**made, **values)

    in_panels = sorted(expanded.values(), key=_panel)  # stable: panels keep their order inside
    # typer reads both; without them it would find the parameters of `function`.
    command.__signature__ = inspect.Signature(in_panels)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in in_panels}
    return command


def _panel(parameter: inspect.Parameter) -> int:
    """Where the parameter's panel comes in the help; arguments and options without one first."""
    for part in getattr(parameter.annotation, "__metadata__", ()):
        panel = getattr(part, "rich_help_panel", None)
        if panel is not None:
            return PANELS.index(panel) if panel in PANELS else len(PANELS)
    return -1
