"""Sentences around a class name for zero-shot classification."""

SINGLE_TEMPLATE = "a photo of a {}."
"""The one template of the zero-shot baseline."""

_THINGS = ("art", "graffiti", "itap", "a doodle", "a drawing", "a painting", "a photo")
_THINGS += ("a rendering", "a rendition", "a sculpture", "a sketch", "a tattoo")
_PHOTOS = ("bad", "black and white", "blurry", "bright", "close-up", "cropped", "dark", "good")
_PHOTOS += ("jpeg corrupted", "low resolution", "pixelated")
_OBJECTS = ("clean", "cool", "dirty", "hard to see", "large", "nice", "small", "weird")
_MADE_OF = ("cartoon", "embroidered", "origami", "plastic", "plushie", "toy")

ENSEMBLE_TEMPLATES = (
    *(f"{thing} of {article} {{}}." for thing in _THINGS for article in ("a", "the")),
    *(f"a {kind} photo of {article} {{}}." for kind in _PHOTOS for article in ("a", "the")),
    *(f"a photo of {article} {kind} {{}}." for kind in _OBJECTS for article in ("a", "the")),
    *(f"{article} {kind} {{}}." for kind in _MADE_OF for article in ("a", "the")),
    *(f"{article} {{}} in a video game." for article in ("a", "the")),
    *("a photo of many {}.", "a photo of my {}.", "a photo of one {}.", "itap of my {}."),
)
"""The 80 templates of CLIP's ImageNet ensemble (Radford et al. 2021, section 3.1.4; listed with the
released model), by their forms. "itap" is "I took a picture"; the article stays "a" before vowels.
"""
