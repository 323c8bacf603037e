"""Options that take names: listed, explained and checked by the registry that has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ldpf.errors import SettingsError
from ldpf.utils.registry import Registry


def listed(option: str) -> list[str]:
    """The entries of a comma-separated option, without blanks and repetitions."""
    return list(dict.fromkeys(part.strip() for part in option.split(",") if part.strip()))


def choices_help(registry: Registry[Any]) -> str:
    """All names of a registry with their summaries, for a help text."""
    return named_help({name: registry.summary(name) for name in registry})


def named_help(summaries: Mapping[str, str]) -> str:
    """Names with their summaries, for a help text."""
    # A bracket would be read as markup.
    return " ".join(f"{name}: {words}" for name, words in summaries.items()).replace("[", "\\[")


def choice_of(registry: Registry[Any]) -> Callable[[str], str]:
    """A callback that refuses a name which the registry does not have."""

    def check(name: str) -> str:
        if name not in registry:
            raise SettingsError(registry.unknown(name))
        return name

    return check


def optional_choice_of(registry: Registry[Any]) -> Callable[[str | None], str | None]:
    """The same for an option that need not be given."""
    check = choice_of(registry)
    return lambda name: None if name is None else check(name)
