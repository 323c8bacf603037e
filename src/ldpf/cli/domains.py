"""`ldpf domains`: what the latent domains of a set of images look like."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import counts_table, most_uneven, say, say_json, show
from ldpf.cli.grouping import MODEL_PANEL, RUN_PANEL
from ldpf.cli.latent import measure_latent
from ldpf.cli.options import BACKBONE_HELP, Device, OptionalData, OutputOptions, require_one_path
from ldpf.errors import ModelError, SettingsError
from ldpf.models.folder import CONFIG, require_model_folder
from ldpf.utils.files import check_own_folder, new_folder
from ldpf.utils.text import count
from ldpf.workflows.discovery import OVERVIEW, TABLE, Finding, write_files
from ldpf.workflows.inputs import encode, load_trained
from ldpf.workflows.source import DataSource, describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ldpf.data import ImageDataset

log = logging.getLogger("ldpf")

CLASSES_SHOWN = 15


@dataclass(frozen=True)
class ModelAndData(OptionalData):
    """`ldpf domains PATH` and `ldpf domains MODEL PATH`, where --data PATH is the same as PATH."""

    first: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="A model folder: show its latent domains in these images. Without it, latent "
            "domains are discovered in the images.",
            show_default=False,
        ),
    ] = None
    second: Annotated[
        str | None,
        typer.Argument(metavar="[PATH]", help="The labeled images.", show_default=False),
    ] = None

    @property
    def model(self) -> Path | None:
        """The model folder; None where latent domains are to be discovered."""
        alone = self.second is None and self.data is None
        return None if self.first is None or alone else Path(self.first)

    @property
    def given(self) -> str | None:
        """Where the images are; None where only a model was given, or nothing."""
        if self.model is None and self.first is not None:
            return None if (Path(self.first) / CONFIG).is_file() else self.first
        return self.second if self.data is None else self.data

    def check(self) -> None:
        """Raise an error unless there are images, given once, and a model, if one is named."""
        require_one_path(self.given, self.second, self.data)
        if self.model is not None:
            require_model_folder(self.model)
        super().check()

    def source(self) -> DataSource:
        """What to read."""
        source = self.optional_source()
        assert source is not None, "see check"
        return source


@COMMANDS.register("domains", panel="With your images")
def domains(
    *,
    given: ModelAndData,
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"{BACKBONE_HELP} Default: that of MODEL, else nano.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    n_domains: Annotated[
        int | None,
        typer.Option(
            help="How many latent domains to look for. Default: 3. Not with MODEL.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(help="Another number gives another random start.", rich_help_panel=RUN_PANEL),
    ] = 0,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Where pictures and the table of images go.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = Path("domains"),
    per_domain: Annotated[
        int,
        typer.Option(help="Images on each contact sheet at most.", rich_help_panel=RUN_PANEL),
    ] = 24,
    device: Device = "auto",
    output: OutputOptions,
) -> None:
    """Show the groups of one style ("latent domains") found in your images.

    Writes a contact sheet of typical images for each latent domain, an
    overview (latent-domains.png) and a table of all images (domains.csv), and
    says how well the groups are separated from the classes.

    \b
    Examples:
      ldpf domains photos
      ldpf domains my-model photos --out what-my-model-sees
    """
    model, source = given.model, given.source()
    if per_domain < 1:
        raise SettingsError(f"per_domain={per_domain} should be at least 1.")
    if model is not None and n_domains is not None:
        raise SettingsError(
            f"n_domains={n_domains} cannot be chosen for a trained model; leave --n-domains out, "
            "or leave MODEL out to discover latent domains anew."
        )
    check_own_folder(out, (TABLE, OVERVIEW), "latent domains")
    dataset = source.load()
    if model is None:
        finding = _discover(
            dataset, source, backbone or "nano", 3 if n_domains is None else n_domains, seed, device
        )
    else:
        finding = _recognise(dataset, source, model, backbone, device)
    new_folder(out)
    files = write_files(finding, dataset, out, per_domain)
    report = _report(finding)
    if output.as_json:
        say_json({**report, "files": [str(file) for file in files]})
    else:
        _print(finding, report, files)


def _discover(
    dataset: ImageDataset,
    source: DataSource,
    backbone: str,
    n_domains: int,
    seed: int,
    device: str,
) -> Finding:
    """The discovery that `ldpf train` would run with the same seed, and no prompts."""
    from ldpf.backbones import load_backbone
    from ldpf.domains import DiscoverySettings, DomainDiscovery
    from ldpf.fusion import similarity_weights
    from ldpf.utils.progress import progress_bar

    settings = DiscoverySettings(n_domains=n_domains)
    frozen = load_backbone(backbone, device)
    features = encode(dataset, frozen, source).features
    learnt, held_out, _ = features.split(seed=seed)
    discovery = DomainDiscovery(learnt, held_out, settings, seed)
    shown = log.isEnabledFor(logging.INFO)
    with progress_bar("discovering domains", settings.rounds, enabled=shown) as advance:
        while not discovery.done:
            discovery.round()
            advance(1)
    latent = discovery.latent_domains()
    measured = discovery.measure()
    return Finding(
        features,
        latent,
        latent.assign(features.features),
        similarity_weights(latent.similarities(features.features), 0.1),
        measured,
        f"discovered in these images (seed {seed})",
    )


def _recognise(
    dataset: ImageDataset, source: DataSource, model: Path, backbone: str | None, device: str
) -> Finding:
    """The latent domains of a model, recognised in these images."""
    from ldpf.data import split_train_validation

    classifier, frozen, _ = load_trained(model, backbone, device)
    latent = classifier.latent
    if latent is None:
        raise ModelError(
            f"The model in {str(model)!r} was trained with {classifier.method!r}, which has one "
            "prompt and no latent domains; leave MODEL out to discover some in the images."
        )
    features = encode(dataset, frozen, source).features
    # The model may have been trained on these very images; the probe at least has not.
    train, test = split_train_validation(features.labels.numpy(), None, seed=0)
    held_out = features.subset(test if len(test) else train)
    measured = measure_latent(latent, features.subset(train), held_out)
    return Finding(
        features,
        latent,
        latent.assign(features.features),
        classifier.domain_weights(features.features),
        measured,
        f"of the model {model}",
    )


def _report(finding: Finding) -> dict[str, Any]:
    from ldpf.domains.diagnosis import discovery_words
    from ldpf.domains.diagnostics import ari, cross_table, nmi

    features, assigned, n_domains = finding.features, finding.assigned, finding.latent.n_domains
    sizes = np.bincount(assigned.numpy(), minlength=n_domains)
    by_class = cross_table(features.labels, assigned, len(features.class_names), n_domains)
    measured = {**finding.measured, "sizes": sizes.tolist()}
    measured["class_nmi"] = nmi(assigned, features.labels)
    by_domain = None
    if features.domains is not None:
        table = cross_table(features.domains, assigned, len(features.domain_names), n_domains)
        by_domain = dict(zip(features.domain_names, table.tolist(), strict=True))
        measured["domain_nmi"] = nmi(assigned, features.domains)
        measured["domain_ari"] = ari(assigned, features.domains)
    return {
        "n_images": len(features),
        "n_domains": n_domains,
        "sizes": sizes.tolist(),
        "shares": (sizes / max(len(features), 1)).tolist(),
        "by_class": dict(zip(features.class_names, by_class.tolist(), strict=True)),
        "by_known_domain": by_domain,
        "measurements": measured,
        "words": discovery_words(measured),
    }


def _print(finding: Finding, report: dict[str, Any], files: Sequence[Path]) -> None:

    say(f"{describe(finding.features)}.")
    latent = count(report["n_domains"], "latent domain")
    say(f"{latent}, {finding.origin}.", style="bold")
    show(counts_table([report["sizes"]], ["all"], ""))
    if report["by_known_domain"] is not None:
        known = report["by_known_domain"]
        show(counts_table(list(known.values()), list(known), "known domain"))
    table, names = list(report["by_class"].values()), list(report["by_class"])
    heading = "class"
    if len(names) > CLASSES_SHOWN:
        rows = most_uneven(table, CLASSES_SHOWN)
        table, names = [table[k] for k in rows], [names[k] for k in rows]
        heading = f"class (the {CLASSES_SHOWN} most uneven)"
    show(counts_table(table, names, heading))
    for sentence in report["words"]:
        say(f"- {sentence}")
    say()
    say(f"Look at {files[0]}")
    say(f"Also: {', '.join(str(file) for file in files[1:])}")
