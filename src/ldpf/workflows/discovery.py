"""Latent domains in a set of images, discovered or those of a model: the work of `ldpf domains`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ldpf.data import split_train_validation
from ldpf.domains import DiscoverySettings, DomainDiscovery, FittedDomains
from ldpf.domains.diagnosis import discovery_words
from ldpf.domains.diagnostics import ari, cross_table, measure_latent, nmi
from ldpf.errors import ModelError, SettingsError
from ldpf.features.feature_set import FeatureSet
from ldpf.fusion.similarity import similarity_weights
from ldpf.methods.overrides import with_settings
from ldpf.utils.constraints import Whole, check_value
from ldpf.utils.locks import locked_folder
from ldpf.utils.own_folders import check_own_folder
from ldpf.utils.paths import full_path
from ldpf.utils.progress import progress_bar
from ldpf.utils.ways import named, positional, setting
from ldpf.workflows.defaults import N_DOMAINS
from ldpf.workflows.domain_files import OVERVIEW, TABLE, write_files
from ldpf.workflows.inputs import (
    AnyBackbone,
    Images,
    ListedImages,
    list_images,
    load_trained,
)
from ldpf.workflows.outputs import check_outputs

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class Discovery:
    """Images, the latent domains they are assigned to, and what was measured.

    Attributes:
        features: of all N images.
        latent: extractor and centroids of S latent domains.
        assigned: [N] latent domain of each image.
        weights: [N, S] fusion weight of each latent domain.
        measured: as `DomainDiscovery.measure()` returns it, or a part of that, with sizes and
            agreements of all images.
        origin: where the latent domains come from, in words.
        files: what was written, the overview first; empty without a folder.
    """

    features: FeatureSet
    latent: FittedDomains
    assigned: torch.Tensor
    weights: torch.Tensor
    measured: dict[str, Any]
    origin: str
    files: tuple[Path, ...] = ()

    @property
    def sizes(self) -> list[int]:
        """[S] images in each latent domain."""
        return self.measured["sizes"]

    @property
    def by_class(self) -> dict[str, list[int]]:
        """For each class, [S] its images in each latent domain."""
        names = self.features.class_names
        table = cross_table(self.features.labels, self.assigned, len(names), len(self.sizes))
        return dict(zip(names, table.tolist(), strict=True))

    @property
    def by_known_domain(self) -> dict[str, list[int]] | None:
        """The same for each known domain; None where domains are unknown."""
        if self.features.domains is None:
            return None
        names = self.features.domain_names
        table = cross_table(self.features.domains, self.assigned, len(names), len(self.sizes))
        return dict(zip(names, table.tolist(), strict=True))

    @property
    def diagnosis(self) -> list[str]:
        """What the measurements mean, in sentences."""
        return discovery_words(self.measured)

    def to_json(self) -> dict[str, Any]:
        """Counts, measurements and files as plain values."""
        n_images = len(self.features)
        return {
            "n_images": n_images,
            "n_domains": len(self.sizes),
            "sizes": self.sizes,
            "shares": [size / max(n_images, 1) for size in self.sizes],
            "by_class": self.by_class,
            "by_known_domain": self.by_known_domain,
            "measurements": self.measured,
            "words": self.diagnosis,
            "files": [str(file) for file in self.files],
        }


def discover(
    data: Images,
    model: str | Path | None = None,
    *,
    out: str | Path | None = None,
    n_domains: int | str | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    per_domain: int = 24,
    raw: bool = False,
    backbone: AnyBackbone | None = None,
    device: str = "auto",
) -> Discovery:
    """Assign images to latent domains: newly discovered ones, or those of a model.

    Args:
        data: labeled images; the labels are needed to remove the class from the domains.
        model: a model folder whose latent domains are shown in these images; None discovers new
            ones.
        out: folder for contact sheets, an overview and a table of all images; None writes nothing.
        n_domains: how many latent domains to look for, 3 by default, or the name of a rule that
            chooses, such as "auto"; not with `model`.
        settings: others of `DiscoverySettings` by dotted name, as in `{"features": "style"}` or
            `{"disentangle": "none"}`; not with `model`.
        seed: another number gives another random start. `train` with the same seed finds the same
            latent domains.
        per_domain: largest number of images on each contact sheet.
        raw: leave out the ' that the table has before names that begin like a formula (= + - @).
        backbone: what to encode images with; None for that of `model`, or without a model
            `openai/clip-vit-base-patch16`, and "nano" for the demo set.
        device: "auto", "cpu" or "cuda".

    Raises:
        SettingsError: an impossible setting, `out` contains other files, or it is in the folder of
            the images.
        ModelError: the model has no latent domains.
        DataError: the images cannot be used.
    """
    check_value("per_domain", per_domain, Whole(at_least=1))
    if model is not None and n_domains is not None:
        raise SettingsError(
            f"n_domains={n_domains} cannot be chosen for a trained model; leave "
            f"{named('n_domains')} out, or leave {positional('model')} out to discover "
            "latent domains anew."
        )
    if model is not None and settings:
        raise SettingsError(
            f"{next(iter(settings))!r} cannot be set for a trained model; leave "
            f"{setting('settings', None, option='set')} out, or leave {positional('model')} out to "
            "discover latent domains anew."
        )
    discovery = _discovery_settings(n_domains, settings or {})
    folder = None if out is None else full_path(out, named("out"))
    check_outputs(data, folders={"out": folder})
    if folder is not None:
        check_own_folder(folder, (TABLE, OVERVIEW), "latent domains")
    images = list_images(data)
    if model is None:
        frozen = images.open_backbone(backbone, device)
        features = images.encode(frozen, style=discovery.needs_style).features
        result = _discovered(features, discovery, seed)
    else:
        result = _recognized(images, Path(model), backbone, device)
    if folder is None:
        return result
    with locked_folder(folder):
        files = write_files(result, images.dataset, folder, per_domain, raw=raw)
    return replace(result, files=tuple(files))


def _discovery_settings(
    n_domains: int | str | None, settings: Mapping[str, Any]
) -> DiscoverySettings:
    """How latent domains are found; names may begin with `discovery.`, as they do for `train`."""
    given = {name.removeprefix("discovery."): value for name, value in settings.items()}
    if n_domains is not None and "n_domains" in given:
        raise SettingsError(
            f"n_domains is given twice, as {n_domains} and as {given['n_domains']}; give one."
        )
    number = N_DOMAINS if n_domains is None else n_domains
    return with_settings(DiscoverySettings(n_domains=number), given)


def _discovered(features: FeatureSet, settings: DiscoverySettings, seed: int) -> Discovery:
    """The discovery that `train` would run with the same seed, and no prompts."""
    train, validation, _ = features.split(seed=seed)
    discovery = DomainDiscovery(train, validation, settings, seed)
    shown = log.isEnabledFor(logging.INFO)
    with progress_bar("discovering domains", settings.rounds, enabled=shown) as advance:
        while not discovery.done:
            discovery.round()
            advance(1)
    latent = discovery.latent_domains()
    assigned = latent.assign(features.features)
    return Discovery(
        features,
        latent,
        assigned,
        similarity_weights(latent.similarities(features.features), 0.1),
        _of_all_images(discovery.measure(), features, assigned, latent.n_domains),
        f"discovered in these images (seed {seed})",
    )


def _recognized(
    images: ListedImages, model: Path, backbone: AnyBackbone | None, device: str
) -> Discovery:
    """The latent domains of a model, recognized in these images."""
    trained = load_trained(model, backbone, device)
    classifier, latent = trained.classifier, trained.classifier.latent
    if latent is None:
        raise ModelError(
            f"The model in {str(model)!r} was trained with {classifier.method!r}, which has no "
            "latent domains; leave MODEL out to discover some in the images."
        )
    features = images.encode(trained.backbone).features
    # The model may have been trained on these very images; the probe at least was not.
    train, test = split_train_validation(
        features.labels.numpy(), None, groups=features.groups, seed=0
    )
    held_out = features.subset(test if len(test) else train)
    measured = measure_latent(latent, features.subset(train), held_out)
    assigned = latent.assign(features.features)
    return Discovery(
        features,
        latent,
        assigned,
        classifier.domain_weights(features.features),
        _of_all_images(measured, features, assigned, latent.n_domains),
        f"of the model {model}",
    )


def _of_all_images(
    measured: dict[str, Any], features: FeatureSet, assigned: torch.Tensor, n_domains: int
) -> dict[str, Any]:
    """The measurements, with sizes and agreements of all images in place of those of a part."""
    complete = {
        **measured,
        "sizes": np.bincount(assigned.numpy(), minlength=n_domains).tolist(),
        "class_nmi": nmi(assigned, features.labels),
    }
    if features.domains is not None:
        complete["domain_nmi"] = nmi(assigned, features.domains)
        complete["domain_ari"] = ari(assigned, features.domains)
    return complete
