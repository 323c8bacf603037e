"""`ldpf features`: encode images ahead of everything else."""

from __future__ import annotations

from typing import Annotated

import typer

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say, say_json
from ldpf.cli.grouping import RUN_PANEL
from ldpf.cli.options import BackboneOptions, BatchSize, LabeledData, OutputOptions
from ldpf.errors import DataError
from ldpf.utils.text import count
from ldpf.workflows.inputs import encode
from ldpf.workflows.source import describe


@COMMANDS.register("features", panel="With your images")
def features(
    *,
    data: LabeledData,
    backbone: BackboneOptions,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Also compare the content of every file with what was encoded, not only its "
            "size and date.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = False,
    batch_size: BatchSize = 64,
    output: OutputOptions,
) -> None:
    """Encode images once and keep the result, ahead of training.

    The other commands do this by themselves. Alone it is useful for many
    images: it checks that every one can be read, can be interrupted at any
    moment, and encodes each image only once.

    \b
    Example:
      ldpf features photos --backbone openai/clip-vit-base-patch16
    """
    from ldpf.backbones import load_backbone
    from ldpf.data import EmbeddedImages
    from ldpf.features.cache import FeatureCache
    from ldpf.utils.cache_dir import cache_root

    source = data.source()
    dataset = source.load()
    if isinstance(dataset, EmbeddedImages):
        raise DataError(f"{source.source} holds embeddings; there is no image to encode.")
    frozen = load_backbone(backbone.backbone, backbone.device)
    encoding = encode(dataset, frozen, source, verify=verify, batch_size=batch_size)
    root = data.cache_dir if data.cache_dir is not None else cache_root()
    folder = FeatureCache(root, dataset.root, frozen.fingerprint, frozen.embed_dim).folder
    rate = encoding.encoded / max(encoding.seconds, 1e-9)
    encoded = encoding.features
    if output.as_json:
        say_json(
            {
                "data": dataset.name,
                "backbone": frozen.name,
                "fingerprint": frozen.fingerprint,
                "images": len(encoded),
                "cached": encoding.cached,
                "encoded": encoding.encoded,
                "skipped": [{"path": b.path, "reason": b.reason} for b in encoded.skipped],
                "seconds": round(encoding.seconds, 3),
                "images_per_second": round(rate, 1) if encoding.encoded else None,
                "digest": encoded.digest(),
                "cache": str(folder),
            }
        )
        return
    say(f"{describe(encoded)}.")
    speed = f" in {encoding.seconds:.1f} s ({rate:,.1f} a second)" if encoding.encoded else ""
    say(f"{encoding.cached:,} from the cache, {encoding.encoded:,} encoded{speed}.")
    if encoded.skipped:
        say(f"Left out {count(len(encoded.skipped), 'image')} that cannot be used:")
        for bad in encoded.skipped[:20]:
            say(f"  {bad.path}: {bad.reason}")
        if len(encoded.skipped) > 20:
            say(f"  ... and {len(encoded.skipped) - 20:,} more (--json lists all)")
    say(f"Cache: {folder}")
