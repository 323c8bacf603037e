"""How the classes on the page differ from the model's, to keep them as a model of their own."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ClassEdits:
    """What was done to the classes of a model.

    Attributes:
        add: names of further classes.
        rename: new names by the model's.
        remove: names of the model's classes that are gone.
    """

    add: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.add or self.rename or self.remove)

    def command(self, model: str, out: str) -> str:
        """The command that writes the model with these classes.

        Args:
            model, out: folders of the model and the new one.
        """
        words = ["ldpf", "classes", model]
        words += [word for old, new in self.rename for word in ("--rename", f"{old}={new}")]
        words += [word for name in self.remove for word in ("--remove", name)]
        words += [word for name in self.add for word in ("--add", name)]
        return shlex.join([*words, "--out", out])


def edits_of(
    trained: Sequence[str], names: Sequence[str], origins: Sequence[str | None]
) -> ClassEdits:
    """What was done.

    Args:
        trained: the model's class names.
        names: those on the page.
        origins: for each of `names` the model's name of that class; None for an added one.
    """
    pairs = list(zip(names, origins, strict=True))
    return ClassEdits(
        add=tuple(name for name, origin in pairs if origin is None),
        rename=tuple((o, name) for name, o in pairs if o is not None and o != name),
        remove=tuple(name for name in trained if name not in set(origins)),
    )


@dataclass(frozen=True)
class Keeper:
    """How changed classes are kept.

    Attributes:
        words: what the page says of it, for changes that were made.
        write: keeps them as a model and says what came of it; None without a button.
    """

    words: Callable[[ClassEdits], str]
    write: Callable[[ClassEdits], str] | None = None
