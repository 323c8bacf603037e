"""What to expect at a new site, from its unlabeled photos: the work of `ldpf expect`."""

from __future__ import annotations

import logging
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ldpf.data import ImageDataset
from ldpf.errors import ModelError
from ldpf.expectation.class_shares import expected_counts, missing_classes
from ldpf.expectation.expectation import SITE_PHOTOS
from ldpf.expectation.nearness import MIN_MEMBERS
from ldpf.models.saving import read_config
from ldpf.utils.arrays import unit_rows
from ldpf.utils.paths import full_path
from ldpf.utils.text import count, some
from ldpf.workflows.given_embeddings import embedding_files, read_embeddings
from ldpf.workflows.inputs import AnyBackbone, TrainedModel, load_trained
from ldpf.workflows.photos import Photos, list_site, sources_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ldpf.backbones import Backbone
    from ldpf.expectation import Expectation, SiteEstimate

log = logging.getLogger("ldpf")

MANY_OUTSIDE = 0.05
"""Share of photos outside from which the site is called unlike the training images."""

MUCH_LOST = 0.1
"""How far an estimate lies below held-out accuracy before photos of the site should be labeled."""


@dataclass(frozen=True)
class SiteExpectation:
    """What to expect of a model at a site, from n photos of it.

    Attributes:
        model: its folder.
        photos: where the photos are, quoted for a command.
        expectation: what was measured when the model was trained.
        estimate: the accuracy at the site, by every estimator.
        distances: to each latent domain by its id.
        between: the smallest and the largest distance of two latent domains; None where there are
            fewer than two.
        n_outside: photos that the model should not be asked about.
        counts: photos of each class that the site most likely has.
        missing: classes that seem to be missing, or that the model does not recognize there.
    """

    model: Path
    photos: str
    expectation: Expectation
    estimate: SiteEstimate
    distances: dict[int, float]
    between: tuple[float, float] | None
    n_outside: int
    counts: dict[str, float]
    missing: tuple[str, ...]

    @property
    def tells_where(self) -> bool:
        """Whether there are enough photos to tell where the site lies."""
        return self.estimate.n >= MIN_MEMBERS

    @property
    def far(self) -> bool:
        """Whether the site is farther from every latent domain than these are from each other."""
        return (
            self.between is not None
            and self.tells_where
            and min(self.distances.values()) > self.between[1]
        )

    @property
    def advice(self) -> list[str]:
        """What to do, in sentences with commands."""
        model, photos = shlex.quote(str(self.model)), self.photos
        estimate, held_out = self.estimate, self.expectation.held_out
        said = []
        if estimate.n < SITE_PHOTOS:
            few = count(estimate.n, "photo")
            said.append(f"Give {SITE_PHOTOS} photos or more of the site; {few} cannot tell much.")
        if self.n_outside > MANY_OUTSIDE * estimate.n:
            said.append(
                f"Look at what is outside first: column outside of ldpf predict {model} {photos}."
            )
        known = None if held_out is None or held_out.too_few else held_out.accuracy
        lost = 0.0 if known is None or estimate.n < SITE_PHOTOS else known - estimate.accuracy
        if lost > MUCH_LOST:
            said.append(
                f"The model loses about {100 * lost:.0f} points here: label "
                f"some of these photos, measure with ldpf evaluate {model} LABELED, and add them "
                "to the training images."
            )
        if not said:
            said.append(f"Use it here: ldpf predict {model} {photos} --sets 0.9")
        return said

    @property
    def missing_words(self) -> str | None:
        """Which classes seem to be missing; None where none does."""
        if not self.missing:
            return None
        counts = [f"{name} ({self.counts[name]:.0f})" for name in self.missing]
        return (
            f"Classes that are hardly among {count(self.estimate.n, 'photo')}: "
            f"{some(counts, limit=10)}. Either the site has none of them, or the model does not "
            f"recognize them there{self._likelier}.{self._of_few_classes}"
        )

    @property
    def _likelier(self) -> str:
        held_out = self.expectation.held_out
        if held_out is None or held_out.accuracy - self.estimate.accuracy <= MUCH_LOST:
            return ""
        return ", which is likelier where it is so often wrong"

    @property
    def _of_few_classes(self) -> str:
        if len(self.missing) <= len(self.counts) / 2:
            return ""
        return (
            " If it really shows so few classes, the estimate above is too low: it takes the "
            "shares of the classes to be about those of the training images."
        )

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        estimate = self.estimate
        return {
            "model": str(self.model),
            "photos": self.photos,
            "n": estimate.n,
            "accuracy": estimate.accuracy,
            "interval": [estimate.low, estimate.high],
            "estimators": estimate.by_estimator,
            "expectation": self.expectation.summary(),
            "distances": {str(domain): d for domain, d in self.distances.items()},
            "between_domains": None if self.between is None else list(self.between),
            "far": self.far,
            "n_outside": self.n_outside,
            "counts": self.counts,
            "missing": list(self.missing),
            "advice": self.advice,
        }


