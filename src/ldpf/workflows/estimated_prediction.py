"""What `ldpf predict` will take, before it begins; see `ldpf.workflows.estimating`."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ldpf.data.columns import parse_columns
from ldpf.data.embeddings import unlabeled_parts
from ldpf.features.sampling import BATCH, measured_rate, spread
from ldpf.utils.constraints import Whole, check_value
from ldpf.utils.quiet import quiet
from ldpf.utils.resources import peak_memory_mib, reset_peak_memory
from ldpf.utils.shards import Shard, shard_of
from ldpf.utils.span import Span
from ldpf.workflows.estimates import ABOVE, BELOW, Estimate, unreadable_note
from ldpf.workflows.given_embeddings import embedding_files
from ldpf.workflows.given_images import find_images
from ldpf.workflows.prediction import predict
from ldpf.workflows.writers import write_rows

_MIB = 2**20


def estimate_prediction(
    model: str | Path,
    images: str | Path | Iterable[str | Path],
    *,
    shard: Shard | str | None = None,
    listed: Iterable[bytes] = (),
    margin: float = 0.0,
    columns: str | None = None,
    batch_size: int = 64,
    **options: Any,
) -> Estimate:
    """What `predict` would take; rows are counted, and some are computed.

    Args:
        model, images, shard, listed, margin, columns, batch_size: as in `predict`.
        options: other arguments of `predict`; sets are not calibrated on the sample.

    Raises:
        LdpfError: as in `predict`.
    """
    started = time.perf_counter()
    check_value("batch_size", batch_size, Whole(at_least=1))
    part = shard_of(shard)
    given = [images] if isinstance(images, str | Path) else images
    paths = [str(path) for path in given]
    embeddings = embedding_files(paths)
    if embeddings:
        parts = (names for file in embeddings for names, _ in unlabeled_parts(file))
        own = [name for names in parts for name in names if part is None or part.has(name)]
        few = paths
    else:
        files = list(find_images(paths, listed, None, parse_columns(columns), margin))
        own = files if part is None else list(part.pick(files))
        few = spread(own) if own else paths  # of none, predict says so
    options = {**options, "sets": None, "calibration": None}
    batch = min(BATCH, batch_size)
    with quiet(), warnings.catch_warnings(), tempfile.TemporaryDirectory() as temporary:
        warnings.simplefilter("ignore")
        rows = predict(model, few, batch_size=batch, **options)
        opened = time.perf_counter() - started
        reset_peak_memory("cpu")
        taken, rate = measured_rate(rows, batch, 2.0)
        peak = peak_memory_mib("cpu")
        written = Path(temporary) / "rows.csv"
        write_rows(
            iter(taken),
            written,
            "csv",
            n_domains=rows.n_domains,
            top_k=rows.top_k,
            flush_every=batch,
        )
        size = written.stat().st_size / max(len(taken), 1) * len(own)
    return Estimate(
        job="predict",
        seconds=Span(
            opened + len(own) / rate.high,
            opened + len(own) / rate.low,
        ).widened(BELOW, ABOVE),
        memory_mib=Span(peak, 1.3 * peak),
        disk_mib=Span(0.9 * size / _MIB, 1.1 * size / _MIB),
        images=len(own),
        images_per_second=rate,
        notes=tuple(unreadable_note(sum(row.error is not None for row in taken), len(taken))),
    )
