"""The backbone where none is named, and what the bundled one is not for. Imports nothing heavy."""

from __future__ import annotations

import logging

from ldpf.utils.ways import setting

DEFAULT_BACKBONE = "openai/clip-vit-base-patch16"
"""What photos are encoded with unless another model is named; downloaded once, 600 MB."""

DEMO_BACKBONE = "nano"
"""What the drawn demo set is encoded with; comes with the package."""

log = logging.getLogger("ldpf")


def say_if_drawings_only(backbone: str) -> None:
    """Warn that the bundled backbone is asked about other images than those of the demo set.

    Args:
        backbone: name of the backbone that these images are encoded with.
    """
    if backbone == DEMO_BACKBONE:
        log.warning(
            "%s HAS SEEN DRAWINGS ONLY. It is there for the demo set and for trying commands; on "
            "these images its answers and every number below mean little. For photos leave it "
            "out (%s is then downloaded once) or name another: %s",
            DEMO_BACKBONE,
            DEFAULT_BACKBONE,
            setting("backbone", DEFAULT_BACKBONE),
        )
