"""All captions of a training run, written and tokenized before its first step.

Steps of a few milliseconds on a GPU leave no time for writing sentences. Each picture gets a few
captions once; a step picks one of them, and what is true of what is a comparison of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from itertools import repeat

import numpy as np
import torch
from nano_captions import Caption, make_caption, plain_caption
from nano_pool import NAMES, STYLE_NAMES, Pool
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from ldpf.demo.drawing.palette import NAMED

CAPTION_STREAM, PLAIN_STREAM = 6, 7
CHUNK = 2_000
ATTRIBUTES = (("name", NAMES), ("style", STYLE_NAMES), ("color", NAMED), ("background", NAMED))
UNSAID = -1


@dataclass(frozen=True)
class Bank:
    """Captions as numbers.

    Attributes:
        ids: token ids of U different captions, padded with EOS: int32 [U, L].
        stated: what each says of name, style, color and background, as an index into
            `ATTRIBUTES`, or `UNSAID`: int16 [U, 4].
        seen: what is on each picture, in the same numbers: int16 [N, 4].
        of_picture: which captions were written for it: int32 [N, C].
        plain: captions that state one class alone, C2 of each: int32 [K, C2].
    """

    ids: Tensor
    stated: Tensor
    seen: Tensor
    of_picture: Tensor
    plain: Tensor

    def to(self, device: torch.device) -> Bank:
        return Bank(*(getattr(self, field.name).to(device) for field in fields(self)))


def truth(seen: Tensor, stated: Tensor) -> Tensor:
    """Which caption is true of which picture: bool [pictures, captions].

    Args:
        seen: [pictures, 4].
        stated: [captions, 4]; see `Bank`.
    """
    return ((stated == UNSAID)[None] | (stated[None] == seen[:, None])).all(2)


def _write(start: int, words: Sequence[tuple[str, ...]], each: int, seed: int) -> list[Caption]:
    rng = np.random.default_rng([seed, CAPTION_STREAM, start])
    return [make_caption(rng, *attributes) for attributes in words for _ in range(each)]


def write_captions(pool: Pool, each: int, seed: int, workers: int = 1) -> list[Caption]:
    """`each` captions of every picture, picture by picture; the same for any `workers`."""
    words = list(zip(pool.names, pool.styles, pool.colors, pool.backgrounds, strict=True))
    starts = list(range(0, len(words), CHUNK))
    chunks = [words[start : start + CHUNK] for start in starts]
    rest = (starts, chunks, repeat(each), repeat(seed))
    if workers <= 1:
        written = list(map(_write, *rest))
    else:
        with ProcessPoolExecutor(workers) as executor:
            written = list(executor.map(_write, *rest))
    return [caption for chunk in written for caption in chunk]


def make_bank(
    pool: Pool,
    captions: list[Caption],
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
    plain_each: int = 64,
) -> Bank:
    """Number and tokenize the captions that `write_captions` wrote, and plain ones of every class.

    Raises:
        ValueError: when the captions are not the same number for every picture.
    """
    each, left = divmod(len(captions), len(pool))
    if left:
        raise ValueError(f"{len(captions)} captions are no whole number for {len(pool)} pictures.")
    rng = np.random.default_rng([seed, PLAIN_STREAM])
    plain = [plain_caption(rng, name) for name in NAMES for _ in range(plain_each)]
    number: dict[str, int] = {}
    different: list[Caption] = []
    places = np.empty(len(captions) + len(plain), np.int32)
    for i, caption in enumerate([*captions, *plain]):
        place = number.setdefault(caption.text, len(different))
        if place == len(different):
            different.append(caption)
        places[i] = place
    stated = np.stack([_numbers([getattr(c, a) for c in different], w) for a, w in ATTRIBUTES], 1)
    columns = (pool.names, pool.styles, pool.colors, pool.backgrounds)
    seen = np.stack([_numbers(c, w) for c, (_, w) in zip(columns, ATTRIBUTES, strict=True)], 1)
    return Bank(
        _token_ids(tokenizer, [caption.text for caption in different]),
        torch.from_numpy(stated),
        torch.from_numpy(seen),
        torch.from_numpy(places[: len(captions)].reshape(len(pool), each)),
        torch.from_numpy(places[len(captions) :].reshape(len(NAMES), plain_each)),
    )


def _numbers(said: Sequence[str | None], words: Sequence[str]) -> np.ndarray:
    place: dict[str | None, int] = {word: i for i, word in enumerate(words)} | {None: UNSAID}
    return np.array([place[word] for word in said], np.int16)


def _token_ids(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> Tensor:
    """Token ids with BOS and EOS, padded with EOS to the longest: int32 [texts, L]."""
    rows = [row.ids for row in tokenizer.backend_tokenizer.encode_batch(texts)]
    ids = np.full((len(rows), max(map(len, rows))), tokenizer.eos_token_id, np.int32)
    for row, place in zip(rows, ids, strict=True):
        place[: len(row)] = row
    return torch.from_numpy(ids)
