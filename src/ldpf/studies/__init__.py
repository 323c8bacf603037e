"""Studies: questions about LDPF, each one command with a table and a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ldpf.errors import SettingsError
from ldpf.studies.accuracy import (
    ablation_study,
    fusion_study,
    length_study,
    parse_lengths,
    temperature_study,
)
from ldpf.studies.base import Bench, Study, write_rows
from ldpf.studies.correlation import correlation_study
from ldpf.studies.latent_domains import domains_study, n_domains_study

STUDIES: dict[str, Callable[..., Study]] = {
    "domains": domains_study,
    "fusion": fusion_study,
    "n-domains": n_domains_study,
    "temperature": temperature_study,
    "prompt-length": length_study,
    "correlation": correlation_study,
    "ablation": ablation_study,
}
"""Studies by the name they have on the command line."""

_VALUES: dict[str, Callable[[Sequence[str]], list]] = {
    "n-domains": lambda texts: [_number(text, int) for text in texts],
    "temperature": lambda texts: [_number(text, float) for text in texts],
    "prompt-length": parse_lengths,
    "correlation": lambda texts: [_number(text, float) for text in texts],
}


def get_study(name: str) -> Callable[..., Study]:
    """A study by name; raises SettingsError for an unknown one."""
    if name not in STUDIES:
        raise SettingsError(f"There is no study {name!r}; choose from {', '.join(STUDIES)}.")
    return STUDIES[name]


def parse_values(name: str, texts: Sequence[str]) -> list:
    """The values of a study, as typed.

    Raises:
        SettingsError: it has no values, or one of them is of another kind.
    """
    if name not in _VALUES:
        raise SettingsError(f"The study {name!r} has no values; leave out --values.")
    return _VALUES[name](texts)


def _number(text: str, kind: type) -> int | float:
    try:
        return kind(text)
    except ValueError as error:
        wanted = "a whole number" if kind is int else "a number"
        raise SettingsError(f"The value {text!r} should be {wanted}.") from error


__all__ = ["STUDIES", "Bench", "Study", "get_study", "parse_values", "write_rows"]
