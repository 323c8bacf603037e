"""Fields of a part that hold what it has learned: they are no settings.

    @dataclass(frozen=True)
    class Gate(FusionRule):
        hidden: int = 16
        weight: torch.Tensor | None = learned()

Such a field is None until the part is fitted, and takes no part in comparisons. Settings that are
stored, hashed or listed leave it out.
"""

from __future__ import annotations

from dataclasses import Field, field, fields, is_dataclass
from typing import Any

_KEY = "ldpf.learned"


def learned() -> Any:
    """A dataclass field for a tensor that fitting fills in."""
    return field(default=None, compare=False, repr=False, metadata={_KEY: True})


def setting_fields(part: Any) -> tuple[Field[Any], ...]:
    """The fields of a dataclass (object) that are settings."""
    return tuple(declared for declared in fields(part) if not declared.metadata.get(_KEY))


def learned_values(part: Any) -> dict[str, Any]:
    """The other fields of a dataclass object by name, None where it has not been fitted."""
    if not is_dataclass(part):
        return {}
    return {f.name: getattr(part, f.name) for f in fields(part) if f.metadata.get(_KEY)}
