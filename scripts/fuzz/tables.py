"""Damaged tables: manifests of every format, and other spellings of whole ones."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzz.base import Attack, Fell
from fuzz.mutate import damaged, damaged_json, strange_values
from fuzz.world import CLASSES, DOMAINS, EACH
from ldpf.data import ImageDataset, load_dataset
from ldpf.errors import LdpfError

COLUMNS = ("path", "label", "domain", "split", "group")
SPLITS = ("train", "val", "test")
Rows = list[dict[str, object]]

STRANGE_CELLS = (
    *("", " ", "=1+1", "nan", "NULL", "None", "\x00", "\x1b[31mred", "a\u200bb", "É", "E\u0301"),
    *(
        "x" * 5000,
        "../../../etc/passwd",
        "/dev/zero",
        "con",
        "a;b",
        'a"b',
        "a\nb",
        "0",
        "-1",
        "1.0",
    ),
)


class Tables(Attack):
    """A damaged table is refused, or gives as many images as it has rows, with labels that can be.

    Another spelling of the same table (line ends, order of columns, quotes, encoding, format) is
    the same data set.
    """

    name = "tables"
    title = "damaged tables of images"
    count = 5_000
    limit_mb = 400.0

    def attempt(self, seed: int, place: Path) -> str:
        """Write a table, damage it, read it, and split it."""
        draws = np.random.default_rng([3, seed])
        rows = self._rows(draws)
        kind = int(draws.integers(0, 4))
        if kind == 0:
            file, _ = _spelled(rows, place, draws)
            found = _read(file)
            if found is None:
                raise Fell(f"another spelling of a whole table is refused: {_reason(file)}")
            _check_same(found, rows)
            return "read as the whole one"
        if kind == 1:
            rows = _strange(rows, draws)
        file, ending = _spelled(rows, place, draws)
        if kind == 2:
            file.write_bytes(damaged(file.read_bytes(), draws, _other(rows)))
        elif kind == 3 and ending == "jsonl":
            lines = file.read_bytes().split(b"\n")
            at = int(draws.integers(len(lines)))
            if lines[at]:
                lines[at] = damaged_json(json.loads(lines[at]), draws)[0]
            file.write_bytes(b"\n".join(lines))
        found = _read(file)
        if found is None:
            return "refused"
        check_dataset(found)
        _check_count(found, file, ending)
        return "read"

    def _rows(self, draws: np.random.Generator) -> Rows:
        """A table of some of the images, with all columns or only those it needs."""
        every = [
            (self.world.images / domain / name / f"{i}.png", name, domain)
            for domain in DOMAINS
            for name in CLASSES
            for i in range(EACH)
        ]
        picked = draws.permutation(len(every))[: int(draws.integers(12, len(every)))]
        rows: Rows = [
            {
                "path": str(every[i][0]),
                "label": every[i][1],
                "domain": every[i][2],
                "split": SPLITS[int(i) % 3],
                "group": f"g{int(i) // 2}",
            }
            for i in picked
        ]
        kept = [c for c in COLUMNS if c in ("path", "label") or draws.random() < 0.6]
        return [{column: row[column] for column in kept} for row in rows]


def _read(file: Path) -> ImageDataset | None:
    """The data set; None where it is refused in words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = load_dataset(file)
            # A split may be refused, such as where a class has one image.
            try:
                _check_split(found)
            except LdpfError as error:
                check_sentence(str(error))
            return found
    except LdpfError as error:
        check_sentence(str(error))
        return None


def _reason(file: Path) -> str:
    try:
        load_dataset(file)
    except LdpfError as error:
        return str(error)
    return ""


def check_sentence(words: str) -> None:
    """Raise Fell for an error that is no readable sentence."""
    long = any(len(line) > 1500 for line in words.splitlines())
    if not words.strip() or long or len(words) > 20_000 or "Traceback" in words:
        raise Fell(f"an error that is no sentence: {words!r:.600}")


def check_dataset(found: ImageDataset) -> None:
    """Raise Fell where a data set holds what cannot be."""
    labels, domains = found.labels, found.domains
    if not len(found) or labels.min() < 0 or labels.max() >= len(found.class_names):
        raise Fell(f"labels that cannot be: {labels}")
    if domains is not None and not 0 <= domains.min() <= domains.max() < len(found.domain_names):
        raise Fell(f"domains that cannot be: {domains}")
    if found.splits is not None and not set(found.splits.tolist()) <= set(SPLITS):
        raise Fell(f"splits that cannot be: {found.splits}")


