"""A frozen image-text model together with the preprocessing and tokenizer it was trained with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ldpf.backbones.text_tower import TextTower, refuse_halves

if TYPE_CHECKING:
    from PIL import Image
    from transformers import PreTrainedTokenizerBase


_AT_ONCE_ON_CPU = 8
"""Images in one forward pass on a CPU: activations then stay in the caches. A MobileNetV2
encoded 39 images a second eight at a time, and 22 with 32 at a time (two cores, 224 pixels)."""

_LONGEST_RATIO = 16
"""An image whose longer side exceeds this many times the shorter one is cut before resizing."""


@dataclass(frozen=True)
class Backbone:
    """Frozen image encoder, preprocessing, tokenizer and text tower as one object.

    They belong together, because none of them works with the others of another model: the most
    common silent loss of accuracy in this field is a preprocessing or activation that does not
    belong to the weights.

    Attributes:
        name: what the user asked for (`nano`, a hub id, or a folder).
        model: the transformers model, in eval mode; no parameter requires a gradient.
        image_processor: the checkpoint's own preprocessing.
        tokenizer: the checkpoint's own tokenizer.
        text: the text tower, for learnable prompts.
        fingerprint: hex SHA-256 over weights, activations, preprocessing and tokenizer.
    """

    name: str
    model: Any  # transformers types its parts as `Tensor | Module`
    image_processor: Any
    tokenizer: PreTrainedTokenizerBase
    text: TextTower
    fingerprint: str

    def __deepcopy__(self, memo: dict[int, Any]) -> Backbone:
        """Itself: nothing in it changes, and copies (of a grid search, say) would fill memory."""
        return self

    @property
    def embed_dim(self) -> int:
        """D, the size of image and text features."""
        return self.text.embed_dim

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.text.device

    @property
    def logit_scale(self) -> float:
        """1 / T: what the cosine is multiplied with before the softmax (100 for OpenAI's CLIP).

        Also for models trained with the sigmoid loss (SigLIP), which give sigmoid(scale * cos +
        bias) for each pair alone. Here an image belongs to one of K classes, so probabilities are
        the softmax of scale * cos over the classes; the bias is the same for all and cancels.
        """
        return math.exp(float(self.model.logit_scale.detach()))

    @property
    def logit_bias(self) -> float:
        """The bias that the sigmoid family adds to scale * cos, without effect; 0 for others."""
        bias = getattr(self.model, "logit_bias", None)
        return 0.0 if bias is None else float(bias.detach())

    @property
    def image_size(self) -> int:
        """Height and width of a preprocessed image in pixels."""
        crop = self.image_processor.crop_size if self.image_processor.do_center_crop else None
        size = crop or self.image_processor.size
        return int(size["height"] if "height" in size else size["shortest_edge"])

    @property
    def activation(self) -> str:
        """The text tower's activation; GELU with QuickGELU weights silently loses accuracy."""
        return str(self.text.model.config.hidden_act)

    def preprocess(self, images: Sequence[Image.Image], *, normalized: bool = True) -> torch.Tensor:
        """RGB images of any size to the model's input, on the CPU. Safe to call from threads.

        Args:
            images: to resize and crop.
            normalized: False leaves the values as they are, from 0 to 255.

        Returns:
            [N, 3, H, W] float32.
        """
        if "shortest_edge" in self.image_processor.size:
            images = [_without_far_ends(image) for image in images]
        steps = {} if normalized else {"do_rescale": False, "do_normalize": False}
        result = self.image_processor(images=images, return_tensors="pt", **steps)
        return result["pixel_values"].float()

    @torch.no_grad()
    def encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Image features f of preprocessed images.

        Args:
            pixels: [N, 3, H, W].

        Returns:
            [N, D] float32 of length one, on the CPU.
        """
        at_once = _AT_ONCE_ON_CPU if self.device.type == "cpu" else len(pixels)
        return torch.cat([self._encode(part) for part in pixels.split(max(at_once, 1))])

    def _encode(self, pixels: torch.Tensor) -> torch.Tensor:
        pixels = pixels.to(self.device, memory_format=torch.channels_last)
        output = self.model.get_image_features(pixel_values=pixels)
        features = output.pooler_output.flatten(1).float()
        return F.normalize(features, dim=-1).cpu()

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Text features of whole sentences by the model's own forward pass.

        Args:
            texts: N sentences. One that is too long for the context is cut by the tokenizer.

        Returns:
            [N, D] float32 of length one, on the CPU.

        Raises:
            BackboneError: there is half a character in one.
        """
        for text in texts:
            refuse_halves(text)
        if not self.text.shares_prefixes:
            # As in training, perhaps with padding that is read like any other token.
            output = self.model.get_text_features(input_ids=self.text.padded_sentences(texts))
            return F.normalize(output.pooler_output.float(), dim=-1).cpu()
        tokens = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.text.context_length,
            return_tensors="pt",
        ).to(self.device)
        output = self.model.get_text_features(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        )
        return F.normalize(output.pooler_output.float(), dim=-1).cpu()


def _without_far_ends(image: Image.Image) -> Image.Image:
    """Cut an extremely long image around its middle.

    Resizing a 1 x 20,000 image to a shorter side of 224 would build one of 224 x 4,480,000. The
    center crop that follows never sees its far ends.
    """
    width, height = image.size
    limit = _LONGEST_RATIO * min(width, height)
    if max(width, height) <= limit:
        return image
    across, down = min(width, limit), min(height, limit)
    left, top = (width - across) // 2, (height - down) // 2
    return image.crop((left, top, left + across, top + down))