def expect(
    model: str | Path,
    photos: Photos,
    *,
    backbone: AnyBackbone | None = None,
    device: str = "auto",
    listed: Iterable[bytes] = (),
) -> SiteExpectation:
    """Estimate the accuracy of a model at a new site, from its photos without labels.

    Labels of the photos are not used. Photos that cannot be read are left out,
    with a warning.

    Args:
        model: a model folder.
        photos: of one site: folders, images, tables with a column path, "-" for paths that are
            listed, or embeddings; one of them or several.
        backbone: where the backbone is now; None for its place during training.
        device: "auto", "cpu" or "cuda".
        listed: lines with a path each, which are read where `photos` holds "-".

    Raises:
        DataError: there are no photos, or embeddings are of another size than the model's.
        ModelError: the folder holds no model, or one without an expectation.
    """
    folder = Path(model)
    if not read_config(folder).get("expectation"):
        raise ModelError(
            f"The model in {str(folder)!r} keeps nothing of what to expect of it: it comes from an "
            "earlier version, or its images did not allow it. Train it again with ldpf train."
        )
    if isinstance(photos, ImageDataset):
        given, where = photos, str(photos.root)
        files = []
    else:
        given = [replace(source, skip_bad=True) for source in sources_of(photos)]
        paths = [str(source.source) for source in given]
        where = shlex.join(paths)
        files = embedding_files([path if path == "-" else str(full_path(path)) for path in paths])
    if files:
        trained = load_trained(folder, backbone, device)
        features = torch.cat([_embedded(file, trained.backbone) for file in files])
    else:
        images = list_site(given, listed)
        trained = load_trained(folder, backbone, device)
        features = images.encode(trained.backbone).features.features
    return site_expectation(trained, features, where)


def _embedded(file: Path, backbone: Backbone) -> torch.Tensor:
    """Embeddings as features [n, D]; those that are no direction are left out with a warning."""
    _, embeddings = read_embeddings(file, backbone)
    usable = np.isfinite(embeddings).all(axis=1) & embeddings.any(axis=1)
    if n := int((~usable).sum()):
        log.warning(
            "left out %s of %s with NaN, infinite values or zeros only",
            count(n, "embedding"),
            file,
        )
    return unit_rows(embeddings[usable])


def site_expectation(trained: TrainedModel, features: torch.Tensor, where: str) -> SiteExpectation:
    """What to expect at the site that photos are of.

    Args:
        trained: a model with an expectation.
        features: [n, D] of its photos.
        where: they are, for commands.

    Raises:
        DataError: there are no photos.
    """
    classifier, expectation = trained.classifier, trained.classifier.expectation
    assert expectation is not None
    estimate = expectation.estimate(classifier, features)
    between = expectation.nearness.between
    shares = expectation.site_estimator.shares
    probabilities = classifier.probabilities(features)
    counts = expected_counts(probabilities, shares)
    names = classifier.class_names
    return SiteExpectation(
        model=trained.folder,
        photos=where,
        expectation=expectation,
        estimate=estimate,
        distances=expectation.nearness.of_site(features),
        between=(min(between), max(between)) if between else None,
        n_outside=int(expectation.outside(features)[1].sum()),
        counts=dict(zip(names, counts.tolist(), strict=True)),
        missing=tuple(missing_classes(probabilities, counts, shares, names)),
    )