def _check_split(found: ImageDataset) -> None:
    parts = found.split(0.8, seed=0)
    together = [path for part in parts for path in part.paths]
    if sorted(together) != sorted(found.paths):
        raise Fell("a split leaves images out or has them twice")


def _check_same(found: ImageDataset, rows: Rows) -> None:
    """Raise Fell where a data set is another one than its table says."""
    names = [found.class_names[i] for i in found.labels]
    if names != [row["label"] for row in rows]:
        raise Fell("the labels of a whole table are others")
    if [str(found.file(i)) for i in range(len(found))] != [row["path"] for row in rows]:
        raise Fell("the paths of a whole table are others")
    if "domain" in rows[0]:
        known = None if found.domains is None else [found.domain_names[i] for i in found.domains]
        if known != [row["domain"] for row in rows]:
            raise Fell("the domains of a whole table are others")
    for column, values in (("split", found.splits), ("group", found.groups)):
        expected = [row[column] for row in rows] if column in rows[0] else None
        if (None if values is None else values.tolist()) != expected:
            raise Fell(f"the column {column} of a whole table is another one")


def _check_count(found: ImageDataset, file: Path, ending: str) -> None:
    """As many images as another reader finds rows."""
    if ending == "jsonl":
        n = sum(bool(line.strip()) for line in file.read_bytes().split(b"\n"))
    elif ending == "parquet":
        import pyarrow.parquet as pq

        n = pq.read_table(file).num_rows
    else:
        text = file.read_bytes()
        encoding = "utf-16" if text[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        head = text.decode(encoding).split("\n", 1)[0]
        reader = csv.reader(
            io.StringIO(text.decode(encoding), newline=""),
            delimiter=max(",;\t", key=head.count),
            skipinitialspace=True,
        )
        n = sum(bool(row) for row in reader) - 1
    if len(found) != n:
        raise Fell(f"{len(found)} images of {n} rows")


def _strange(rows: Rows, draws: np.random.Generator) -> Rows:
    """The same with strange things in one to three cells."""
    rows = [dict(row) for row in rows]
    for _ in range(int(draws.integers(1, 4))):
        row = rows[int(draws.integers(len(rows)))]
        column = list(row)[int(draws.integers(len(row)))]
        if draws.random() < 0.7:
            row[column] = STRANGE_CELLS[int(draws.integers(len(STRANGE_CELLS)))]
        else:
            values = strange_values(draws)
            row[column] = values[int(draws.integers(len(values)))]
    return rows


def _other(rows: Rows) -> bytes:
    return json.dumps(rows).encode()


def _spelled(rows: Rows, place: Path, draws: np.random.Generator) -> tuple[Path, str]:
    """A file of the table in one of its spellings."""
    writers: dict[str, Callable[[Rows, Path, np.random.Generator], None]] = {
        "csv": _write_csv,
        "tsv": _write_csv,
        "jsonl": _write_jsonl,
        "parquet": _write_parquet,
    }
    endings = list(writers)
    ending = endings[int(draws.integers(len(endings)))]
    file = place / f"table.{ending}"
    writers[ending](rows, file, draws)
    return file, ending


def _write_csv(rows: Rows, file: Path, draws: np.random.Generator) -> None:
    columns = [list(rows[0])[i] for i in draws.permutation(len(rows[0]))]
    delimiter = "\t" if file.suffix == ".tsv" else str(draws.choice((",", ";")))
    quoting = csv.QUOTE_ALL if draws.random() < 0.3 else csv.QUOTE_MINIMAL
    stream = io.StringIO(newline="")
    end = str(draws.choice(("\n", "\r\n")))
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerow([name.upper() if draws.random() < 0.2 else name for name in columns])
    for row in rows:
        writer.writerow([row[column] for column in columns])
    text = stream.getvalue() + end * int(draws.integers(0, 3))
    encoding = str(draws.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")))
    file.write_bytes(text.encode(encoding, "surrogatepass"))


def _write_jsonl(rows: Rows, file: Path, draws: np.random.Generator) -> None:
    ascii_only = bool(draws.random() < 0.5)
    lines = [json.dumps(row, ensure_ascii=ascii_only) for row in rows]
    file.write_bytes("\n".join([*lines, ""]).encode("utf-8", "surrogatepass"))


def _write_parquet(rows: Rows, file: Path, draws: np.random.Generator) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [{c: None if v is None else _text(v) for c, v in row.items()} for row in rows]
    table = pa.Table.from_pylist(texts)
    if draws.random() < 0.4:
        column = table.column_names.index("label")
        table = table.set_column(column, "label", table["label"].dictionary_encode())
    pq.write_table(table, file, compression=str(draws.choice(("snappy", "none", "gzip"))))


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()
