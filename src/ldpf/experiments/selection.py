"""What checkpoints and settings are chosen on: the selection rules of the field, by name.

Gulrajani & Lopez-Paz (arXiv 2007.01434, section 3): a number for domain generalization means
little without the rule by which its model was selected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from ldpf.data.splits import split_train_validation
from ldpf.domains import DiscoverySettings, DomainDiscovery
from ldpf.errors import DataError, SettingsError
from ldpf.experiments.protocol import Episode
from ldpf.features.feature_set import FeatureSet

TRAINING_DOMAIN_VALIDATION = "training-domain-validation"
LEAVE_ONE_TRAINING_DOMAIN_OUT = "leave-one-domain-out"
LEAVE_ONE_LATENT_DOMAIN_OUT = "leave-one-latent-domain-out"
TARGET_ORACLE = "target-oracle"

SELECTIONS: dict[str, str] = {
    TRAINING_DOMAIN_VALIDATION: "training-domain validation (the target is never looked at)",
    LEAVE_ONE_TRAINING_DOMAIN_OUT: "training-domain validation, settings chosen by leaving out "
    "each training domain in turn (the target is never looked at)",
    LEAVE_ONE_LATENT_DOMAIN_OUT: "training-domain validation, settings chosen by leaving out each "
    "latent domain in turn (neither the target nor a domain's name is looked at)",
    TARGET_ORACLE: "the true labels of a fifth of the target, and measured on the rest: an upper "
    "bound, not domain generalization",
}
"""By the name that `--selection` takes: what checkpoints are selected by, as part of a sentence."""

CROSS_VALIDATED = (LEAVE_ONE_TRAINING_DOMAIN_OUT, LEAVE_ONE_LATENT_DOMAIN_OUT)
"""Rules that choose settings by trainings of their own, and so need some to choose from."""


def get_selection(name: str) -> str:
    """`name`, if it is a selection rule; raises SettingsError otherwise."""
    if name not in SELECTIONS:
        raise SettingsError(
            f"There is no selection rule {name!r}; choose from {', '.join(SELECTIONS)}."
        )
    return name


@dataclass(frozen=True)
class Fold:
    """A training by which settings are judged.

    Attributes:
        name: of the domain left out; empty for the training domains' own validation.
        train, validation: what is trained on, and what checkpoints are chosen on.
        judged: images whose accuracy is the fold's score.
    """

    name: str
    train: FeatureSet
    validation: FeatureSet
    judged: FeatureSet


def prepared(episode: Episode, selection: str, train_fraction: float = 0.8) -> Episode:
    """An episode as the selection rule wants it.

    The target oracle takes `1 - train_fraction` of every test domain and class out of the test and
    validates on it; the validation images of the training domains are not used then. The images
    that choose are never those that are measured.

    Raises:
        DataError: no test image can be spared.
    """
    if selection != TARGET_ORACLE:
        return episode
    test = episode.test
    assert test.domains is not None
    measured, choosing = split_train_validation(
        test.labels.numpy(), test.domains.numpy(), train_fraction=train_fraction, seed=episode.seed
    )
    if not len(choosing):
        raise DataError(
            f"The target oracle needs test images to choose by, but no class of "
            f"{episode.case!r} has two; choose another selection rule."
        )
    return replace(episode, validation=test.subset(choosing), test=test.subset(measured))


def folds(episode: Episode, selection: str) -> Iterator[Fold]:
    """The trainings whose mean score decides between settings.

    `leave-one-domain-out` needs the true training domains: a method that does without domain labels
    is then chosen with them. `leave-one-latent-domain-out` (ours) puts discovered domains in their
    place, found anew among all images of the training domains, and so needs no labels.

    Args:
        episode: from `prepared`.
        selection: name of the rule.

    Raises:
        DataError: there is only one domain to leave out, or nothing would be left without it.
    """
    if selection not in CROSS_VALIDATED:
        yield Fold("", episode.train, episode.validation, episode.validation)
        return
    groups = _true_groups if selection == LEAVE_ONE_TRAINING_DOMAIN_OUT else _latent_groups
    names, of_train, of_validation = groups(episode)
    train, validation = episode.train, episode.validation
    for out, name in names.items():
        left_out = joined(train.subset(of_train == out), validation.subset(of_validation == out))
        kept = train.subset(of_train != out), validation.subset(of_validation != out)
        if not len(left_out) or not all(map(len, kept)):
            raise DataError(
                f"Without {name} there would be no images left to train, to choose a checkpoint or "
                "to judge by; give more images or choose another selection rule."
            )
        yield Fold(name, *kept, left_out)


def _true_groups(episode: Episode) -> tuple[dict[int, str], torch.Tensor, torch.Tensor]:
    """Names of the training domains by id, and the ids of training and validation images."""
    train, validation = episode.train, episode.validation
    if train.domains is None or validation.domains is None:
        raise DataError(
            "Selection by leaving a training domain out needs known domains, but these images have "
            f"none; {LEAVE_ONE_LATENT_DOMAIN_OUT} needs none."
        )
    if len(episode.sources) < 2:
        raise DataError(
            f"Selection by leaving a training domain out needs at least 2 of them, but there is "
            f"only {episode.sources[0]!r}; choose another selection rule."
        )
    names = {train.domain_names.index(name): name for name in episode.sources}
    return names, train.domains, validation.domains


def _latent_groups(episode: Episode) -> tuple[dict[int, str], torch.Tensor, torch.Tensor]:
    """The same of latent domains, as LDPF finds them with its own settings."""
    train, validation = episode.train, episode.validation
    discovery = DomainDiscovery(train, validation, DiscoverySettings(), episode.seed)
    latent = discovery.run()
    names = {s: f"latent {s}" for s in range(latent.n_domains)}
    return names, latent.assign(train.features), latent.assign(validation.features)


def joined(first: FeatureSet, second: FeatureSet) -> FeatureSet:
    """Two subsets of one feature set as one, without what only the manifest knew (splits)."""
    known = first.domains is not None and second.domains is not None
    return replace(
        first,
        features=torch.cat([first.features, second.features]),
        labels=torch.cat([first.labels, second.labels]),
        domains=torch.cat([first.domains, second.domains]) if known else None,
        paths=(*first.paths, *second.paths),
        splits=None,
    )
