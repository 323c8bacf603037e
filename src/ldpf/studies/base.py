"""Studies by name: each is one question about LDPF, in a file of its own that registers itself.

Imports nothing heavy, so that the command line can list the questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ldpf.errors import SettingsError
from ldpf.utils.registry import Registry
from ldpf.utils.ways import named

if TYPE_CHECKING:
    from ldpf.studies.bench import Bench, StudyResult


class Study:
    """Base of all studies: a frozen dataclass, its field `values` what it tries, if anything.

    The first line of the docstring is the question, which the command line shows. What it must
    know without importing the study is in the decorator:

        @STUDIES.register("temperature", values="temperatures")

    - `values`: what the values of `--values` are, in words; left out where there are none.
    """

    def run(self, bench: Bench) -> StudyResult:
        """Do the study.

        Raises:
            DataError: a run failed, or the data do not allow the question.
        """
        raise NotImplementedError

    @classmethod
    def parse(cls, texts: Sequence[str]) -> tuple[Any, ...]:
        """The values, as typed.

        Raises:
            SettingsError: the study has no values, or one of them is of another kind.
        """
        name = getattr(cls, "registered_name", cls.__name__)
        raise SettingsError(f"The study {name!r} has no values; leave out {named('values')}.")


STUDIES: Registry[Study] = Registry("study", "ldpf.studies", variable="STUDIES")
"""Studies by the name that they have on the command line."""


def make_study(name: str, values: Sequence[str] | None = None) -> Study:
    """A study by name.

    Args:
        name: registered in `STUDIES`.
        values: what to try, as typed; None for the study's own.

    Raises:
        SettingsError: there is no such study, or its values are of another kind.
    """
    study: Any = STUDIES.get(name)
    return study() if values is None else study(values=study.parse(values))


def takes_values() -> dict[str, str]:
    """The studies with values to choose, and what these are, in words."""
    facts = {name: STUDIES.facts(name) for name in STUDIES}
    return {name: fact["values"] for name, fact in facts.items() if "values" in fact}


def parse_number(text: str, kind: type[int] | type[float]) -> int | float:
    """A typed number.

    Raises:
        SettingsError: it is none.
    """
    try:
        return kind(text)
    except ValueError as error:
        wanted = "a whole number" if kind is int else "a number"
        raise SettingsError(f"The value {text!r} should be {wanted}.") from error
