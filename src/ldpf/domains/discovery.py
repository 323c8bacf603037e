"""Discovering latent domains: rounds of disentangling, each followed by a clustering."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ldpf.domains.clustering.base import Clustering
from ldpf.domains.clustering.matching import check_n_domains, match_to_previous
from ldpf.domains.diagnostics import cross_table, measure_latent
from ldpf.domains.disentangle.class_centered import ClassCentered
from ldpf.domains.disentangle.maps import in_blocks
from ldpf.domains.disentangle.run import DisentanglerRun
from ldpf.domains.fitted import FittedDomains
from ldpf.domains.how_many.base import HOW_MANY, Chosen
from ldpf.domains.settings import DiscoverySettings
from ldpf.domains.style import StyleRun
from ldpf.errors import SettingsError
from ldpf.utils.seed import derived_seed, generator
from ldpf.utils.text import some
from ldpf.utils.trees import Tree

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet

log = logging.getLogger("ldpf")

MEASURED = 50_000
"""Images, at most, that the evidence for latent domains is measured on."""


class DomainDiscovery:
    """Steps 1 and 2 of LDPF: call `round()` until `done`, then take `latent_domains()`.

    True domain names of the training set, where known, are used for measurements only, unless the
    settings ask for them (`assignment`).

    Attributes:
        n_domains: S: the number in the settings, or fewer if there are too few training images; for
            true domains, the number of domains in the training images.
    """

    def __init__(
        self, train: FeatureSet, validation: FeatureSet, settings: DiscoverySettings, seed: int
    ) -> None:
        """Prepare for training features.

        Raises:
            SettingsError: they cannot fill the domains.
            DataError: the true domains or style statistics were asked for, but are unknown.
        """
        self.train, self.validation, self.settings, self.seed = train, validation, settings, seed
        draws = generator(seed, "extractor")
        self.style = StyleRun(train, settings.disentangle, draws) if settings.needs_style else None
        self.chosen = self._choose_number()
        # More domains than images are refused; more than suit the classes are lowered.
        n_domains = self.chosen.n_domains
        if settings.assignment.decides_number:
            self.given = settings.assignment.given(train, n_domains, seed)
            self.n_domains = n_domains if self.given is None else len(self.given.unique())
            check_n_domains(train.features, self.n_domains)
        else:
            check_n_domains(train.features, n_domains)
            self.n_domains = self._lowered(n_domains)
            self.given = settings.assignment.given(train, self.n_domains, seed)
        self.training: DisentanglerRun[Any] = self.style or settings.disentangle.start(
            train.features, train.labels, len(train.class_names), draws
        )
        if self.style is not None and self.given is None:
            self.given = self._style_clusters(self.style)
        self.rounds_done = 0
        self.clustering = self._first_clustering()
        # What is computed at once has settled; nothing is known of rounds that are still to come.
        self.moved = 0.0 if self.done else 1.0
        if self.style is not None:
            nearest = self.latent_domains().assign(train.features)
            followed = float((nearest == self.assignments).double().mean())
            self.training.noted["style_followed"] = followed
        if self.done:
            self._warn_of_odd_domains()

    def _style_clusters(self, style: StyleRun) -> torch.Tensor:
        """Clusters [N] of style statistics; fewer where these do not differ enough."""
        seed = derived_seed(self.seed, "style")
        asked = self.n_domains
        while True:
            try:
                found = self.settings.clusterer.fit(style.z, self.n_domains, seed).assignments
            except SettingsError:
                if self.n_domains == 1:
                    raise
                self.n_domains -= 1
                continue
            if self.n_domains < asked:
                log.warning(
                    "%d latent domains instead of %d: without the class, the style statistics of "
                    "the training images do not differ enough for more",
                    self.n_domains,
                    asked,
                )
            return found

    def _choose_number(self) -> Chosen:
        """S from the settings, or by the rule that they name.

        The rule looks at features without the class that are computed at once: the prompts need
        the number before G is learned.
        """
        number = self.settings.n_domains
        if not isinstance(number, str):
            return Chosen(number)
        train = self.train
        if self.style is not None:
            z = self.style.z
        else:
            simple = ClassCentered().fit(train.features, train.labels, len(train.class_names))
            with torch.no_grad():
                z = simple(train.features)
        seed = derived_seed(self.seed, "number of domains")
        chosen = HOW_MANY.make(number).choose(z, self.settings.clusterer, seed, train)
        for row in chosen.table:
            shown = (f"{k}={v:.3f}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items())
            log.info("candidate: %s", ", ".join(shown))
        log.info("%d latent domains, chosen by the rule %r", chosen.n_domains, number)
        return chosen

    def _lowered(self, asked: int) -> int:
        """S, or the largest number that the training images are enough for."""
        most = self.settings.most_domains(self.train.labels)
        if most is None or asked <= most:
            return asked
        log.warning(
            "%d latent domains instead of %d: %d training images of %d classes leave fewer than "
            "images_per_cell=%g for each class in each latent domain",
            most,
            asked,
            len(self.train),
            len(self.train.labels.unique()),
            self.settings.images_per_cell,
        )
        return most

    @property
    def done(self) -> bool:
        """Whether every round has been run."""
        return self.rounds_left == 0

    @property
    def rounds_left(self) -> int:
        """Rounds to run; none if domains are found in closed form."""
        return max(self.settings.rounds - self.rounds_done, 0) if self.training.changes else 0

    @property
    def assignments(self) -> torch.Tensor:
        """Latent domain of each training image, [N] int64."""
        return self.clustering.assignments

    def round(self) -> None:
        """One round of the disentangler, then a clustering of z with ids as in the last round."""
        if self.n_domains > 1:  # a single latent domain needs no features to tell it apart
            self.training.epoch(self.rounds_done / max(self.settings.rounds - 1, 1))
        previous = self.clustering.assignments
        self.clustering = self._cluster(previous)
        self.moved = float((self.clustering.assignments != previous).float().mean())
        self.rounds_done += 1
        if self.done:
            self._warn_of_odd_domains()

    def run(self) -> FittedDomains:
        """Run all remaining rounds and return the latent domains."""
        while not self.done:
            self.round()
        return self.latent_domains()

    def _first_clustering(self) -> Clustering:
        """The clustering before any round; with fewer domains where z holds fewer directions.

        Different images may have one z, for instance where the class explains all of a feature.
        """
        asked = self.n_domains
        while True:
            try:
                clustering = self._cluster(previous=None)
            except SettingsError:
                if self.n_domains == 1:
                    raise
                self.n_domains -= 1
                continue
            if self.n_domains < asked:
                log.warning(
                    "%d latent domains instead of %d: without the class, the features of the "
                    "training images do not differ enough for more",
                    self.n_domains,
                    asked,
                )
            return clustering

    def _cluster(self, previous: torch.Tensor | None) -> Clustering:
        with torch.no_grad():
            z = in_blocks(self.training.extractor, self.train.features)
        if self.given is not None:
            centroids = self.settings.clusterer.centroids_of(z, self.given, self.n_domains)
            return Clustering(centroids, self.given)
        seed = derived_seed(self.seed, f"k-means {self.rounds_done}")
        # G may map different images to one point, or to few, while it is still unsettled; then the
        # round's domains cannot be told apart, and the ones before stay.
        if previous is not None and float(z.var(dim=0).sum()) < 1e-10:
            log.warning("round %d: G maps all images to one point", self.rounds_done + 1)
            return self.clustering
        try:
            clustering = self.settings.clusterer.fit(z, self.n_domains, seed)
        except SettingsError as error:
            if previous is None:
                raise
            log.warning("round %d: z cannot be divided: %s", self.rounds_done + 1, error)
            return self.clustering
        return clustering if previous is None else match_to_previous(previous, clustering)

    def _warn_of_odd_domains(self) -> None:
        names = self.train.class_names
        table = self.class_table()
        for s, row in enumerate(table):
            size = int(row.sum())
            if size < max(len(names), 10):
                log.warning(
                    "latent domain %d holds only %d training images; consider fewer latent domains",
                    s,
                    size,
                )
            missing = [name for name, count in zip(names, row, strict=True) if count == 0]
            if missing:
                log.warning(
                    "latent domain %d has no image of %d of %d classes (%s); its prompt learns "
                    "them only as wrong answers",
                    s,
                    len(missing),
                    len(names),
                    some(missing, limit=5),
                )

    def class_table(self) -> np.ndarray:
        """Training images by latent domain and class, [S, K]."""
        return cross_table(
            self.assignments,
            self.train.labels,
            self.n_domains,
            len(self.train.class_names),
        )

    def latent_domains(self) -> FittedDomains:
        """The current G and centroids."""
        return FittedDomains.from_tensors(self.tensors())

    def tensors(self) -> dict[str, torch.Tensor]:
        """`FittedDomains.tensors()` of the current state."""
        return FittedDomains(
            self.training.extractor,
            self.clustering.centroids,
            spherical=self.settings.clusterer.spherical,
        ).tensors()

    def state(self) -> Tree:
        """Everything needed to continue, for a checkpoint."""
        return {
            "disentangler": self.training.state(),
            "centroids": self.clustering.centroids,
            "assignments": self.clustering.assignments,
            "rounds_done": self.rounds_done,
            "moved": self.moved,
        }

    def load_state(self, tree: Tree) -> None:
        """Restore what `state` returned."""
        self.training.load_state(tree["disentangler"])
        self.clustering = Clustering(tree["centroids"], tree["assignments"])
        self.rounds_done, self.moved = tree["rounds_done"], tree["moved"]

    def _some_rows(self, n_images: int) -> torch.Tensor:
        draws = generator(self.seed, "measured")
        return torch.randperm(n_images, generator=draws)[:MEASURED].sort().values

    def measure(self) -> dict[str, float | list[int] | None]:
        """Measurements of the quality of the latent domains, for the log.

        All but `sizes` and `moved` are measured on at most `MEASURED` training and as many
        validation images, drawn at random.

        Returns:
            explained_variance: share of within-class variance that z keeps (collapse shows as 0);
            adversary_accuracy and probe_accuracy: how well C and a new linear probe predict the
            class from z of validation images, compared with `chance`; raw_probe_accuracy: the
            probe on f; class_nmi, domain_nmi, domain_ari: of the clusters with classes and with
            true domains (None if unknown); sizes; moved: share of images that changed domain in
            this round; and the notes of the disentangler.
        """
        train, held_out = self.train, self.validation if len(self.validation) else self.train
        assigned = self.assignments
        sizes = torch.bincount(assigned, minlength=self.n_domains).tolist()
        # Probes and shared information are known well enough from a part of very many images.
        if len(train) > MEASURED:
            rows = self._some_rows(len(train))
            train, assigned = train.subset(rows), assigned[rows]
        if len(held_out) > MEASURED:
            held_out = held_out.subset(self._some_rows(len(held_out)))
        return {
            "round": self.rounds_done,
            "explained_variance": self.training.explained_variance(
                held_out.features, held_out.labels
            ),
            **self.training.noted,
            **self.training.measure(held_out.features, held_out.labels),
            **measure_latent(self.latent_domains(), train, held_out, assigned),
            "sizes": sizes,
            "moved": self.moved,
        }
