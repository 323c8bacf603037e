"""Option groups: what several commands have in common, declared once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ldpf.backbones.default import DEFAULT_BACKBONE, DEMO_BACKBONE
from ldpf.cli.grouping import DATA_PANEL, MODEL_PANEL, RUN_PANEL
from ldpf.errors import SettingsError
from ldpf.features.engines.base import ENGINES
from ldpf.models.folder import require_model_folder
from ldpf.utils.files import missing_path_error
from ldpf.utils.paths import full_path
from ldpf.workflows.source import DataSource

log = logging.getLogger("ldpf")

DATA_HELP = (
    "Labeled images: a folder of CLASS/IMAGE or DOMAIN/CLASS/IMAGE, or a table (.csv, .tsv, "
    ".jsonl, .parquet) with columns path and label and perhaps domain, split and group; or "
    "embeddings: a "
    ".parquet table with a column embedding, an array .npy with a table beside it, or a folder as "
    "clip-retrieval writes it. 'demo' draws a small set."
)

ImageEngine = Annotated[
    str,
    typer.Option(
        "--image-engine",
        metavar="NAME",
        help=f"What computes the image tower: {', '.join(ENGINES)}, or auto for the fastest on a "
        "CPU in a short trial. Others than torch are compared with it first and keep their "
        "features apart; onnxruntime and openvino need pip install 'ldpf\\[engines]'.",
        rich_help_panel=RUN_PANEL,
    ),
]


Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="NAME=NAME,...",
        help="What columns of a table are called there, as in path=filename,label=class.",
        rich_help_panel=DATA_PANEL,
        show_default=False,
    ),
]
CacheDir = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir",
        metavar="FOLDER",
        help="Where encoded images are kept, so that none is encoded twice. Default: "
        "$LDPF_CACHE, else ~/.cache/ldpf.",
        rich_help_panel=RUN_PANEL,
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
            help="Better names for classes, one a line: folder_name = readable name. The text "
            "side of the model reads these names.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None
    benchmark_name: Annotated[
        str,
        typer.Option(
            "--benchmark",
            metavar="NAME",
            help="auto recognizes the folders of a named benchmark, with its official domains and "
            "class names; a name from 'ldpf datasets list' insists on it; none reads plain "
            "folders.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = "auto"
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by",
            metavar="REGEX",
            help="What images must stay on one side of a split: a regular expression searched in "
            "each path, such as '(?P<group>[^/]+)_\\d+\\.jpg$' for bursts. The named part, else "
            "the first parentheses, else the whole match names the group. Default: the column "
            "group of a table.",
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
            help="Of a table with boxes (columns x, y, w, h): how much more than the box is looked "
            "at beyond each edge, as a share of its width or height.",
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

    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="The same as the argument PATH.",
            rich_help_panel=DATA_PANEL,
            show_default=False,
        ),
    ] = None
    path: Annotated[
        str | None,
        typer.Argument(metavar="[PATH]", help=DATA_HELP, show_default=False),
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
        typer.Argument(metavar="[PATH]", help=f"{DATA_HELP} Default: demo.", show_default=False),
    ] = None

    @property
    def given(self) -> str:
        """What the person gave; "demo" for nothing."""
        return super().given or "demo"


BACKBONE_HELP = (
    "The ready-made image-and-text model to build on: a name on the Hugging Face hub, a folder "
    "with a checkpoint of CLIP, OpenCLIP, MetaCLIP 2 or SigLIP, or nano (comes with ldpf, knows "
    "drawings only)."
)

Device = Annotated[
    str,
    typer.Option(
        "--device",
        help="Where to compute: auto (a CUDA GPU if there is one), cpu or cuda.",
        rich_help_panel=RUN_PANEL,
    ),
]
ModelBackbone = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        metavar="NAME",
        help="Where the image-and-text model lies that MODEL was trained with. Default: where it "
        "was during training.",
        rich_help_panel=MODEL_PANEL,
    ),
]


@dataclass(frozen=True)
class BackboneOptions:
    """The frozen model to build on, and where it computes."""

    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            metavar="NAME",
            help=f"{BACKBONE_HELP} Default: {DEFAULT_BACKBONE}, downloaded once (600 MB); "
            f"{DEMO_BACKBONE} for demo.",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None
    device: Device = "auto"


@dataclass(frozen=True)
class ModelOptions:
    """A trained model, and where its backbone lies."""

    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="A model folder made by 'ldpf train'.", show_default=False
        ),
    ]
    backbone: ModelBackbone = None

    def check(self) -> None:
        """Raise ModelError if it is no model folder."""
        require_model_folder(self.model)


def _set_quiet(quiet: bool) -> bool:
    if quiet:
        log.setLevel(logging.WARNING)
    return quiet


Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="On stderr only warnings and errors.",
        callback=_set_quiet,
        rich_help_panel=RUN_PANEL,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON document on stdout instead of tables.",
        rich_help_panel=RUN_PANEL,
    ),
]


@dataclass(frozen=True)
class OutputOptions:
    """How much is printed, and as what."""

    quiet: Quiet = False
    as_json: Json = False


Track = Annotated[
    Path | None,
    typer.Option(
        "--track",
        metavar="FOLDER",
        help="Also write curves of the training there, for 'tensorboard --logdir FOLDER'. Needs "
        "pip install 'ldpf\\[track]'.",
        rich_help_panel=RUN_PANEL,
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Another value for a setting, for every method that has it, such as tau=0.05, "
        "length=8 or recipe.learning_rate=0.01; a wrong name shows them all. Repeatable.",
        rich_help_panel=MODEL_PANEL,
        show_default=False,
    ),
]
FailOnLeaks = Annotated[
    bool,
    typer.Option(
        "--fail-on-leaks",
        help="Stop, instead of warning, where images that should be new are copies of training "
        "images, or one picture is under two classes.",
        rich_help_panel=DATA_PANEL,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Do part I of N parts (1/8 ... 8/8), for job arrays: the N commands together do "
        "everything, and nothing twice. They may run at once, on one machine or several that share "
        "their folders.",
        rich_help_panel=RUN_PANEL,
        show_default=False,
    ),
]
BatchSize = Annotated[
    int,
    typer.Option("--batch-size", help="Images encoded at once.", rich_help_panel=RUN_PANEL),
]


def typed_command(context: typer.Context) -> str:
    """The command as it was typed, to run it again."""
    return context.find_root().obj
