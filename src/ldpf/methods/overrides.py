"""Settings of a method by dotted name, as they are given on the command line and searched over."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import Field, is_dataclass, replace
from typing import Any, TypeVar

from ldpf.errors import SettingsError
from ldpf.utils.learned import setting_fields
from ldpf.utils.text import did_you_mean, quoted

Part = TypeVar("Part")

FIXED = ("name",)
"""What is no setting: it says which method this is."""


def with_settings(part: Part, settings: Mapping[str, Any]) -> Part:
    """A copy of a method (or of a part of one) with other values.

    Args:
        part: a frozen dataclass such as `LDPF()`.
        settings: values by name; a dot leads into a part, as in `discovery.n_domains` or
            `recipe.learning_rate`. A part from a registry is replaced by the name of another one,
            as in `fusion=uniform`, which then has its own defaults. Short names such as `tau` have
            no effect where the part they lead into has no such setting.

    Raises:
        SettingsError: there is no such setting, or its value is of another kind or not allowed.
    """
    # Parts first: the other settings are those of the parts that are chosen.
    for name, value in sorted(
        settings.items(), key=lambda item: full_name(part, item[0]).count(".")
    ):
        full = full_name(part, name)
        if full != name and "." not in name and full not in setting_names(part):
            continue
        part = _with_setting(part, part, name, full.split("."), value)
    return part


def full_name(part: Any, name: str) -> str:
    """The dotted name of a setting behind its short or former name, such as `fusion.tau`."""
    for short, long in getattr(part, "aliases", {}).items():
        if name == short or name.startswith(f"{short}."):
            return long + name.removeprefix(short)
    return name


def setting_names(part: Any, prefix: str = "") -> list[str]:
    """All dotted names that `with_settings` takes for `part`, without short and former ones."""
    names = []
    for field in setting_fields(part):
        value = getattr(part, field.name)
        if hasattr(value, "registry"):
            names.append(prefix + field.name)
        if is_dataclass(value):
            names += setting_names(value, f"{prefix}{field.name}.")
        elif field.name not in FIXED:
            names.append(prefix + field.name)
    return names


def known_names(part: Any) -> list[str]:
    """The names of `setting_names`, after the short ones that mean something for `part`."""
    names = setting_names(part)
    aliases = getattr(part, "aliases", {})
    return [*(short for short, long in aliases.items() if long in names), *names]


def with_parts(method: Part, settings: Mapping[str, Any]) -> Part:
    """A copy of a method with the parts that `settings` choose by name, and no other change.

    A part brings settings of its own, such as `head.scale` after `head=nearest-mean`.
    """
    for name, value in sorted(settings.items(), key=lambda item: item[0].count(".")):
        full = full_name(method, name)
        part: Any = method
        for step in full.split("."):
            part = getattr(part, step, None)
        if hasattr(part, "registry"):
            method = with_settings(method, {full: value})
    return method


def applicable(method: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `settings` that `method` has and that make a difference to it.

    Where the domains are given, as many as the data has, their number is no setting.
    """
    method = with_parts(method, settings)
    known = set(setting_names(method))
    assignment = getattr(getattr(method, "discovery", None), "assignment", None)
    if getattr(assignment, "decides_number", False):
        known.discard("discovery.n_domains")
    return {name: value for name, value in settings.items() if full_name(method, name) in known}


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
            raise SettingsError(f"{quoted(name)} is set twice; give it one value.")
        settings[name] = parse_value(value)
    return settings


def split_setting(text: str, example: str) -> tuple[str, str]:
    """`NAME=REST` as its two parts; raises SettingsError where there is no `=` or a part lacks."""
    name, equals, rest = (part.strip() for part in text.partition("="))
    if not (name and equals and rest):
        raise SettingsError(f"{quoted(text)} should be a name and a value, such as {example}.")
    return name, rest


def _with_setting(whole: Any, part: Any, name: str, path: list[str], value: Any) -> Any:
    field_name, rest = path[0], path[1:]
    known = _fields_of(part)
    if field_name not in known or field_name in FIXED:
        near = did_you_mean(name, known_names(whole))
        raise SettingsError(f"There is no setting {quoted(name)}.{near}")
    now = getattr(part, field_name)
    if rest:
        return replace(part, **{field_name: _with_setting(whole, now, name, rest, value)})
    if is_dataclass(now):
        return replace(part, **{field_name: _other_part(now, name, value)})
    if isinstance(now, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    other_kind = now is not None and value is not None and type(value) is not type(now)
    if other_kind and not _takes_words(known[field_name]):
        kind = type(now).__name__
        raise SettingsError(f"{name}={quoted(value)} should be of type {kind}, like {now!r}.")
    return replace(part, **{field_name: value})


def _fields_of(part: Any) -> dict[str, Field[Any]]:
    """The settings among the fields of a part by name; none where it is a plain value."""
    return {field.name: field for field in setting_fields(part)} if is_dataclass(part) else {}


def _other_part(now: Any, name: str, value: Any) -> Any:
    """The part of a registry that `value` names, in place of `now`."""
    registry = getattr(now, "registry", None)
    if registry is not None and isinstance(value, str):
        return registry.make(value)
    if registry is not None and getattr(value, "registry", None) is registry:
        return value
    if registry is not None:
        raise SettingsError(
            f"{name}={quoted(value)} should be the name of a {registry.kind}: "
            f"{', '.join(registry)}."
        )
    inner = ", ".join(f"{name}.{field}" for field in setting_names(now))
    raise SettingsError(f"{name!r} is a group of settings; choose from {inner}.")


def _takes_words(field: Field[Any]) -> bool:
    """Whether a field is declared as a number or a word; its part checks which are allowed."""
    return "| str" in str(field.type)
