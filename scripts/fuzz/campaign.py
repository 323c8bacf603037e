"""The attacks of the campaign, in the order of the table."""

from __future__ import annotations

from fuzz.arrays import Arrays
from fuzz.backbones import Backbones
from fuzz.base import Attack
from fuzz.folders import Folders
from fuzz.images import Images
from fuzz.kills import KillsAtRandom, KillsAtWrites, Races, RefusedWrites
from fuzz.numbers import Numbers
from fuzz.outputs import Disks, Streams
from fuzz.records import Records
from fuzz.tables import Tables

ATTACKS: tuple[type[Attack], ...] = (
    Images,
    Folders,
    Backbones,
    Records,
    Tables,
    Arrays,
    Numbers,
    KillsAtWrites,
    KillsAtRandom,
    RefusedWrites,
    Disks,
    Streams,
    Races,
)


def chosen(names: str | None) -> list[type[Attack]]:
    """The attacks of a list such as "images,kills"; all without one."""
    if names is None:
        return list(ATTACKS)
    known = {kind.name: kind for kind in ATTACKS}
    if unknown := [name for name in names.split(",") if name not in known]:
        raise SystemExit(f"There is no attack {unknown[0]!r}; there are {', '.join(known)}.")
    return [known[name] for name in names.split(",")]
