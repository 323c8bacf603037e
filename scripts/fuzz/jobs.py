"""The commands that are disturbed: each writes something that can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fuzz.world import BACKBONE, SHORT, World

HEAD = ("--to", "features")
"""The head alone: what is written is written alike, and the graph of an image tower takes 4 s."""
_PARQUET = ("--format", "parquet")


@dataclass(frozen=True)
class Job:
    """A command that writes something.

    Attributes:
        name: of the job.
        out: what it writes, below the folder of an attempt.
        arguments: with `OUT` for where that is.
    """

    name: str
    out: str
    arguments: tuple[str, ...]

    def at(self, place: Path) -> list[str]:
        """The arguments for a place."""
        return [word.replace("OUT", str(place / self.out)) for word in self.arguments]


def jobs(world: World) -> list[Job]:
    """The commands that are attacked."""
    images, model, out = str(world.images), str(world.models["ldpf"]), ("--out", "OUT")
    backbone = ("--backbone", BACKBONE)
    train = ("train", images, *out, *backbone, "--no-advice", *SHORT)
    # One target domain and two methods: a run to resume in, and one to resume behind.
    small = (
        "--targets",
        "photo",
        "--methods",
        "zero-shot,coop",
        "--seeds",
        "1",
        "--jobs",
        "1",
        *SHORT,
    )
    return [
        Job("train", "model", train),
        Job("train coop", "model", (*train, "--method", "coop")),
        Job("benchmark", "results", ("benchmark", images, *backbone, *out, *small)),
        Job("predict", "rows.csv", ("predict", model, images, *out)),
        Job("predict parquet", "rows.parquet", ("predict", model, images, *out, *_PARQUET)),
        Job("classes", "renamed", ("classes", model, "--rename", "cat=tiger", *out)),
        Job("export", "model.onnx", ("export", model, *HEAD, *out)),
        Job("report", "report.html", ("report", model, "--data", images, *out)),
        Job("domains", "domains", ("domains", images, *backbone, *out)),
        Job("table", "table.tex", ("table", str(world.results), "--format", "latex", *out)),
    ]
