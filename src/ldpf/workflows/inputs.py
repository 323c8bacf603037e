"""From what a workflow is given to a dataset, a backbone, features and a trained model."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ldpf.backbones import Backbone, load_backbone
from ldpf.backbones.default import DEFAULT_BACKBONE, DEMO_BACKBONE, say_if_drawings_only
from ldpf.data import ImageDataset, load_dataset
from ldpf.data.image_files import check_outside
from ldpf.demo.dataset import is_demo
from ldpf.errors import BackboneError
from ldpf.features.extract import Extraction, encode_dataset
from ldpf.models.saving import load_model, read_config
from ldpf.utils.cache_dir import cache_root
from ldpf.utils.stopping import says_on_stop
from ldpf.utils.text import count
from ldpf.utils.ways import named
from ldpf.workflows.outputs import image_folder
from ldpf.workflows.source import DataSource, describe

if TYPE_CHECKING:
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")

Images: TypeAlias = "str | Path | DataSource | ImageDataset"
"""Labeled images: a path, a path with the way to read it, or a dataset that is listed already."""

AnyBackbone: TypeAlias = "str | Path | Backbone"
"""A backbone by its name or folder, or one that is loaded already."""

_FOR = {False: "for photos", True: "for the demo set"}


@dataclass(frozen=True)
class ListedImages:
    """Labeled images whose names are read; none is opened yet.

    Attributes:
        dataset: paths, labels, and domains if they are known.
        source: where they come from.
    """

    dataset: ImageDataset
    source: DataSource

    @property
    def walked(self) -> Path | None:
        """The folder that was walked for images, so that no result is written into it."""
        return self.dataset.walked

    @property
    def is_demo(self) -> bool:
        """Whether these are of the drawn demo set."""
        return is_demo(self.dataset.root)

    def open_backbone(self, backbone: AnyBackbone | None, device: str) -> Backbone:
        """The backbone to encode these with; see `load_backbone` for the errors.

        None gives a real one, downloaded once, and for the demo set the bundled one.
        """
        if backbone is None:
            backbone = DEMO_BACKBONE if self.is_demo else DEFAULT_BACKBONE
            log.info("backbone: %s (the default %s)", backbone, _FOR[self.is_demo])
        return open_backbone(backbone, device)

    def encode(
        self,
        backbone: Backbone,
        *,
        verify: bool = False,
        batch_size: int = 64,
        style: bool = False,
    ) -> Extraction:
        """Features through the cache; see `encode_dataset` for arguments and errors.

        A warning says where a backbone that knows drawings only is given other images.
        """
        if not self.is_demo:
            say_if_drawings_only(backbone.name)
        with says_on_stop(lambda: "The same command resumes: what is encoded is kept."):
            extraction = encode_dataset(
                self.dataset,
                backbone,
                cache_dir=self.source.cache_dir,
                batch_size=batch_size,
                verify=verify,
                skip_bad=self.source.skip_bad,
                progress=log.isEnabledFor(logging.INFO),
                style=style,
                image_engine=self.source.image_engine,
            )
        if skipped := extraction.features.skipped:
            log.warning("left out %s that cannot be used", count(len(skipped), "image"))
        return extraction


def list_images(images: Images | ListedImages) -> ListedImages:
    """List labeled images, unless they are listed already; the log says how many there are.

    Raises:
        DataError, SettingsError: see `load_dataset`; or the cache lies in the folder of the images.
    """
    if isinstance(images, ListedImages):
        return images
    cache = images.cache_dir if isinstance(images, DataSource) else None
    check_outside(cache or cache_root(), [image_folder(images)], "the cache")
    if isinstance(images, ImageDataset):
        return ListedImages(images, DataSource(str(images.root)))
    source = images if isinstance(images, DataSource) else DataSource(images)
    dataset = load_dataset(
        source.source,
        layout=source.layout,
        class_names=source.class_names,
        skip_bad=source.skip_bad,
        cache_dir=source.cache_dir,
        benchmark=source.benchmark,
        group_by=source.group_by,
        columns=source.columns,
        margin=source.margin,
    )
    log.info("images: %s (%s)", describe(dataset), dataset.root)
    return ListedImages(dataset, source)


def open_backbone(backbone: AnyBackbone, device: str) -> Backbone:
    """The backbone, loaded unless it is already; see `load_backbone` for the errors."""
    return backbone if isinstance(backbone, Backbone) else load_backbone(backbone, device)


@dataclass(frozen=True)
class TrainedModel:
    """What a model folder holds, with the backbone it needs.

    Attributes:
        folder: of the model.
        classifier: ready to answer.
        backbone: the one it was trained with.
        config: its config.json.
    """

    folder: Path
    classifier: Classifier
    backbone: Backbone
    config: dict[str, Any]


def load_trained(
    model: str | Path, backbone: AnyBackbone | None = None, device: str = "auto"
) -> TrainedModel:
    """A trained model with its backbone and its config.json.

    Args:
        model: its folder.
        backbone: where the backbone lies now; None for where it was during training.
        device: to load the backbone on.

    Raises:
        ModelError: see `ldpf.models.saving.load_model`.
        BackboneError: the backbone cannot be loaded; says how to name it.
    """
    folder = Path(model)
    config = read_config(folder)
    name = config["backbone"]["name"]
    frozen = load_original(backbone, name, device, f"The model in {str(folder)!r} was trained")
    classifier, frozen = load_model(folder, frozen)
    return TrainedModel(folder, classifier, frozen, config)


def load_original(given: AnyBackbone | None, name: str, device: str, whose: str) -> Backbone:
    """The backbone of earlier work, from where the person says or from where it was then.

    Args:
        given: what the person says; None for `name`.
        name: where it was then.
        device: to load it on.
        whose: start of a sentence that ends in "with it", for the error.

    Raises:
        BackboneError: it cannot be loaded; says how to name it.
    """
    try:
        return open_backbone(name if given is None else given, device)
    except BackboneError as error:
        # Where the backbone lies has nothing to do with a device that cannot be used.
        if given is not None or device not in ("auto", "cpu"):
            raise
        raise BackboneError(
            f"{error} {whose} with it; give its folder or name with {named('backbone')}."
        ) from error
