"""Files of embeddings that a command is given in place of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ldpf.data.embeddings import has_embeddings, unlabeled_parts
from ldpf.errors import DataError

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.engines.backbone import EngineBackbone


def embedding_files(paths: Sequence[str]) -> list[Path]:
    """The files, if they hold embeddings; none if they are images or folders.

    Raises:
        DataError: some are and some are not.
    """
    files = [Path(path) for path in paths if Path(path).exists() and has_embeddings(Path(path))]
    if files and len(files) < len(paths):
        other = next(path for path in paths if Path(path) not in files)
        raise DataError(
            f"{files[0]} holds embeddings, but {other} does not; give images and embeddings one "
            "after the other."
        )
    return files


def read_embeddings(file: Path, backbone: Backbone) -> tuple[list[str], np.ndarray]:
    """Names and embeddings [N, D] in a file; see `list_unlabeled`.

    Raises:
        DataError: the file cannot be read, or its embeddings are of another size than the model's.
    """
    parts = list(embedded_parts(file, backbone))
    return [name for names, _ in parts for name in names], np.concatenate([e for _, e in parts])


def embedded_parts(
    file: Path, backbone: Backbone | EngineBackbone
) -> Iterator[tuple[list[str], np.ndarray]]:
    for names, embeddings in unlabeled_parts(file):
        if embeddings.shape[1] != backbone.embed_dim:
            raise DataError(
                f"The embeddings in {file} hold {embeddings.shape[1]:,} numbers each, but the "
                f"model's image features hold {backbone.embed_dim:,}; compute them with the "
                f"backbone {backbone.name!r}."
            )
        yield names, embeddings
