"""Rows of a prediction as they are read: counted, reported, and written to a file or stream."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from ldpf.data.image_files import check_outside
from ldpf.utils.paths import full_path
from ldpf.utils.shards import Shard
from ldpf.utils.text import count
from ldpf.utils.time_left import TimeLeft
from ldpf.utils.ways import named
from ldpf.utils.writable import check_apart
from ldpf.workflows.prediction_rows import Row
from ldpf.workflows.predictor import Predictor
from ldpf.workflows.writers import write_rows

log = logging.getLogger("ldpf")

REPORT_EVERY_S = 10.0


@dataclass
class Tally:
    """What has been predicted so far.

    Attributes:
        images: rows.
        unreadable: rows with an error: the image could not be read, or its answer is not finite.
        outside: rows of images outside of what the model knows.
        unsure: rows whose prediction set has more than one class.
        abstained: rows without a class, because the answer is too doubtful.
        started: seconds of a monotonic clock.
    """

    images: int = 0
    unreadable: int = 0
    outside: int = 0
    unsure: int = 0
    abstained: int = 0
    started: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        seconds = time.monotonic() - self.started
        rate = self.images / max(seconds, 1e-9)
        return f"{count(self.images, 'image')} in {seconds:.1f} s ({rate:,.1f} a second)"

    def add(self, row: Row) -> None:
        """Count one row."""
        self.images += 1
        self.unreadable += row.error is not None
        self.outside += bool(row.is_outside)
        self.unsure += len(row.classes or ()) > 1
        self.abstained += row.abstained

    @property
    def doubts(self) -> str:
        """How many answers not to trust, in words; empty where there are none."""
        kinds = {
            "outside of what the model knows": self.outside,
            "with more than one class in the set": self.unsure,
            "left without an answer": self.abstained,
        }
        return ", ".join(f"{n:,} {words}" for words, n in kinds.items() if n)


class Predictions:
    """Rows in the order of the images, each computed when it is asked for; read once.

    Attributes:
        class_names: of the model.
        n_domains: weights in each row.
        top_k: classes in each row.
        tally: what has been read so far.
        total: images there are; None where they were not counted.
    """

    def __init__(
        self,
        predictor: Predictor,
        rows: Iterator[Row],
        places: Sequence[Path] = (),
        shard: Shard | None = None,
        total: int | None = None,
        model: str | Path | None = None,
    ) -> None:
        """Wait to be read.

        Args:
            predictor: whose rows they are.
            rows: one for each image of the shard.
            places: files and folders that are read, so that nothing is written over them.
            shard: which part of the images; None for all.
            total: how many rows there will be; None where that is not known.
            model: the folder that is asked, whose files are not written over either.
        """
        self.class_names = predictor.classifier.class_names
        self.n_domains = predictor.classifier.n_domains
        self.top_k = predictor.top_k
        self.tally = Tally()
        self._rows, self._batch_size = rows, predictor.batch_size
        self._places, self._shard = tuple(places), shard
        self._read = [place for place in places if place.is_file()]
        self._read += [] if model is None else [Path(model)]
        self.total = total

    def __iter__(self) -> Iterator[Row]:
        reported = time.monotonic()
        left = TimeLeft(self.total or 0)
        for row in self._rows:
            self.tally.add(row)
            left.advance(1)
            yield row
            due = self.tally.images % self._batch_size == 0
            if due and time.monotonic() - reported >= REPORT_EVERY_S:
                reported = time.monotonic()
                log.info("%s", self._so_far(left))

    def _so_far(self, left: TimeLeft) -> str:
        if self.total is None:
            return str(self.tally)
        share = f"{self.tally.images:,} of {self.total:,} ({self.tally.images / self.total:.0%})"
        speed = "" if left.rate is None else f", {left.rate:,.1f} a second, {left.words()}"
        return f"{share}{speed}"

    def file(self, target: Path) -> Path:
        """Where `write` puts the rows: all shards may be given one name, as in a job array."""
        return target if self._shard is None else self._shard.file(target)

    def write(
        self, target: str | Path | TextIO, output_format: str = "csv", *, raw: bool = False
    ) -> Tally:
        """Write all rows that were not read yet.

        Args:
            target: a file, which takes its name once it is complete, or a stream of text. A shard
                writes to a file of its own; see `file`.
            output_format: "csv", "jsonl" or, for a file, "parquet".
            raw: leave out the ' that CSV has before names that begin like a formula (= + - @).

        Returns:
            How many there were, and how many have an error.

        Raises:
            SettingsError: the format or the file cannot be, or the file lies in a folder of the
                images.
        """
        if isinstance(target, str | Path):
            check_outside(target, [place for place in self._places if place.is_dir()])
            target = self.file(full_path(target, named("out")))
            check_apart(target, self._read)
        write_rows(
            self,
            target,
            output_format,
            n_domains=self.n_domains,
            top_k=self.top_k,
            flush_every=self._batch_size,
            raw=raw,
        )
        return self.tally
