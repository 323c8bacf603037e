"""From class names to the token ids that follow every prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ldpf.backbones import TextTower
from ldpf.errors import SettingsError


@dataclass(frozen=True)
class ClassTokens:
    """What each class adds to a prompt: the tokens of its name, of the suffix, and [EOS].

    Attributes:
        names: class names, K of them.
        ids: token ids per class, the last one always [EOS].
        context_length: positions the tower has.
        start: start tokens before the prompt: 1, or 0 for a tower without [SOS].
    """

    names: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    context_length: int
    start: int = 1

    @classmethod
    def read(cls, tower: TextTower, class_names: Sequence[str], suffix: str) -> ClassTokens:
        """Tokenize `name + suffix` for every class.

        Raises:
            SettingsError: there is no class, a name is empty, has no token, or could not fit into
                the tower's context even after an empty prompt.
        """
        names = tuple(class_names)
        if not names:
            raise SettingsError("There are no class names; give at least one.")
        ids = []
        for number, name in enumerate(names):
            if not name.strip():
                raise SettingsError(
                    f"Class name {number} of {len(names)} is empty ({name!r}); every class needs a "
                    "name the text encoder can read."
                )
            if not tower.name_tokens(name):
                raise SettingsError(
                    f"The tokenizer makes no token of class name {name!r} (number {number}); write "
                    "it in letters the tokenizer knows."
                )
            ids.append((*tower.tokens_behind(name + suffix), tower.eos_id))
        tokens = cls(names, tuple(ids), tower.context_length, len(tower.start_ids))
        tokens.require_fit(0)
        return tokens

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens per class, [EOS] included."""
        return tuple(len(ids) for ids in self.ids)

    def require_fit(self, context_tokens: int) -> None:
        """Check that every sentence fits after a prompt of `context_tokens` tokens.

        Raises:
            SettingsError: one does not.
        """
        longest = max(range(len(self.ids)), key=lambda k: len(self.ids[k]))
        needed = self.start + context_tokens + len(self.ids[longest])
        if needed <= self.context_length:
            return
        room = self.context_length - self.start - len(self.ids[longest])
        advice = (
            f"use at most {room} context tokens or a shorter name"
            if room >= 0
            else "use a shorter name"
        )
        raise SettingsError(
            f"The sentence of class {self.names[longest]!r} has {needed} tokens "
            f"({'start, ' * self.start}{context_tokens} context, {len(self.ids[longest]) - 1} of "
            "the name and what follows it, end) but the text encoder reads at most "
            f"{self.context_length}; {advice}."
        )

    def part(self, start: int, stop: int) -> ClassTokens:
        """Classes `start` to `stop - 1`."""
        return replace(self, names=self.names[start:stop], ids=self.ids[start:stop])
