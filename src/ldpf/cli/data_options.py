"""Options of labeled images: which they are and how they are read, declared once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ldpf.cli.grouping import DATA_PANEL, RUN_PANEL
from ldpf.errors import SettingsError
from ldpf.features.engines.base import ENGINES
from ldpf.utils.paths import full_path, missing_path_error
from ldpf.workflows.source import DataSource

DATA_HELP = (
    "Labeled images: a folder of CLASS/IMAGE or DOMAIN/CLASS/IMAGE, or a table (.csv, .tsv, "
    ".jsonl, .parquet) with the columns path and label, and optionally domain, split and group. Or "
    "embeddings: a .parquet table with a column embedding, a .npy array with a table of the same "
    "name, or a folder written by clip-retrieval. 'demo' draws a small set."
)

ImageEngine = Annotated[
    str,
    typer.Option(
        "--image-engine",
        metavar="NAME",
        help=f"What computes the image tower: {', '.join(ENGINES)}, or auto for the fastest "
        "one on a CPU in a short trial. Engines other than torch are first compared "
        "with torch, and their features are stored separately. onnxruntime and "
        "openvino need pip install 'ldpf\\[engines]'.",
        rich_help_panel=RUN_PANEL,
    ),
]


Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="NAME=NAME,...",
        help="Names of the columns in a table, if they differ, as in path=filename,label=class.",
        rich_help_panel=DATA_PANEL,
        show_default=False,
    ),
]
CacheDir = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir",
        metavar="FOLDER",
        file_okay=False,
        help="Folder where encoded images are stored, so that none is encoded twice. "
        "Default: $LDPF_CACHE, or ~/.cache/ldpf if it is not set.",
        rich_help_panel=RUN_PANEL,
    ),
]
DataBesidePath = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="The same as the argument PATH.",
        rich_help_panel=DATA_PANEL,
        show_default=False,
    ),
]


@dataclass(frozen=True)
class OptionalData:
    """Labeled images that a command can do without, and how they are read."""

    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help=DATA_HELP,
            rich_help_panel=DATA_PANEL,
            show_default=False,
        ),
    ] = None
    layout: Annotated[
        str,
        typer.Option(
            "--layout",
            help="How folders are read: auto, domain/class or class.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = "auto"
    class_names: Annotated[
        Path | None,
        typer.Option(
            "--class-names",
            metavar="FILE",
            help="A file with better class names, one per line: folder_name = readable name. "
            "The text encoder reads these names.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None
    benchmark_name: Annotated[
        str,
        typer.Option(
            "--benchmark",
            metavar="NAME",
            help="Named benchmark: auto recognizes its folders and uses its official domain "
            "and class names; a name from 'ldpf datasets list' requires this benchmark; "
            "none reads plain folders.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = "auto"
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by",
            metavar="REGEX",
            help="Which images must stay on the same side of a split: a regular expression "
            "searched in each path, such as '(?P<group>[^/]+)_\\d+\\.jpg$' for bursts. "
            "The group is the part named group, or else the first parentheses, or else "
            "the whole match. Default: the column group of a table.",
            rich_help_panel=DATA_PANEL,
            show_default=False,
        ),
    ] = None
    columns: Columns = None
    margin: Annotated[
        float,
        typer.Option(
            "--margin",
            metavar="SHARE",
            help="For a table with boxes (columns x, y, w, h): how far to extend each box on "
            "every side, as a share of its width or height.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = 0.0
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Leave out images that cannot be read, instead of stopping.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = False
    cache_dir: CacheDir = None
    image_engine: ImageEngine = "torch"

    @property
    def given(self) -> str | None:
        """What the person gave; None for nothing."""
        return self.data

    def check(self) -> None:
        """Raise DataError if there is no such file or folder."""
        if self.given is not None and self.given != "demo":
            path = full_path(self.given).absolute()
            if not path.exists():
                raise missing_path_error(path)

    def optional_source(self) -> DataSource | None:
        """What to read; None where no images were given."""
        return None if self.given is None else self._source(self.given)

    def _source(self, given: str) -> DataSource:
        return DataSource(
            given,
            layout=self.layout,
            class_names=self.class_names,
            skip_bad=self.skip_bad,
            cache_dir=self.cache_dir,
            benchmark=self.benchmark_name,
            group_by=self.group_by,
            columns=self.columns,
            image_engine=self.image_engine,
            margin=self.margin,
        )


def require_one_path(given: str | None, argument: str | None, option: str | None) -> None:
    """Raise SettingsError if there are no images, or different ones as argument and as option."""
    if given is None:
        raise SettingsError("Which images? Give their folder or table as PATH.")
    if argument is not None and option is not None and argument != option:
        raise SettingsError(
            f"The images are given twice, as {argument!r} and with --data {option!r}; leave one "
            "out."
        )


@dataclass(frozen=True)
class LabeledData(OptionalData):
    """Labeled images, given as an argument or with --data, and how they are read."""

    data: DataBesidePath = None
    path: Annotated[
        str | None,
        typer.Argument(metavar="PATH", help=DATA_HELP, show_default=False),
    ] = None

    @property
    def given(self) -> str | None:
        """What the person gave; None for nothing."""
        return self.path if self.data is None else self.data

    def check(self) -> None:
        """Raise SettingsError unless one path is given, DataError if it does not exist."""
        require_one_path(self.given, self.path, self.data)
        super().check()

    def source(self) -> DataSource:
        """What to read."""
        assert self.given is not None, "see check"
        return self._source(self.given)


@dataclass(frozen=True)
class DataOrDemo(LabeledData):
    """Labeled images, or else the small drawn set."""

    path: Annotated[
        str | None,
        typer.Argument(metavar="PATH", help=f"{DATA_HELP} Default: demo.", show_default=False),
    ] = None

    @property
    def given(self) -> str:
        """What the person gave; "demo" for nothing."""
        return super().given or "demo"
