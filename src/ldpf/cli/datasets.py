"""`ldpf datasets`: named data sets of the field, what is known of them, and making them ready."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import SOMETHING_FAILED, say, say_json, show
from ldpf.cli.options import OutputOptions
from ldpf.utils.text import count

if TYPE_CHECKING:
    from ldpf.data.datasets import NamedDataset
    from ldpf.data.datasets.check import DatasetCheck

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A name from 'ldpf datasets list'.", show_default=False),
]
Out = Annotated[
    Path,
    typer.Option("--out", metavar="FOLDER", help="The new folder.", show_default=False),
]
Copy = Annotated[
    bool,
    typer.Option("--copy", help="Copy the images. By default, hard links are made if possible."),
]
SkipMissing = Annotated[
    bool,
    typer.Option("--skip-missing", help="Leave out images that do not exist, instead of stopping."),
]


@COMMANDS.register("datasets", panel="Named datasets")
def datasets() -> None:
    """List, download, check and prepare the named data sets."""


@COMMANDS.register("datasets list")
def list_all(output: OutputOptions) -> None:
    """List the data sets that are recognized by name.

    \b
    Example:
      ldpf datasets list
    """
    named = workflows.list_datasets()
    if output.as_json:
        say_json([_as_json(one) for one in named])
        return
    table = Table("name", "domains", "classes", "images")
    for one in named:
        # Where only a table names them, there are too many to list.
        domains, classes = ", ".join(one.domains) or "by its table", str(len(one.classes) or "")
        table.add_row(one.name, domains, classes or "by its table", _number(one.images))
    show(table)
    say("Details: ldpf datasets info NAME. Is a copy complete? ldpf datasets check NAME PATH.")


@COMMANDS.register("datasets info")
def info(name: Name, output: OutputOptions) -> None:
    """Show a data set's domains, classes and counts, and where to get it.

    \b
    Example:
      ldpf datasets info terra-incognita
    """
    one = workflows.describe_dataset(name)
    if output.as_json:
        say_json(_as_json(one))
        return
    say(one.title, style="bold")
    say(f"Paper: {one.paper}")
    say(f"Images: {_number(one.images)}")
    parts = [f"{domain} ({_number(one.domain_images.get(domain))})" for domain in one.domains]
    if parts:
        say(f"Domains ({len(parts)}): {', '.join(parts)}")
        say(f"Classes ({len(one.classes)}): {', '.join(map(one.class_name, one.classes))}")
    else:
        say("Domains and classes: by its table")
    for domain, numbers in one.class_images.items():
        pairs = zip(map(one.class_name, one.classes), numbers, strict=True)
        say(f"  {domain}: {', '.join(f'{folder} {n:,}' for folder, n in pairs)}")
    say(f"Where to get it: {'; '.join(one.home)}")
    if one.copy is not None:
        say(
            f"Copy on the hub: {one.copy.repo} (license: {one.copy.license}); "
            f"ldpf datasets fetch {one.name} --to FOLDER"
        )
    say(f"Terms: {one.terms}")
    for note in one.notes:
        say(f"- {note}")


@COMMANDS.register("datasets fetch")
def fetch(
    *,
    name: Name,
    to: Annotated[
        Path, typer.Option("--to", metavar="FOLDER", help="The new folder.", show_default=False)
    ],
    output: OutputOptions,
) -> None:
    """Download a data set from its copy on the Hugging Face hub, and count it.

    Writes DOMAIN/CLASS/IMAGE. The same command resumes if it was stopped. The
    exit code is 1 if the copy differs from the published counts. For data sets
    without a known copy, the message says where to get them. Respect the terms
    of use: 'ldpf datasets info NAME'.

    \b
    Example:
      ldpf datasets fetch pacs --to PACS
    """
    made = workflows.fetch_dataset(name, to, progress=not output.quiet)
    if output.as_json:
        told = {"repo": made.repo, "revision": made.revision, "written": made.written}
        say_json({"to": str(to), **told, **made.check.as_json()})
    else:
        say(f"{to}: {count(made.written, 'image')} written from {made.repo} at {made.revision}.")
        _print_check(made.check)
    if made.check.differences:
        raise typer.Exit(SOMETHING_FAILED)


@COMMANDS.register("datasets check")
def check(
    *,
    name: Name,
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The folder with your copy.", show_default=False)
    ],
    output: OutputOptions,
) -> None:
    """Compare a copy with the published counts; exit code 1 if something differs.

    Says for each domain what is missing and what is surplus. Images are
    counted, not opened.

    \b
    Example:
      ldpf datasets check pacs data/PACS
    """
    found = workflows.check_dataset(name, path)
    if output.as_json:
        say_json(found.as_json())
    else:
        _print_check(found)
    if found.differences:
        raise typer.Exit(SOMETHING_FAILED)


@COMMANDS.register("datasets prepare")
def prepare() -> None:
    """Make the folders of a data set from files that you have downloaded."""


@COMMANDS.register("datasets prepare terra-incognita")
def prepare_terra(
    *,
    annotations: Annotated[
        Path,
        typer.Option(
            "--annotations",
            metavar="FILE",
            help="The annotations, caltech_images_20210113.json.",
            show_default=False,
        ),
    ],
    images: Annotated[
        Path,
        typer.Option(
            "--images",
            metavar="DIR",
            help="The folder with the unpacked images, eccv_18_all_images_sm.",
            show_default=False,
        ),
    ],
    out: Out,
    several: Annotated[
        str,
        typer.Option(
            "--several-labels",
            help="What to do with an image of several of the ten classes: each puts it into "
            "every class, as DomainBed does; skip leaves it out.",
        ),
    ] = "each",
    skip_missing: SkipMissing = False,
    copy: Copy = False,
    output: OutputOptions,
) -> None:
    """Select locations 38, 43, 46, 100 and ten classes of Caltech Camera Traps.

    The same command resumes if it was stopped.

    \b
    Example:
      ldpf datasets prepare terra-incognita --annotations caltech_images_20210113.json \\
        --images eccv_18_all_images_sm --out terra_incognita
    """
    made = workflows.prepare_terra_incognita(
        annotations,
        images,
        out,
        several=several,
        skip_missing=skip_missing,
        copy=copy,
        progress=not output.quiet,
    )
    if output.as_json:
        say_json({"out": str(out), **vars(made)})
        return
    _print_made(out, made.domain_images, made.missing, made.done_before)
    what = "in each of their classes" if several == "each" else "left out"
    say(f"{count(made.several_labels, 'image')} with several of the ten classes: {what}.")
    say(f"{count(made.other_labels, 'image')} of these locations with none of them: left out.")


@COMMANDS.register("datasets prepare mini-domainnet")
def prepare_mini(
    *,
    domainnet: Annotated[
        Path,
        typer.Option(
            "--domainnet", metavar="DIR", help="The folder of DomainNet.", show_default=False
        ),
    ],
    splits: Annotated[
        Path,
        typer.Option(
            "--splits",
            metavar="DIR",
            help="The folder with the split lists, splits_mini.",
            show_default=False,
        ),
    ],
    out: Out,
    skip_missing: SkipMissing = False,
    copy: Copy = False,
    output: OutputOptions,
) -> None:
    """Select mini-DomainNet's images from DomainNet by its split lists.

    The same command resumes if it was stopped.

    \b
    Example:
      ldpf datasets prepare mini-domainnet --domainnet domainnet \\
        --splits domainnet/splits_mini --out mini_domainnet
    """
    made = workflows.prepare_mini_domainnet(
        domainnet, splits, out, skip_missing=skip_missing, copy=copy, progress=not output.quiet
    )
    if output.as_json:
        say_json({"out": str(out), **vars(made)})
        return
    _print_made(out, made.domain_images, made.missing, made.done_before)


def _print_check(found: DatasetCheck) -> None:
    table = Table("domain", "images", "published", "classes absent")
    for domain in found.domains:
        absent = len(domain.absent_classes)
        table.add_row(domain.name, f"{domain.images:,}", _number(domain.published), str(absent))
    table.add_row("all", f"{found.images:,}", _number(found.published), "")
    show(table)
    if found.unlisted:
        say(f"{count(found.unlisted, 'image')} that the split lists do not name: not counted.")
    if not found.differences:
        say(f"{found.root} is {found.name} as published.")
    for sentence in found.differences:
        say(f"- {sentence}", style="yellow")


def _print_made(out: Path, images: dict[str, int], missing: int, before: bool) -> None:
    total = count(sum(images.values()), "image")
    verb = "was there before" if before else "is ready"
    say(f"{out} {verb}: {total}, {', '.join(f'{name} {n:,}' for name, n in images.items())}.")
    if missing:
        say(f"{count(missing, 'image')} not there: left out.")


def _as_json(one: NamedDataset) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "domains": list(one.domains),
        "classes": list(one.classes),
        "class_names": [one.class_name(folder) for folder in one.classes],
        "images": one.images,
        "domain_images": dict(one.domain_images),
        "class_images": {domain: list(n) for domain, n in one.class_images.items()},
        "paper": one.paper,
        "home": list(one.home),
        "copy": None if one.copy is None else {"repo": one.copy.repo, "license": one.copy.license},
        "terms": one.terms,
        "notes": list(one.notes),
    }


def _number(value: int | None) -> str:
    return "not known" if value is None else f"{value:,}"
