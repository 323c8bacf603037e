"""Captions for the drawn training images of `nano`, and which captions are true of which images.

A caption states the object and, at random, also its style, its color and its background. A caption
is a positive for *every* image of the batch it is true of, not only for the one it was made for;
"a photo of a car." is true of all cars.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# the first word of each list is the readable class name
SYNONYMS: dict[str, tuple[str, ...]] = {
    "airplane": ("airplane", "plane", "aeroplane", "jet", "aircraft"),
    "anchor": ("anchor", "ship anchor", "boat anchor"),
    "apple": ("apple", "apple fruit", "ripe apple"),
    "banana": ("banana", "ripe banana", "tropical fruit"),
    "bell": ("bell", "church bell", "hand bell"),
    "bicycle": ("bicycle", "bike", "cycle", "two wheeler"),
    "bird": ("bird", "small bird", "songbird", "little bird"),
    "book": ("book", "notebook", "novel"),
    "bottle": ("bottle", "wine bottle", "glass bottle"),
    "butterfly": ("butterfly", "moth"),
    "cactus": ("cactus", "cactus plant", "desert plant"),
    "cake": ("cake", "birthday cake", "pie"),
    "candle": ("candle", "wax candle", "burning candle"),
    "car": ("car", "automobile", "sedan", "motor car", "vehicle with four wheels"),
    "carrot": ("carrot", "fresh carrot", "carrot vegetable"),
    "cat": ("cat", "kitten", "cat face", "kitty"),
    "chair": ("chair", "wooden chair", "seat"),
    "cherries": ("cherries", "cherry", "pair of cherries"),
    "clock": ("clock", "alarm clock", "wall clock"),
    "crown": ("crown", "king crown", "royal crown"),
    "cup": ("cup", "mug", "coffee cup", "tea cup", "cup of coffee"),
    "drum": ("drum", "snare drum", "drum with sticks"),
    "fish": ("fish", "goldfish", "swimming fish"),
    "flower": ("flower", "blossom", "bloom", "tulip or daisy"),
    "guitar": ("guitar", "acoustic guitar", "string instrument"),
    "hammer": ("hammer", "claw hammer", "mallet"),
    "heart": ("heart", "love heart", "heart shape"),
    "hot_air_balloon": ("hot air balloon", "balloon with a basket", "balloon"),
    "house": ("house", "home", "cottage", "building with a roof", "hut"),
    "ice_cream": ("ice cream", "ice cream cone", "cone of ice cream"),
    "key": ("key", "door key", "house key"),
    "ladder": ("ladder", "step ladder", "wooden ladder"),
    "lamp": ("lamp", "table lamp", "desk lamp", "lampshade"),
    "leaf": ("leaf", "tree leaf", "autumn leaf"),
    "mushroom": ("mushroom", "toadstool", "fungus"),
    "penguin": ("penguin", "standing penguin", "bird on ice"),
    "pumpkin": ("pumpkin", "squash", "halloween pumpkin"),
    "rocket": ("rocket", "spaceship", "rocket ship"),
    "sailboat": ("sailboat", "sailing boat", "boat", "ship with sails", "yacht"),
    "scissors": ("scissors", "pair of scissors", "open scissors"),
    "snail": ("snail", "slug with a shell", "garden snail"),
    "snowman": ("snowman", "man made of snow", "snow figure"),
    "star": ("star", "star shape", "pointed star"),
    "sword": ("sword", "long sword", "blade"),
    "tent": ("tent", "camping tent"),
    "train": ("train", "locomotive", "steam train", "steam engine"),
    "tree": ("tree", "pine or oak", "tall tree", "leafy tree"),
    "turtle": ("turtle", "tortoise", "sea turtle"),
    "umbrella": ("umbrella", "parasol", "open umbrella"),
}
STYLE_PHRASES: dict[str, tuple[str, ...]] = {
    "clipart": ("a clip art picture of {}", "clipart of {}", "a flat illustration of {}",
                "a simple vector graphic of {}", "{} as clip art", "an icon of {}"),
    "photo": ("a real photograph of {}", "a blurry photograph of {}", "a snapshot of {}",
              "a realistic photo of {}", "a grainy camera image of {}", "a close up photo of {}"),
    "cartoon": ("a cartoon of {}", "a comic of {}", "a cartoon drawing of {}",
                "{} with thick outlines", "{} in comic style"),
    "silhouette": ("a silhouette of {}", "the dark shape of {}", "the shadow of {}",
                   "{} against the sky at sunset", "the outline of {} against the light"),
    "watercolor": ("a watercolor of {}", "a watercolor painting of {}", "{} in watercolor",
                   "a pale wash of {} on paper", "an aquarelle of {}"),
    "pixel_art": ("pixel art of {}", "a pixel drawing of {}", "{} in a video game",
                  "an 8 bit picture of {}", "a low resolution picture of {}"),
    "painting": ("an oil painting of {}", "a painting of {}", "{} painted with brush strokes",
                 "a canvas showing {}", "an impressionist painting of {}"),
    "papercut": ("a paper cut of {}", "a collage of {}", "{} cut out of paper",
                 "a craft of {} made of colored paper", "layers of paper in the form of {}"),
    "stained_glass": ("stained glass showing {}", "{} in stained glass", "a church window with {}",
                      "a glass pane of {} with lead lines"),
    "mosaic": ("a mosaic of {}", "{} made of small tiles", "{} laid in stones",
               "a mosaic floor with {}"),
    "embroidery": ("an embroidery of {}", "{} stitched on cloth", "{} made of thread",
                   "a needlework picture of {}"),
    "pastel": ("a pastel of {}", "a chalk picture of {}", "{} in soft pastel colors",
               "{} in chalk on colored paper"),
    "screenprint": ("a screen print of {}", "a poster of {}", "{} printed in two colors",
                    "a pop art picture of {}", "a comic print of {} with dots"),
    "neon": ("a neon sign of {}", "{} as a neon sign", "{} in glowing neon tubes",
             "a neon light in the form of {}"),
    "clay": ("{} made of clay", "a clay model of {}", "{} made of plasticine", "a toy of {}",
             "a sculpture of {}"),
    "patchwork": ("a patchwork of {}", "{} sewn from cloth", "a quilt with {}",
                  "{} made of fabric pieces"),
    "linocut": ("a linocut of {}", "a woodcut of {}", "a block print of {}",
                "{} printed from a carved block"),
}  # fmt: skip
PLAIN_PHRASES = (
    "a photo of {}.", "a photo of {}", "a picture of {}", "an image of {}", "{}", "{}.",
    "this is {}", "there is {}", "a depiction of {}", "a rendering of {}", "a photo of one {bare}.",
    "{bare}", "{bare}", "one {bare}", "the {bare}", "a photo of the {bare}.", "a good photo of {}.",
    "a bad photo of {}.", "a photo of a small {bare}.", "we can see {}",
)  # fmt: skip
BACKGROUND_PHRASES = (
    "{} on a {b} background", "{} in front of a {b} background", "{}, {b} background",
    "{} before a {b} wall", "{} surrounded by {b}",
)  # fmt: skip
# where the drawing does not show the chosen colors plainly, captions do not name them
UNCOLORED_OBJECTS = {"snowman"}
UNCOLORED_STYLES = {"silhouette", "screenprint", "neon", "linocut"}
UNSEEN_BACKGROUND_STYLES = {
    "silhouette", "watercolor", "photo", "stained_glass", "pastel", "screenprint", "neon", "linocut"
}  # fmt: skip


@dataclass(frozen=True)
class Caption:
    """A sentence and what it states; None where it states nothing."""

    text: str
    name: str
    style: str | None = None
    color: str | None = None
    background: str | None = None


def with_article(words: str) -> str:
    """Put "a" or "an" in front."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def plain_caption(rng: np.random.Generator, name: str) -> Caption:
    """Draw a caption that states the object alone."""
    words = SYNONYMS[name]
    noun = words[0] if rng.random() < 0.6 else str(rng.choice(words))
    phrase = str(rng.choice(PLAIN_PHRASES))
    return Caption(phrase.format(with_article(noun), bare=noun), name)


