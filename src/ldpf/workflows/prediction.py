"""Classes of new images, a batch at a time: the work of `ldpf predict`."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ldpf.backbones.default import say_if_drawings_only
from ldpf.data.columns import parse_columns
from ldpf.data.left_out import LeftOut
from ldpf.demo.dataset import is_demo
from ldpf.errors import SettingsError
from ldpf.features.engines.choose import with_engine
from ldpf.models.saving import read_config
from ldpf.utils.cache_dir import cache_root
from ldpf.utils.constraints import Number, Whole, check_value
from ldpf.utils.shards import Shard, shard_of
from ldpf.utils.text import count, quoted
from ldpf.workflows.doubt import doubt_of
from ldpf.workflows.given_embeddings import embedding_files
from ldpf.workflows.given_images import count_images, find_images, first_or_error
from ldpf.workflows.inputs import AnyBackbone, load_trained
from ldpf.workflows.predicted import Predictions
from ldpf.workflows.prediction_rows import Row
from ldpf.workflows.predictor import Predictor

log = logging.getLogger("ldpf")


def predict(
    model: str | Path,
    images: str | Path | Sequence[str | Path],
    *,
    top_k: int = 1,
    sets: float | None = None,
    calibration: str | None = None,
    abstain_below: float | None = None,
    batch_size: int = 64,
    shard: Shard | str | None = None,
    backbone: AnyBackbone | None = None,
    device: str = "auto",
    image_engine: str = "torch",
    listed: Iterable[bytes] = (),
    margin: float = 0.0,
    cache_dir: Path | None = None,
    columns: str | None = None,
) -> Predictions:
    """Classify images with a trained model.

    An image that cannot be read, or whose probabilities are not finite, gets a row with the reason.
    Memory does not grow with the number of images, except with sets calibrated on the images
    themselves: then all are answered before the first row.

    Args:
        model: a model folder.
        images: images, folders (with everything in them), tables with a column path (whose
            relative paths start from the table's folder) and perhaps x, y, w, h, or embeddings:
            arrays .npy or .parquet files with a column embedding.
        top_k: how many classes to name for each image.
        sets: share of images whose prediction set should contain the true class; None for 0.9,
            without waiting for all images.
        calibration: what sets are calibrated on, see `Expectation.sets`: held-out images of the
            training sites, latent domains `left-out`, the `worst-domain` of these, or `site`, the
            images given, which must be of one site. None for `site` if `sets` is given and there
            are 50 images or more, and for `worst-domain` otherwise.
        abstain_below: name no class for an image whose probability is lower.
        batch_size: images encoded at once.
        shard: which part of the images to answer, such as "2/8", by their paths as they are given;
            None for all. Then sets are not calibrated on `site`, because a shard sees only a part
            of it.
        backbone: where the backbone is now; None for its place during training.
        device: "auto", "cpu" or "cuda".
        image_engine: what computes the image tower on a CPU; see
            `ldpf.features.engines.choose.with_engine`.
        listed: lines with a path each, which are read where `images` holds "-".
        margin: how far to extend the boxes of a table on every side, as a share of their size.
        cache_dir: where features of images encoded earlier are; None for `$LDPF_CACHE`, or else
            `~/.cache/ldpf`. Nothing is written there.
        columns: names of the columns of a table, as in "path=filename".

    Returns:
        The rows, to iterate over or to write.

    Raises:
        SettingsError: `top_k`, `batch_size`, `sets`, `calibration`, `abstain_below` or `shard`
            is impossible.
        DataError: a path does not exist, there are no images, or embeddings are of another size
            than the model's.
        ModelError: the folder holds no model, or it keeps nothing to calibrate sets with.
    """
    given = [images] if isinstance(images, str | Path) else images
    paths = [str(path) for path in given]
    n_classes = len(read_config(Path(model))["class_names"])
    if not 1 <= top_k <= n_classes:
        raise SettingsError(
            f"top_k={quoted(top_k)} should be between 1 and {n_classes}, the number of classes."
        )
    check_value("batch_size", batch_size, Whole(at_least=1))
    if abstain_below is not None:
        check_value("abstain_below", abstain_below, Number(at_least=0, at_most=1))
    part = shard_of(shard)
    embeddings = embedding_files(paths)
    left_out = LeftOut()
    named = parse_columns(columns)
    found = find_images(paths, listed, left_out, named, margin)
    files = None if embeddings else first_or_error(found, paths, left_out)
    trained = load_trained(model, backbone, device)
    if not trained.classifier.per_image:
        log.warning(
            "answers of %r depend on the other images in a batch, here of up to %s",
            trained.classifier.method,
            f"{batch_size:,}",
        )
    if files is not None:
        first = next(files)
        files = itertools.chain([first], files)
        if not is_demo(first):
            say_if_drawings_only(trained.backbone.name)
    total = None if files is None else count_images(paths, part, named)
    if total is not None:
        log.info("%s to classify", count(total, "image"))
    doubt = doubt_of(trained, sets, calibration, abstain_below, whole=part is None)
    encoder = trained.backbone
    if files is not None:
        encoder = with_engine(trained.backbone, image_engine, cache_dir or cache_root())
    predictor = Predictor(trained.classifier, encoder, top_k, batch_size, doubt, cache_dir)
    places = [Path(path) for path in paths if path != "-"]
    if files is not None:
        own = files if part is None else part.pick(files)
        return Predictions(predictor, predictor.rows(own), places, part, total, model)
    rows = predictor.rows_of_embeddings(embeddings, part)
    # The first at once: embeddings of another size are refused before a file is begun.
    return Predictions(predictor, _first_at_once(rows), places, part, model=model)


def _first_at_once(rows: Iterator[Row]) -> Iterator[Row]:
    first = next(rows, None)
    return iter(()) if first is None else itertools.chain([first], rows)
