"""Drawing small pictures of everyday objects from an explicit generator.

`draw_picture` poses an object (`objects`), chooses its colors (`palette`) and renders it in one of
the `STYLES`: those in `TRAINED_STYLES` are in the training data of the bundled `nano` backbone,
the others are not. `scripts/nano` can train on any of `TRAINABLE_STYLES`, and on `UNSEEN_STYLES`
never.
"""

from __future__ import annotations

from ldpf.demo.drawing.objects import OBJECTS
from ldpf.demo.drawing.picture import STYLES, Picture, draw_picture
from ldpf.demo.drawing.trained_styles import TRAINABLE_STYLES, TRAINED_STYLES
from ldpf.demo.drawing.unseen_styles import UNSEEN_STYLES

__all__ = [
    "OBJECTS",
    "STYLES",
    "TRAINABLE_STYLES",
    "TRAINED_STYLES",
    "UNSEEN_STYLES",
    "Picture",
    "draw_picture",
]
