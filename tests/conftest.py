"""What every test may use: small image folders and a backbone that costs nothing."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile
from torch import Tensor

from ldpf.utils.torchvision_import import mend_torchvision

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.fusion import FusionInputs, FusionRule
    from ldpf.training.recipe import Recipe

mend_torchvision()  # before transformers is imported, which happens in fixtures

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell lets jobs in the background ignore Ctrl-C, and so would the commands of the tests.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class TinyBackbone:
    """Has the image side of `ldpf.backbones.Backbone`: a fixed random projection of 8 x 8 pixels.

    It is sensitive on purpose: its features depend (a little) on the shape of the batch, as the
    rounding of real encoders does, so that code which lets batch shapes vary is caught.

    Attributes:
        preprocessed: How many images were preprocessed so far.
        batches: The shapes of the batches encoded so far.
    """

    name = "tiny"
    embed_dim = 16
    image_size = 8
    device = torch.device("cpu")
    logit_scale = 100.0

    def __init__(self, seed: int = 0):
        self.fingerprint = hashlib.sha256(f"tiny {seed}".encode()).hexdigest()
        generator = torch.Generator().manual_seed(seed)
        self.weight = torch.randn(3 * 8 * 8, self.embed_dim, generator=generator)
        self.preprocessed = 0
        self.batches: list[tuple[int, ...]] = []
        self._lock = threading.Lock()

    def preprocess(self, images: Sequence[Image.Image]) -> Tensor:
        with self._lock:
            self.preprocessed += len(images)
        size = (self.image_size, self.image_size)
        small = [np.asarray(image.resize(size, Image.Resampling.BILINEAR)) for image in images]
        return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 255 - 0.5

    def encode_images(self, pixels: Tensor) -> Tensor:
        self.batches.append(tuple(pixels.shape))
        features = pixels.flatten(1) @ self.weight + 1e-4 * len(pixels)
        return torch.nn.functional.normalize(features, dim=1)


def random_image(file: Path, *, seed: int = 0, size: tuple[int, int] = (12, 10)) -> Path:
    """Write a random image; the ending chooses the format."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    return file


@pytest.fixture
def write_image() -> Callable[..., Path]:
    """A function that writes one random image: `write_image(file, seed=3, size=(12, 10))`."""
    return random_image


class Decodes:
    """Counts how often Pillow decoded a file.

    Attributes:
        total: How often.
    """

    def __init__(self) -> None:
        self.total = 0
        self._lock = threading.Lock()

    def count(self) -> None:
        with self._lock:
            self.total += 1


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> Decodes:
    """What is decoded from here on."""
    counter, load = Decodes(), ImageFile.ImageFile.load

    def counted(self: ImageFile.ImageFile) -> Any:
        if self.tile:  # none is left of a file that is decoded already
            counter.count()
        return load(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", counted)
    return counter


@pytest.fixture
def tiny_backbone() -> TinyBackbone:
    return TinyBackbone()


@pytest.fixture
def image_tree(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes `{"photo/dog": 3, "art/cat": 1}` as folders of different images."""

    def make(counts: dict[str, int], root: Path | None = None, ending: str = ".png") -> Path:
        root = tmp_path / "data" if root is None else root
        seed = 0
        for folder, count in counts.items():
            (root / folder).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                seed += 1
                random_image(root / folder / f"{i:03d}{ending}", seed=seed)
        return root

    return make


_TINY_WORDS = ("a", "photo", "of", "the", "cat", "dog", "horse", "house", "guitar", "sketch")


def _tiny_tokenizer():
    """CLIP's own tokenizer class over all bytes and a few merged words, [EOS] the highest id."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    pieces = [*letters, *(letter + "</w>" for letter in letters)]
    merges: list[tuple[str, str]] = []
    for word in _TINY_WORDS:
        *first, last = word
        parts = [*first, last + "</w>"]
        while len(parts) > 1:
            merges.append((parts[0], parts[1]))
            parts[:2] = [parts[0] + parts[1]]
    merges = list(dict.fromkeys(merges))
    pieces = list(dict.fromkeys([*pieces, *(a + b for a, b in merges)]))
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77)


@pytest.fixture(scope="session")
def tiny_clip_parts() -> dict[str, Any]:
    """A random CLIP of the smallest sizes, its image processor and its tokenizer.

    Shared by the whole session: copy a part before changing it.
    """
    from transformers import CLIPConfig, CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = _tiny_tokenizer()
    tower = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "hidden_act": "quick_gelu",
    }
    config = CLIPConfig(
        text_config={
            **tower,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 77,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            # Larger than CLIP's start, so that different words give clearly different features.
            "initializer_factor": 3.0,
        },
        vision_config={**tower, "image_size": 16, "patch_size": 8},
        projection_dim=16,
        logit_scale_init_value=3.0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CLIPModel(config).eval().requires_grad_(False)
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
    )
    return {"model": model, "image_processor": processor, "tokenizer": tokenizer}


