"""Which engine encodes the images: the one asked for, or the fastest in a short trial."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ldpf.backbones.devices import probe_images
from ldpf.errors import BackboneError, SettingsError
from ldpf.features.engines.backbone import TOLERANCE, EngineBackbone, distance
from ldpf.features.engines.base import ENGINES, ImageEngine
from ldpf.features.engines.tower import VERSION, missing_packages, tower_folder
from ldpf.utils.constraints import OneOf, Text, check_value
from ldpf.utils.json_files import read_json_or_none, write_json
from ldpf.utils.schema import Record
from ldpf.utils.ways import setting

if TYPE_CHECKING:
    from ldpf.backbones import Backbone

log = logging.getLogger("ldpf")

AUTO = "auto"
DEFAULT = "torch"
"""The reference: the same features everywhere, whatever else is installed."""

EXTRA = "engines"
"""The extra of this package that installs every engine."""

WORTH_IT = 1.2
"""How many times as fast as PyTorch an engine must be for `auto` to take it."""

_TRIALS = 3
_CHOICE = Record({"engine": Text(), "reason": Text(), "versions": Record()})
"""What choice.json holds."""


def engine_names() -> tuple[str, ...]:
    """What `--image-engine` takes."""
    return (AUTO, *ENGINES)


def with_engine(backbone: Backbone, name: str, cache_dir: Path) -> Backbone | EngineBackbone:
    """The backbone with the engine that encodes its images; itself for PyTorch.

    Args:
        backbone: the frozen model.
        name: of an engine, or `auto`: the fastest of those installed in a trial on eight photos,
            remembered in the cache so that later calls find the features of this one. On a GPU
            that is PyTorch.
        cache_dir: where the exported tower and the choice are kept.

    Raises:
        SettingsError: there is no such engine, its packages are missing, or the backbone is on a
            GPU.
        BackboneError: the image tower cannot be exported.
    """
    check_value("image_engine", name, OneOf(engine_names()))
    if name == AUTO:
        name = _chosen(backbone, cache_dir)
    engine = ENGINES.make(name)
    if name == DEFAULT:
        return backbone
    if engine.exports and backbone.device.type != "cpu":
        raise SettingsError(
            f"The image engine {name!r} computes on the CPU, but the backbone is on "
            f"{backbone.device}; use {setting('device', 'cpu')} or "
            f"{setting('image_engine', 'torch')}."
        )
    if missing := _missing(engine):
        raise SettingsError(
            f"The image engine {name!r} needs {', '.join(missing)}; install with: pip install "
            f"'ldpf[{EXTRA}]', or use {setting('image_engine', 'torch')}."
        )
    return EngineBackbone(backbone, engine, cache_dir)


def engine_of(backbone: Any) -> str:
    """Name of what encodes the images of a backbone."""
    engine = getattr(backbone, "engine", None)
    return DEFAULT if engine is None else engine.registered_name


def _missing(engine: ImageEngine) -> list[str]:
    """Packages that an engine lacks."""
    own = [engine.package] if engine.version is None else []
    return own + (missing_packages() if engine.exports else [])


def _chosen(backbone: Backbone, cache_dir: Path) -> str:
    """The engine that `auto` takes, with the reason in the log."""
    if backbone.device.type != "cpu":
        log.info("image engine: torch (the backbone is on %s)", backbone.device)
        return DEFAULT
    engines = {name: engine for name in ENGINES if (engine := ENGINES.make(name)).automatic}
    ready = {name: engine for name, engine in engines.items() if not _missing(engine)}
    if list(ready) == [DEFAULT]:
        absent = ", ".join(name for name in engines if name not in ready)
        log.info("image engine: torch (not installed: %s; pip install 'ldpf[%s]')", absent, EXTRA)
        return DEFAULT
    versions = {name: engine.version for name, engine in ready.items()} | {"tower": VERSION}
    file = tower_folder(cache_dir, backbone) / "choice.json"
    kept = read_json_or_none(file, _CHOICE)
    if kept is not None and kept["versions"] == versions and kept["engine"] in ready:
        log.info("image engine: %s (%s)", kept["engine"], kept["reason"])
        return kept["engine"]
    name, reason = fastest(_rates(backbone, ready, cache_dir))
    log.info("image engine: %s (%s)", name, reason)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, {"engine": name, "reason": reason, "versions": versions})
    return name


def fastest(rates: dict[str, float]) -> tuple[str, str]:
    """The engine to take by images a second, and why."""
    name = max(rates, key=lambda one: rates[one])
    if rates[name] < WORTH_IT * rates[DEFAULT]:
        name = DEFAULT
    shown = ", ".join(f"{one} {rate:.1f}" for one, rate in rates.items())
    return name, f"images a second in a trial of eight photos: {shown}"


def _rates(
    backbone: Backbone, engines: dict[str, ImageEngine], cache_dir: Path
) -> dict[str, float]:
    """Images a second of every engine that gives the features of PyTorch."""
    pixels = backbone.preprocess(probe_images())
    expected = backbone.encode_images(pixels)
    rates: dict[str, float] = {}
    for name, engine in engines.items():
        encode: Callable[[torch.Tensor], Any] = backbone.encode_images
        if name != DEFAULT:
            try:
                encode = EngineBackbone(backbone, engine, cache_dir).encode_images
                difference = distance(encode(pixels), expected)
            except BackboneError as error:
                log.info("image engine: not %s (%s)", name, error)
                continue
            except Exception as error:  # an engine's own errors share no base
                log.info("image engine: not %s (%s)", name, str(error).strip().splitlines()[0])
                continue
            assert difference <= TOLERANCE, "compared by the engine itself"
        rates[name] = len(pixels) / min(_seconds(encode, pixels) for _ in range(_TRIALS))
    return rates


def _seconds(encode: Callable[[torch.Tensor], Any], pixels: torch.Tensor) -> float:
    start = time.perf_counter()
    encode(pixels)
    return time.perf_counter() - start
