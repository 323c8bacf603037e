"""Settings of a method by dotted name, as they are given on the command line and searched over."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from ldpf.errors import SettingsError

Part = TypeVar("Part")

FIXED = ("name",)
"""What is no setting: it says which method this is."""


def with_settings(part: Part, settings: Mapping[str, Any]) -> Part:
    """A copy of a method (or of a part of one) with other values.

    Args:
        part: a frozen dataclass such as `LDPF()`.
        settings: values by name; a dot leads into a part, as in `discovery.n_domains` or
            `recipe.learning_rate`.

    Raises:
        SettingsError: there is no such setting, or its value is of another kind or not allowed.
    """
    for name, value in settings.items():
        part = _with_setting(part, name, name.split("."), value)
    return part


def setting_names(part: Any, prefix: str = "") -> list[str]:
    """All dotted names that `with_settings` takes for `part`."""
    names = []
    for field in fields(part):
        value = getattr(part, field.name)
        if is_dataclass(value):
            names += setting_names(value, f"{prefix}{field.name}.")
        elif field.name not in FIXED:
            names.append(prefix + field.name)
    return names


def applicable(method: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `settings` that `method` has and that make a difference to it.

    True domains are as many as the data has, so their number is no setting.
    """
    known = set(setting_names(method))
    if getattr(getattr(method, "discovery", None), "source", None) == "manual":
        known.discard("discovery.n_domains")
    return {name: value for name, value in settings.items() if name in known}


def parse_value(text: str) -> Any:
    """A value as it is typed: a number, True, False, None, a tuple such as (1, 2), or a word."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text.strip()


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Settings from `NAME=VALUE`.

    Raises:
        SettingsError: one has no `=`, or a name is given twice.
    """
    settings = {}
    for text in texts:
        name, value = split_setting(text, "tau=0.05")
        if name in settings:
            raise SettingsError(f"{name!r} is set twice; give it one value.")
        settings[name] = parse_value(value)
    return settings


def split_setting(text: str, example: str) -> tuple[str, str]:
    """`NAME=REST` as its two parts; raises SettingsError where there is no `=` or a part lacks."""
    name, equals, rest = (part.strip() for part in text.partition("="))
    if not (name and equals and rest):
        raise SettingsError(f"{text!r} should be a name and a value, such as {example}.")
    return name, rest


def _with_setting(part: Any, whole: str, path: list[str], value: Any) -> Any:
    name, rest = path[0], path[1:]
    if not is_dataclass(part) or name not in {f.name for f in fields(part)} or name in FIXED:
        raise SettingsError(f"There is no setting {whole!r}.")
    now = getattr(part, name)
    if rest:
        return replace(part, **{name: _with_setting(now, whole, rest, value)})
    if is_dataclass(now):
        inner = ", ".join(f"{whole}.{field}" for field in setting_names(now))
        raise SettingsError(f"{whole!r} is a group of settings; choose from {inner}.")
    if isinstance(now, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if now is not None and value is not None and type(value) is not type(now):
        kind = type(now).__name__
        raise SettingsError(f"{whole}={value!r} should be of type {kind}, like {now!r}.")
    return replace(part, **{name: value})
