"""Features of labeled images that come one after the other; only the features are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ldpf.data.groups import as_groups
from ldpf.data.images import BadImage, UnreadableImageError, bad_images_message
from ldpf.data.in_memory import LabeledImages
from ldpf.data.labels import ids_of, plain_label
from ldpf.data.pictures_in_memory import to_picture
from ldpf.data.poor_pictures import PoorPictures, why_poor
from ldpf.data.split_names import refuse_split_domains
from ldpf.errors import DataError
from ldpf.features.feature_set import FeatureSet
from ldpf.utils.progress import progress_bar

if TYPE_CHECKING:
    from PIL import Image

    from ldpf.backbones import Backbone


def encode_labeled(
    images: LabeledImages, backbone: Backbone, *, batch_size: int = 64, progress: bool = True
) -> FeatureSet:
    """The features of all images, with their labels and domains; the cache is not used.

    Args:
        images: What to encode.
        backbone: What to encode it with.
        batch_size: Images encoded at once.
        progress: Show progress on stderr.

    Raises:
        DataError: An image is of an unknown kind; images cannot be read (one message that lists
            them by the number of their row, from 0); a label is missing or has no name.
    """
    parts: list[torch.Tensor] = []
    waiting: list[Image.Image] = []
    bad: list[BadImage] = []
    poor = PoorPictures()
    labels: list[Any] = []
    domains: list[Any] = []
    groups: list[Any] = []

    def encode_waiting() -> None:
        if not bad:  # no cache keeps them: after a bad one the others are read for the message only
            parts.append(backbone.encode_images(backbone.preprocess(waiting)))
        waiting.clear()

    with progress_bar("encoding images", images.size, enabled=progress) as advance:
        for number, (image, label, domain, *group) in enumerate(images.rows()):
            try:
                picture = to_picture(image, f"row {number}")
                poor.add(f"row {number}", why_poor(picture))
                waiting.append(picture)
            except UnreadableImageError as error:
                bad.append(BadImage(error.path, error.reason))
            labels.append(plain_label(label, number))
            domains.append(None if domain is None else plain_label(domain, number, "domain"))
            groups.extend(group)
            if len(waiting) == batch_size:
                encode_waiting()
            advance(1)
    if bad:
        raise DataError(bad_images_message(bad, len(labels), None))
    if not labels:
        raise DataError(f"{images.name!r} has no images; give at least one of each class")
    if waiting:
        encode_waiting()
    poor.say()
    class_names, class_ids = ids_of(labels, images.class_names, "label")
    domain_names, domain_ids = (), None
    if any(domain is not None for domain in domains):
        domain_names, domain_ids = ids_of(domains, images.domain_names, "domain")
        refuse_split_domains(domain_names, f"the list of domains of {images.name!r}")
    return FeatureSet(
        features=torch.cat(parts),
        labels=torch.from_numpy(class_ids),
        domains=None if domain_ids is None else torch.from_numpy(domain_ids),
        class_names=class_names,
        domain_names=domain_names,
        paths=tuple(f"row {number}" for number in range(len(labels))),
        groups=as_groups(groups, len(labels)) if groups else None,
    )
