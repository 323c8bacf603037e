"""Names for latent domains, suggested by what the backbone's own text encoder finds nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from ldpf.backbones import Backbone

STYLES = tuple(
    line.strip()
    for line in """
    a photo
    a studio photo
    a professional photo
    an amateur photo
    a phone snapshot
    a product photo on a white background
    a cut-out object on a white background
    an object on a black background
    a close-up
    a photo from far away
    an aerial photo
    a satellite picture
    a picture from a security camera
    a picture from a camera trap
    a frame of a video
    a screenshot
    a scan
    a photocopy
    an X-ray picture
    a microscope picture
    a thermal picture
    an infrared picture
    a picture by flash light
    a photo at night
    a dark picture
    a picture at dusk
    a picture in bright sunlight
    an overexposed picture
    a picture in the shade
    a picture with a strong shadow
    a foggy picture
    a rainy picture
    a snowy picture
    an indoor picture
    an outdoor picture
    a street scene
    a forest scene
    a beach scene
    a desert scene
    an underwater picture
    a picture of grass
    a picture of the sky
    a cluttered background
    a plain background
    a colorful background
    a blurry picture
    a sharp picture
    a grainy picture
    a noisy picture
    a pixelated picture
    a picture with compression artefacts
    a low resolution picture
    a distorted picture
    a faded picture
    an old picture
    a vintage photo
    a black and white picture
    a gray picture
    a sepia picture
    a colorful picture
    a picture in pale colors
    a picture in warm colors
    a picture in cold colors
    a blue picture
    a red picture
    a green picture
    a yellow picture
    a brown picture
    a picture of inverted colors
    high contrast
    low contrast
    a drawing
    a line drawing
    a sketch
    a pencil sketch
    a charcoal drawing
    an ink drawing
    a crayon drawing
    a chalk drawing
    a child's drawing
    a doodle
    a diagram
    a technical drawing
    a painting
    an oil painting
    a watercolor painting
    an abstract painting
    a fresco
    a print
    a woodcut
    an engraving
    an illustration
    a cartoon
    a comic
    an anime picture
    clip art
    an icon
    a logo
    a silhouette
    a stencil
    a poster
    graffiti
    a mosaic
    a collage
    a paper cut-out
    an embroidery
    a tattoo
    a sculpture
    a toy
    a plush toy
    an origami figure
    a rendering by computer
    a video game picture
    pixel art
    a picture with text on it
    a picture with a frame
    """.strip().splitlines()
)
"""What an image may look like, whatever it shows."""

FAINT = 0.1
"""A score below which a word says next to nothing, whatever chance brings."""

CLEARLY = 1.25
"""How much nearer than chance a word must be to be named."""

_CHANCES = 400


def nearest_styles(
    directions: torch.Tensor, backbone: Backbone, count: int = 3
) -> list[list[tuple[str, float]]]:
    """The style words nearest to what sets each latent domain apart.

    The score is the cosine of a direction in image features with a word's text feature, less the
    mean over all words: text features share a large part that says nothing about any of them.

    Args:
        directions: [S, D], see `ldpf.inspection.latent_summary.style_directions`.
        backbone: that made the image features.
        count: words for each.

    Returns:
        For each latent domain (word, score), best first; only words that are clearly nearer than
        some word is to a direction at random, so perhaps none.
    """
    texts = backbone.encode_texts(STYLES)
    texts = F.normalize(texts - texts.mean(dim=0), dim=1)  # [W, D]
    near = near_enough(texts)
    best = (directions.float() @ texts.T).topk(min(count, len(STYLES)), dim=1)
    return [
        [(STYLES[w], s) for w, s in zip(words, scores, strict=True) if s >= near]
        for words, scores in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def near_enough(texts: torch.Tensor) -> float:
    """The score from which a word is named, for centered text features [W, D] of length one.

    Among a hundred words one is always nearest, also to a direction that means nothing: with few
    dimensions its cosine is above 0.2. The limit lies above what 95 of 100 directions at random
    reach with their nearest word.
    """
    draws = torch.Generator().manual_seed(2511)
    random = F.normalize(torch.randn(_CHANCES, texts.shape[1], generator=draws), dim=1)
    best = (random @ texts.float().cpu().T).amax(dim=1)
    return max(FAINT, CLEARLY * float(best.quantile(0.95)))
