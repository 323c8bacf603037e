"""Selection by leaving out each discovered domain in turn."""

from __future__ import annotations

from collections.abc import Iterator

from ldpf.experiments.episode import Episode, Fold
from ldpf.experiments.selection.base import SELECTION_RULES, SelectionRule, folds_of_groups


@SELECTION_RULES.register("leave-one-latent-domain-out")
class LeaveOneLatentDomainOut(SelectionRule):
    """Settings are chosen on latent domains left out in turn; no domain label is needed.

    Ours: the domains are discovered anew among all images of the training domains, as LDPF does
    with its own settings.
    """

    words = (
        "training-domain validation, settings chosen by leaving out each latent domain in turn "
        "(neither the target nor a domain's name is looked at)"
    )
    judged_on = "on latent domains left out in turn"
    cross_validated = True

    def folds(self, episode: Episode) -> Iterator[Fold]:
        """A fold for each latent domain, judged by all its images."""
        # Imported here since discovery loads torch, and the command line needs the words alone.
        from ldpf.domains import DiscoverySettings, DomainDiscovery

        train, validation = episode.train, episode.validation
        # The number of folds is promised beforehand, so few images must not lower it.
        settings = DiscoverySettings(images_per_cell=0)
        latent = DomainDiscovery(train, validation, settings, episode.seed).run()
        names = {s: f"latent {s}" for s in range(latent.n_domains)}
        yield from folds_of_groups(
            episode, names, latent.assign(train.features), latent.assign(validation.features)
        )

    def n_folds(self, episode: Episode) -> int:
        """The number of latent domains, known without discovering them."""
        from ldpf.domains import DiscoverySettings

        return DiscoverySettings().expected_domains