def make_caption(
    rng: np.random.Generator, name: str, style: str, color: str, background: str
) -> Caption:
    """Draw a caption that is true of an image with these attributes."""
    if rng.random() < 0.3:
        return plain_caption(rng, name)
    words = SYNONYMS[name]
    noun = words[0] if rng.random() < 0.6 else str(rng.choice(words))
    tell_color = (
        rng.random() < 0.6
        and name not in UNCOLORED_OBJECTS
        and style not in UNCOLORED_STYLES
    )  # fmt: skip
    thing = with_article(f"{color} {noun}" if tell_color else noun)
    tell_background = style not in UNSEEN_BACKGROUND_STYLES and rng.random() < 0.25
    if tell_background:
        thing = str(rng.choice(BACKGROUND_PHRASES)).format(thing, b=background)
    tell_style = rng.random() < 0.65 or not (tell_color or tell_background)
    phrase = str(rng.choice(STYLE_PHRASES[style])) if tell_style else "a photo of {}"
    if not tell_style and rng.random() < 0.5:
        phrase = "{}"
    text = phrase.format(thing) + ("." if rng.random() < 0.3 else "")
    return Caption(
        text,
        name,
        style if tell_style else None,
        color if tell_color else None,
        background if tell_background else None,
    )


def truth_table(
    captions: list[Caption],
    names: list[str],
    styles: list[str],
    colors: list[str],
    backgrounds: list[str],
) -> np.ndarray:
    """Which caption is true of which image: bool [images, captions]."""
    table = np.array(names)[:, None] == np.array([c.name for c in captions])[None]
    columns = ((styles, "style"), (colors, "color"), (backgrounds, "background"))
    for seen, attribute in columns:
        said = np.array([getattr(c, attribute) or "" for c in captions])[None]
        table &= (said == "") | (np.array(seen)[:, None] == said)
    return table