@pytest.fixture(scope="session")
def tiny_clip(tiny_clip_parts: dict[str, Any]) -> Backbone:
    """A real `Backbone` (D = 16, W = 32) with random weights. Read only."""
    from ldpf.backbones import assemble

    return assemble("tiny-clip", **tiny_clip_parts)


@pytest.fixture(scope="session")
def tiny_clip_folder(
    tiny_clip_parts: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same model as a Hugging Face checkpoint folder. Read only: copy it to change it."""
    folder = tmp_path_factory.mktemp("backbones") / "tiny-clip"
    for part in tiny_clip_parts.values():
        part.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def quick_recipe() -> Recipe:
    """A recipe of a few steps, for tests of what surrounds training."""
    from quick_training import QUICK

    return QUICK


_TINY_CLASSES = ("cat", "dog", "horse", "house", "guitar")
_TINY_DOMAINS = ("photo", "art", "sketch")


@pytest.fixture(scope="session")
def make_features() -> Callable[..., FeatureSet]:
    """A function that draws a `FeatureSet` with classes and domains to find.

    Each feature is normalize(class direction + domain direction + noise); with `anchors` [K, D]
    (text features, say) as class directions, else random ones of length one.
    """
    from ldpf.features.feature_set import FeatureSet

    def make(
        images_each: int = 8,
        *,
        n_classes: int = 3,
        n_domains: int = 3,
        dim: int = 16,
        class_strength: float = 1.0,
        domain_strength: float = 1.0,
        noise: float = 0.1,
        seed: int = 0,
        anchors: Tensor | None = None,
    ) -> FeatureSet:
        draws = torch.Generator().manual_seed(seed)
        normalize = torch.nn.functional.normalize
        # Directions do not depend on `seed`: sets of different seeds are draws of one world.
        world = torch.Generator().manual_seed(1234)
        classes = normalize(torch.randn(n_classes, dim, generator=world), dim=1)
        domains = normalize(torch.randn(n_domains, dim, generator=world), dim=1)
        if anchors is not None:
            classes = anchors
        labels = torch.arange(n_classes).repeat(n_domains * images_each)
        ids = torch.arange(n_domains).repeat_interleave(n_classes * images_each)
        features = class_strength * classes[labels] + domain_strength * domains[ids]
        features = features + noise * torch.randn(features.shape, generator=draws)
        return FeatureSet(
            features=normalize(features, dim=1),
            labels=labels,
            domains=ids,
            class_names=_TINY_CLASSES[:n_classes],
            domain_names=_TINY_DOMAINS[:n_domains],
            paths=tuple(f"{i:04d}.png" for i in range(len(labels))),
        )

    return make


SCRIPTS = Path(__file__).parent / "benchmarks"
"""Each of its tests runs one of the scripts of benchmarks/ from end to end, on small data."""
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)


@pytest.fixture(scope="session")
def fitted_rule() -> Callable[..., FusionRule]:
    """Fusion rules by name, those that learn fitted to given inputs.

    Images belong to the most similar latent domain, and the prompt of the next one answers right.
    Zero-shot text features are the mean of those of the prompts.
    """

    def fit(name: str, inputs: FusionInputs) -> FusionRule:
        from ldpf.fusion import FUSION_RULES, FusionExamples

        ranks = inputs.similarities.argsort(dim=1, descending=True)
        teacher = ranks[:, min(1, ranks.shape[1] - 1)]
        answers = inputs.prompt_logits.argmax(dim=2)
        labels = answers.gather(1, teacher[:, None])[:, 0]
        examples = FusionExamples(inputs, labels, ranks[:, 0])
        hard = torch.nn.functional.normalize(inputs.text_features.mean(dim=0), dim=-1)
        return FUSION_RULES.make(name).with_zero_shot(hard).fit(examples, examples)

    return fit


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[..., None]:
    """A function that compares sentences with golden/TEST_FILE.txt, one paragraph for each.

    Such a file shows all that a module says, to be read as a whole. With LDPF_WRITE_GOLDEN=1 it is
    written; look at the difference before it is committed. With `numbers=False` each number is a #:
    measured ones differ in their last digits between machines.
    """
    file = request.path.parent / "golden" / f"{request.path.stem}.txt"

    def compare(sentences: Sequence[str], *, numbers: bool = True) -> None:
        text = "\n\n".join(sentences) + "\n"
        if not numbers:
            text = re.sub(r"\d+(?:[.,]\d+)*", "#", text)
        if os.environ.get("LDPF_WRITE_GOLDEN"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8")

    return compare


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that open a page are marked `browser`, those of whole scripts `slow`."""
    for item in items:
        if SCRIPTS in item.path.parents:
            item.add_marker(pytest.mark.slow)
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, driven by Playwright; tests of pages are skipped, with the reason, without it."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get("LDPF_CHROMIUM") or next(filter(None, map(which, CHROMIUM_NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium here ('make browser' installs it on Debian as root)")
    with api.sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        except api.Error as error:
            pytest.skip(f"Chromium does not start here: {str(error).splitlines()[0]}")
        yield opened
        opened.close()


