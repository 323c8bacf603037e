"""The styles the bundled nano has learned from, and those it could have.

Trained on all of `TRAINABLE_STYLES`, a small CLIP names sketches and night pictures
nearly without error, and there is nothing left to generalize to: see the card of `nano`. It is
trained on four of them.
"""

from __future__ import annotations

from ldpf.demo.drawing.craft_styles import CRAFT_STYLES
from ldpf.demo.drawing.styles import PICTURE_STYLES, Style

TRAINABLE_STYLES: dict[str, Style] = PICTURE_STYLES | CRAFT_STYLES
TRAINED_STYLES: dict[str, Style] = {
    name: PICTURE_STYLES[name] for name in ("clipart", "photo", "cartoon", "painting")
}
