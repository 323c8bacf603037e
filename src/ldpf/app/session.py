"""What the page can be asked: answers for an image, and other class names. No user interface."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ldpf.data.class_names import spelled
from ldpf.data.images import UnreadableImageError, read_image
from ldpf.data.reading_names import reads_as
from ldpf.data.tables import MANIFEST_ENDINGS
from ldpf.errors import DataError, ModelError, SettingsError
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.text.templates import SINGLE_TEMPLATE
from ldpf.text.zero_shot import zero_shot_features

if TYPE_CHECKING:
    from PIL import Image

    from ldpf.backbones import Backbone
    from ldpf.models.base import Classifier

MAX_CLASSES = 2000
"""Classes a visitor can bring it to: each costs a pass through the text tower."""

MAX_NAME = 80
"""Letters of a class name."""

MAX_PIXELS = 40_000_000
"""Width times height above which an uploaded image is refused before it is decoded."""

_LISTS_KEPT = 8

_OUTSIDE = (
    "This image lies outside of what the model knows: it is like a picture of nothing, or far from "
    "every class. Do not rely on the answer. How often answers are right at a new site is told by "
    "ldpf expect MODEL PHOTOS."
)


@dataclass(frozen=True)
class Answer:
    """What is known about one image.

    Attributes:
        ranking: (class, probability), most probable first.
        zero_shot: the same by the ready-made model without training.
        weights: of each latent domain; a single 1.0 where there is one prompt.
        warning: the sentence for an image outside of what the model knows, or None.
    """

    ranking: tuple[tuple[str, float], ...]
    zero_shot: tuple[tuple[str, float], ...]
    weights: tuple[float, ...]
    warning: str | None = None


class Session:
    """A trained model and the class names it can be asked about.

    Visitors hold their class names themselves and pass them along, so that one's changes are never
    another's. Text features of the last few lists of names are kept.
    """

    def __init__(self, classifier: Classifier, backbone: Backbone) -> None:
        """Serve `classifier`, of any kind, with the backbone it was trained with."""
        self.classifier, self.backbone = classifier, backbone
        self._lock = threading.Lock()
        self._encoding = threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], tuple[Classifier, Classifier]] = OrderedDict()

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names the model was trained with."""
        return self.classifier.class_names

    @cached_property
    def fixed_names(self) -> str | None:
        """Why the model answers with its own class names only; None where others can be typed."""
        try:
            self.classifier.for_classes(self.class_names[:1], self.backbone)
        except ModelError as error:
            return str(error)
        return None

    def answer(self, image: Image.Image, names: tuple[str, ...]) -> Answer:
        """Classify one RGB image among `names`."""
        trained, zero_shot = self._classifiers(names)
        features = self.backbone.encode_images(self.backbone.preprocess([image]))  # [1, D]
        if not torch.isfinite(features).all():
            raise DataError("The backbone gives no finite feature for this image.")
        expectation = self.classifier.expectation
        outside = expectation is not None and bool(expectation.outside(features)[1][0])
        return Answer(
            ranking=_ranking(trained, features),
            zero_shot=_ranking(zero_shot, features),
            weights=tuple(trained.domain_weights(features)[0].tolist()),
            warning=_OUTSIDE if outside else None,
        )

    def add(self, names: tuple[str, ...], new: str) -> tuple[str, ...]:
        """`names` and one more.

        Raises:
            SettingsError: it is empty, too long, there already, or one too many.
        """
        if len(names) >= MAX_CLASSES:
            raise SettingsError(f"There are {len(names):,} classes, which is the most this takes.")
        return self._checked((*names, self._name(new, names)))

    def rename(self, names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
        """`names` with `new` in the place of `old`; errors as in `add`."""
        at = self._place(names, old)
        others = names[:at] + names[at + 1 :]
        return self._checked((*names[:at], self._name(new, others), *names[at + 1 :]))

    def remove(self, names: tuple[str, ...], old: str) -> tuple[str, ...]:
        """`names` without `old`; the last two stay, since one class leaves nothing to ask."""
        at = self._place(names, old)
        if len(names) <= 2:
            raise SettingsError("Two classes are the fewest there can be; add another one first.")
        return names[:at] + names[at + 1 :]

    def _place(self, names: tuple[str, ...], old: str) -> int:
        if old not in names:
            raise SettingsError(f"There is no class {old!r}; choose one of those listed.")
        return names.index(old)

    def _name(self, text: str, others: tuple[str, ...]) -> str:
        if not (text or "").strip():
            raise SettingsError("Type a name for the class.")
        if len(text) > MAX_NAME:
            raise SettingsError(f"The name has {len(text)} letters; {MAX_NAME} are the most.")
        name = spelled(text)
        twin = next((other for other in others if reads_as(other) == reads_as(name)), None)
        if twin is not None:
            raise SettingsError(f"There is a class {twin!r} already.")
        return name

    def _checked(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """`names` once their text features are there: a name the text tower cannot take raises."""
        self._classifiers(names)
        return names

    def _classifiers(self, names: tuple[str, ...]) -> tuple[Classifier, Classifier]:
        """The trained and the zero-shot classifier of these names."""
        if (kept := self._found(names)) is not None:
            return kept
        with self._encoding:  # one new list at a time; lists that are kept wait for none
            if (kept := self._found(names)) is not None:
                return kept
            made = (self._trained(names), self._zero_shot(names))
            with self._lock:
                self._kept[names] = made
                while len(self._kept) > _LISTS_KEPT:
                    self._kept.popitem(last=False)
            return made

    def _found(self, names: tuple[str, ...]) -> tuple[Classifier, Classifier] | None:
        with self._lock:
            if names in self._kept:
                self._kept.move_to_end(names)
            return self._kept.get(names)

    def _trained(self, names: tuple[str, ...]) -> Classifier:
        if names == self.classifier.class_names:
            return self.classifier
        return self.classifier.for_classes(names, self.backbone)

    def _zero_shot(self, names: tuple[str, ...]) -> PromptClassifier:
        features = zero_shot_features(names, (SINGLE_TEMPLATE,), self.backbone)
        scale = self.backbone.logit_scale
        return PromptClassifier("zero-shot", names, features[None], scale)


def open_upload(path: str | Path) -> Image.Image:
    """Read an uploaded file as RGB, upright.

    Raises:
        DataError: it cannot be read; the sentence names the file, not where the server keeps it.
    """
    try:
        return read_image(path, max_pixels=MAX_PIXELS)
    except UnreadableImageError as error:
        name = Path(path).name
        if Path(path).suffix.lower() in MANIFEST_ENDINGS:
            raise DataError(
                f"{name} is a table, and this page takes images. 'ldpf predict MODEL {name}' "
                "answers the images that it lists, with their boxes."
            ) from error
        raise DataError(
            f"{name} cannot be read as an image: {error.reason}. Try another file."
        ) from error


def _ranking(classifier: Classifier, features: torch.Tensor) -> tuple[tuple[str, float], ...]:
    values, order = classifier.probabilities(features)[0].sort(descending=True, stable=True)
    names = classifier.class_names
    return tuple((names[k], p) for k, p in zip(order.tolist(), values.tolist(), strict=True))
