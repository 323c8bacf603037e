"""What every command shares: how errors end it, what goes to stdout and stderr, common options."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ldpf.errors import LdpfError

if TYPE_CHECKING:
    from rich.console import Console

    from ldpf.training.callbacks import Tracker

SOMETHING_FAILED = 1
BAD_INPUT = 2
STOPPED = 130
OUTPUT_CLOSED = 141

log = logging.getLogger("ldpf")


class CommandGroup(TyperGroup):
    """Runs a command and turns what can go wrong into a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; unexpected exceptions pass through with their traceback."""
        with _messages_on_stderr():
            try:
                try:
                    return super().invoke(ctx)
                finally:
                    sys.stdout.flush()
            except LdpfError as error:
                note(f"Error: {error}", style="red")
                raise typer.Exit(BAD_INPUT) from None
            except BrokenPipeError:
                _give_up_stdout()
                raise typer.Exit(OUTPUT_CLOSED) from None
            except KeyboardInterrupt:
                note("Stopped. The same command goes on from here.")
                raise typer.Exit(STOPPED) from None


def note(text: str, style: str = "") -> None:
    """One message to stderr, never broken into lines and free of markup."""
    console = stderr_console()
    options = {"style": style, "markup": False, "highlight": False, "soft_wrap": True}
    if hasattr(sys.stderr, "rich_proxied_file"):  # a progress bar is on, and moves out of the way
        with console.capture() as capture:
            console.print(text, **options)
        sys.stderr.write(capture.get())
    else:
        console.print(text, **options)


def say(text: str = "", style: str = "") -> None:
    """One line of results to stdout, never broken into lines and free of markup."""
    stdout_console().print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def show(renderable: Any) -> None:
    """A table to stdout; in a file or a pipe it is as wide as it needs to be."""
    stdout_console().print(renderable)


def say_json(content: Any) -> None:
    """The one JSON document that a command prints with `--json`."""
    import json

    print(json.dumps(content, indent=2, ensure_ascii=False))


def stdout_console() -> Console:
    """A console on what is stdout now (tests and progress bars replace it)."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """A console on what is stderr now."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    class PipeConsole(Console):
        # Rich would end the process by itself; here one place decides.
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    console = PipeConsole(stderr=stderr)
    if not console.is_terminal:
        console.width = 240  # nobody's window: cut nothing off
    return console


class _StderrHandler(logging.Handler):
    """Log records as sentences for people; the same warning is shown once."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno < logging.WARNING:
            note(text, style="dim")
        elif text not in self.shown:
            self.shown.add(text)
            note(f"Warning: {text}", style="yellow")


@contextmanager
def _messages_on_stderr() -> Iterator[None]:
    """Send the library's log and its warnings to stderr as plain sentences."""
    handler, level, before = _StderrHandler(), log.level, warnings.showwarning

    def show_warning(message, category, filename, lineno, file=None, line=None) -> None:
        if category is UserWarning:  # this library's own; others keep Python's form
            log.warning("%s", message)
        else:
            before(message, category, filename, lineno, file, line)

    log.addHandler(handler)
    log.setLevel(logging.INFO)
    warnings.showwarning = show_warning
    try:
        yield
    finally:
        warnings.showwarning = before
        log.setLevel(level)
        log.removeHandler(handler)


def _give_up_stdout() -> None:
    """Nobody reads stdout any more: what is still buffered must not fail at exit."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, descriptor)
    os.close(devnull)


def tracker(folder: Path | None) -> Tracker | None:
    """What writes curves into `folder`, or None without one; raises before any work is done."""
    if folder is None:
        return None
    from ldpf.training.callbacks import Tracker

    return Tracker(folder)


def _set_quiet(quiet: bool) -> bool:
    if quiet:
        log.setLevel(logging.WARNING)
    return quiet


DATA_PANEL = "Images"
MODEL_PANEL = "Model"
RUN_PANEL = "Running"

_DATA_HELP = (
    "Labelled images: a folder of CLASS/IMAGE or DOMAIN/CLASS/IMAGE, or a table (.csv, .tsv, "
    ".parquet) with columns path and label and perhaps domain and split; or embeddings: a .parquet "
    "table with a column embedding, or an array .npy with a table beside it. 'demo' draws a small "
    "set."
)
DemoData = Annotated[
    str, typer.Option("--data", metavar="PATH", help=_DATA_HELP, rich_help_panel=DATA_PANEL)
]
Data = Annotated[
    str,
    typer.Option(
        "--data", metavar="PATH", help=_DATA_HELP, rich_help_panel=DATA_PANEL, show_default=False
    ),
]
Layout = Annotated[
    str,
    typer.Option(
        "--layout",
        help="How folders are read: auto, domain/class or class.",
        rich_help_panel=DATA_PANEL,
    ),
]
NamedBenchmark = Annotated[
    str,
    typer.Option(
        "--benchmark",
        metavar="NAME",
        help="auto recognises the folders of a named benchmark, with its official domains and "
        "class names; a name from 'ldpf datasets list' insists on it; none reads plain folders.",
        rich_help_panel=DATA_PANEL,
    ),
]
ClassNames = Annotated[
    Path | None,
    typer.Option(
        "--class-names",
        metavar="FILE",
        help="Better names for classes, one a line: folder_name = readable name. The text side of "
        "the model reads these names.",
        rich_help_panel=DATA_PANEL,
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        help="Leave out images that cannot be read, instead of stopping.",
        rich_help_panel=DATA_PANEL,
    ),
]
BACKBONE_HELP = (
    "The ready-made image-and-text model to build on: nano (small, comes with ldpf), a folder "
    "with a checkpoint of CLIP, OpenCLIP, MetaCLIP 2 or SigLIP, or a name on the Hugging Face hub "
    "such as openai/clip-vit-base-patch16."
)
Backbone = Annotated[
    str,
    typer.Option("--backbone", metavar="NAME", help=BACKBONE_HELP, rich_help_panel=MODEL_PANEL),
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
Device = Annotated[
    str,
    typer.Option(
        "--device",
        help="Where to compute: auto (a CUDA GPU if there is one), cpu or cuda.",
        rich_help_panel=RUN_PANEL,
    ),
]
CacheDir = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir",
        metavar="FOLDER",
        help="Where encoded images are kept, so that none is encoded twice. Default: $LDPF_CACHE, "
        "else ~/.cache/ldpf.",
        rich_help_panel=RUN_PANEL,
    ),
]
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
Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="A model folder made by 'ldpf train'.", show_default=False
    ),
]
Seeds = Annotated[
    int,
    typer.Option(
        help="How often everything is repeated with another random start.",
        rich_help_panel=RUN_PANEL,
    ),
]
Targets = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,...",
        help="Domains to leave out in turn. Default: every one.",
        rich_help_panel=RUN_PANEL,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Runs side by side. Default: one for each processor, as far as memory goes.",
        rich_help_panel=RUN_PANEL,
        show_default=False,
    ),
]
BatchSize = Annotated[
    int,
    typer.Option("--batch-size", help="Images encoded at once.", rich_help_panel=RUN_PANEL),
]