# --- images in three styles, and small models of them: for workflows and commands ---------------

DRAWN_CLASSES = ("cat", "dog", "house")
DRAWN_DOMAINS = ("art", "photo", "sketch")
DRAWN_EACH = 6


def draw_images(
    root: Path, domains: tuple[str, ...] = DRAWN_DOMAINS, *, flat: bool = False
) -> Path:
    """DOMAIN/CLASS/0.png ... (or CLASS/DOMAIN-0.png): a class is a shape, a domain a coloring."""
    for d, domain in enumerate(domains):
        for k, name in enumerate(DRAWN_CLASSES):
            folder = root / name if flat else root / domain / name
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(DRAWN_EACH):
                draws = np.random.default_rng([d, k, i])
                pixels = np.full((24, 24, 3), (40, 90, 200)[d % 3], np.int64)
                pixels[:, :, d % 3] += 30
                top, left = draws.integers(2, 8, 2)
                height, width = ((12, 4), (4, 12), (9, 9))[k]
                pixels[top : top + height, left : left + width] = (250, 20, 120)[d % 3]
                pixels += draws.integers(-12, 13, pixels.shape)
                image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
                image.save(folder / (f"{domain}-{i}.png" if flat else f"{i}.png"))
    return root


@pytest.fixture(scope="session")
def draw() -> Callable[..., Path]:
    """`draw_images`, for tests that change what they draw."""
    return draw_images


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """54 images in DOMAIN/CLASS folders. Read only."""
    return draw_images(tmp_path_factory.mktemp("images") / "shapes")


@pytest.fixture(scope="session")
def flat_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same images in CLASS folders, domains unknown. Read only."""
    return draw_images(tmp_path_factory.mktemp("images") / "flat", flat=True)


@pytest.fixture(scope="session")
def session_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """One cache for the session; the recipes `steady` and `fast` take a few steps only."""
    from ldpf.training.recipe import FAST, RECIPES, STEADY

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDPF_CACHE", str(tmp_path_factory.mktemp("cache")))
        short = replace(FAST, max_steps=20, patience=10, cooldown=5)
        patch.setitem(RECIPES, "fast", short)
        patch.setitem(RECIPES, "steady", replace(STEADY, max_steps=20, evaluate_every=5))
        yield patch


@pytest.fixture(scope="session")
def model(
    images: Path,
    tiny_clip_folder: Path,
    session_settings: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A small LDPF model with three latent domains. Read only: copy it to change it."""
    from ldpf import workflows

    folder = tmp_path_factory.mktemp("models") / "ldpf"
    return workflows.train(images, folder, backbone=tiny_clip_folder).model


@pytest.fixture(scope="session")
def coop_model(
    images: Path,
    tiny_clip_folder: Path,
    session_settings: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A small CoOp model: one prompt, no latent domains. Read only."""
    from ldpf import workflows

    folder = tmp_path_factory.mktemp("models") / "coop"
    return workflows.train(images, folder, backbone=tiny_clip_folder, method="coop").model


@pytest.fixture
def no_plugins(monkeypatch):
    """As if no plug-in for further image formats were installed."""
    from ldpf.data.formats import OptionalFormat

    monkeypatch.setattr(OptionalFormat, "is_installed", property(lambda self: False))
