"""Every random draw comes from a named generator, so that one seed never serves two purposes."""

from __future__ import annotations

import zlib

import numpy as np
import torch


def derived_seed(seed: int, purpose: str) -> int:
    """A 63-bit seed for `purpose`, independent of the seeds of other purposes."""
    sequence = np.random.SeedSequence([seed, zlib.crc32(purpose.encode())])
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)


def generator(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator for `purpose` ("prompts", "batches", "extractor", ...)."""
    return torch.Generator().manual_seed(derived_seed(seed, purpose))
