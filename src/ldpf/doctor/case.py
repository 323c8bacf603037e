"""What a sign may look at: a classifier, the images it learned from, and new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from shlex import quote
from typing import TYPE_CHECKING, Any

import torch

from ldpf.doctor.base import NotMeasured
from ldpf.domains import DiscoverySettings, FittedDomains
from ldpf.domains.clustering.spherical import SphericalKMeans
from ldpf.domains.disentangle.leace import Leace
from ldpf.domains.disentangle.none import NoDisentangler
from ldpf.errors import SettingsError
from ldpf.evaluation.batches import logits_in_batches
from ldpf.expectation.nearness import Nearness
from ldpf.utils.ways import named, positional

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.domains import Disentangler
    from ldpf.features.feature_set import FeatureSet
    from ldpf.inspection.leaks import LeakReport
    from ldpf.models.base import Classifier

NEEDS_LABELS = "needs labels: labeled images that the model did not learn from"
NEEDS_DOMAINS = "the model has one prompt and no latent domains"


@dataclass(frozen=True)
class Groups:
    """Images in groups: known domains, or latent ones.

    Attributes:
        ids: [N] the group of each image.
        names: of the groups.
        known: whether a person named them.
    """

    ids: torch.Tensor
    names: tuple[str, ...]
    known: bool

    @property
    def kind(self) -> str:
        """What the groups are called."""
        return "known domain" if self.known else "latent domain"


@dataclass(frozen=True)
class Case:
    """A model, its training images and images of a new site, as far as they are at hand.

    Attributes:
        classifier: the model.
        backbone: that made the features; None where nothing can be trained.
        train: images learned from.
        held_out: other images of the same sources that training held out.
        photos: images of a new site, with class ids of the model where they are labeled.
        labeled: whether the labels of `photos` are known; else they mean nothing.
        settings: of the method, as `part_settings` has them.
        recorded: what was measured of the latent domains in training.
        leaks: copies among training and held-out images, where they were looked for already.
        control: as many prompts of a random split of the training images; None to train them.
        seed: of the training.
        most_images: signs that take long look at so many images at most.
        model_path, training_path, photos_path: quoted, for the commands to type next.
        why_no_training: what keeps the training images away, where there are none; empty: nobody
            named them.
    """

    classifier: Classifier
    backbone: Backbone | None = None
    train: FeatureSet | None = None
    held_out: FeatureSet | None = None
    photos: FeatureSet | None = None
    labeled: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    recorded: Mapping[str, Any] = field(default_factory=dict)
    leaks: LeakReport | None = None
    control: Classifier | None = None
    seed: int = 0
    most_images: int = 20_000
    model_path: str = "MODEL"
    training_path: str = "TRAINING-IMAGES"
    photos_path: str = "NEW-IMAGES"
    why_no_training: str = ""

    @property
    def training(self) -> FeatureSet:
        """The images learned from; raises NotMeasured without them."""
        if self.train is None or not len(self.train):
            raise NotMeasured(self.why_no_training or needs_training())
        return self.train

    @property
    def new_photos(self) -> FeatureSet:
        """The images of a new site; raises NotMeasured without them."""
        if self.photos is None or not len(self.photos):
            raise NotMeasured(f"needs images of a new site: give them as {positional('data')}")
        return self.photos

    @property
    def judged(self) -> tuple[str, FeatureSet]:
        """Labeled images that were not learned from, and their name: new ones, else held-out ones.

        Raises:
            NotMeasured: there are none.
        """
        if self.photos is not None and self.labeled and len(self.photos):
            return "new images", self.photos
        if self.held_out is not None and len(self.held_out):
            return "held-out images", self.held_out
        if self.photos is None and self.train is None:
            raise NotMeasured(f"{NEEDS_LABELS}, or the training images ({named('training')})")
        raise NotMeasured(NEEDS_LABELS)

    @property
    def latent(self) -> FittedDomains:
        """The latent domains of the model; raises NotMeasured where it has fewer than two."""
        latent = self.classifier.latent
        if latent is None or latent.n_domains < 2:
            raise NotMeasured(NEEDS_DOMAINS)
        return latent

    @cached_property
    def any_latent(self) -> FittedDomains:
        """The latent domains of the model or, for a method without any, those LDPF would find.

        Raises:
            NotMeasured: the model has none, and there are no training images to find some in.
        """
        if self.classifier.latent is not None:
            return self.classifier.latent
        return clusters(self.training, DiscoverySettings().expected_domains, Leace(), self.seed)

    @cached_property
    def nearness(self) -> Nearness:
        """Where the latent domains lie: as the model keeps it, else of the training images.

        Raises:
            NotMeasured: the model does not keep it, and there are no training images.
        """
        if self.classifier.expectation is not None:
            return self.classifier.expectation.nearness
        features = self.training.features
        return Nearness.measure(features, self.any_latent.assign(features))

    @cached_property
    def clusters_with_class(self) -> FittedDomains:
        """As many latent domains, found without taking the class out of the features."""
        return clusters(self.training, self.any_latent.n_domains, NoDisentangler(), self.seed)

    def groups_of(self, images: FeatureSet) -> Groups:
        """The known domains of images or, where they are unknown, the latent ones."""
        if images.domains is not None and len(images.domains.unique()) > 1:
            return Groups(images.domains, tuple(images.domain_names), known=True)
        return self.latent_groups_of(images)

    def latent_groups_of(self, images: FeatureSet) -> Groups:
        """The latent domains of images."""
        latent = self.any_latent
        names = tuple(f"latent {s}" for s in range(latent.n_domains))
        return Groups(latent.assign(images.features), names, known=False)

    @cached_property
    def answers(self) -> torch.Tensor:
        """Class logits of the judged images, [N, K]."""
        return logits_in_batches(self.classifier, self.judged[1])

    def train_again(self, *words: str) -> str:
        """The command that trains another model on the same backbone with other settings."""
        given = any("--backbone" in word for word in words)
        same = () if given or self.backbone is None else ("--backbone", quote(self.backbone.name))
        return " ".join(["ldpf train", self.training_path, *words, *same, "--out OTHER-MODEL"])


def needs_training() -> str:
    """What a sign says that looks at the training images, where nobody named them."""
    return f"needs the training images: give them with {named('training')}"


def clusters(
    images: FeatureSet, n_domains: int, disentangler: Disentangler, seed: int
) -> FittedDomains:
    """Latent domains of images by a disentangler in closed form and spherical k-means.

    There are fewer than `n_domains` where the images do not differ enough.
    """
    with torch.no_grad():
        extractor = disentangler.fit(images.features, images.labels, len(images.class_names))
        z = extractor(images.features)
    while True:
        try:
            found = SphericalKMeans().fit(z, n_domains, seed)
        except SettingsError:
            if n_domains == 1:
                raise
            n_domains -= 1
        else:
            return FittedDomains(extractor, found.centroids, spherical=True)
