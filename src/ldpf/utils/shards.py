"""Parts of a piece of work, for job arrays: which process does what, agreed on without talking.

Shard i of n is a function of the items alone. So the n processes of a job array, on any machines
and at any time, together do every item, and none does an item of another one.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ldpf.errors import SettingsError
from ldpf.utils.constraints import COUNT, Whole, check_fields
from ldpf.utils.files import is_special

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """Part `index` of `count`; printed as `2/8`.

    Attributes:
        index: which part, from 1.
        count: how many parts there are.
    """

    index: int
    count: int = field(metadata=COUNT)

    def __post_init__(self) -> None:
        check_fields(self)
        if not Whole(at_least=1, at_most=self.count).allows(self.index):
            raise SettingsError(
                f"shard={str(self)!r}: the first number should be from 1 to {self.count}, the "
                "number of shards; shards count from 1."
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that a text such as "2/8" names.

        Raises:
            SettingsError: it names none.
        """
        match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text, flags=re.ASCII)
        if match is None:
            raise SettingsError(
                f"shard={text!r} should be i/n, part i of n parts counted from 1, such as 2/8."
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def has(self, key: str) -> bool:
        """Whether an item belongs to this shard; items may come one by one, and new ones be added.

        Args:
            key: what names the item. Equal keys go to the same shard.
        """
        return _number(key) % self.count == self.index - 1

    def pick(self, items: Iterable[T], key: Callable[[T], str] = str) -> Iterator[T]:
        """The items of this shard, in their order, as they come; see `has`."""
        return (item for item in items if self.has(key(item)))

    def deal(
        self, items: Sequence[T], key: Callable[[T], str], kind: Callable[[T], str]
    ) -> list[T]:
        """The items of this shard of a list that every process knows whole, in their order.

        Shards differ by one item at most, and have nearly as many of each kind, for items of which
        one kind takes longer than another. The order of `items` does not matter.

        Args:
            items: all of them.
            key: what names an item.
            kind: what is alike in items that take equally long.
        """
        order = sorted(
            range(len(items)),
            key=lambda i: (kind(items[i]), _number(key(items[i])), key(items[i])),
        )
        return [items[i] for i in sorted(order[self.index - 1 :: self.count])]

    def file(self, path: Path) -> Path:
        """The file of this shard where all are given the same name: `rows-2-of-8.csv`.

        What is no regular file, such as /dev/stdout, is left as it is.
        """
        if is_special(path):
            return path
        return path.with_name(f"{path.stem}-{self.index}-of-{self.count}{path.suffix}")


def shard_of(shard: Shard | str | None) -> Shard | None:
    """A shard as it is given: as such, as text like "2/8", or none.

    Raises:
        SettingsError: a text names none.
    """
    return Shard.parse(shard) if isinstance(shard, str) else shard


def _number(key: str) -> int:
    """A number that spreads keys evenly; `hash` differs from process to process."""
    # File names may hold bytes that are no UTF-8.
    return int.from_bytes(hashlib.sha256(os.fsencode(key)).digest()[:8], "big")
