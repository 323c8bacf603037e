"""Settings of a method by dotted name, as they are given on the command line and searched over."""

from __future__ import annotations

from collections.abc import Mapping
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
