"""The bundled `nano`: small, pickle-free, loadable without a network, and better than chance."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

import ldpf
from ldpf.demo.dataset import DEMO_CLASSES
from ldpf.demo.drawing import (
    OBJECTS,
    TRAINABLE_STYLES,
    TRAINED_STYLES,
    UNSEEN_STYLES,
    draw_picture,
)

NANO = Path(ldpf.__file__).parent / "demo" / "nano"
SCRIPTS = Path(__file__).parents[2] / "scripts" / "nano"


@pytest.fixture(scope="module")
def model():
    return CLIPModel.from_pretrained(NANO, local_files_only=True).eval()


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(NANO, local_files_only=True)


@pytest.fixture(scope="module")
def processor():
    return AutoImageProcessor.from_pretrained(NANO, local_files_only=True)


def config():
    return json.loads((NANO / "config.json").read_text())


def test_it_takes_at_most_eight_megabytes():
    assert sum(p.stat().st_size for p in NANO.iterdir()) <= 8_000_000


def test_it_holds_these_files_and_no_pickle():
    assert {p.name for p in NANO.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_weights_are_stored_in_half_precision():
    with safe_open(NANO / "model.safetensors", "pt") as file:
        kinds = {file.get_tensor(key).dtype for key in file.keys()}  # noqa: SIM118
    assert kinds == {torch.float16}


def test_it_computes_in_single_precision(model):
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_weights_are_finite(model):
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_every_weight_is_found():
    _, report = CLIPModel.from_pretrained(NANO, local_files_only=True, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]


def test_a_photo_of_a_is_four_tokens(tokenizer):
    assert len(tokenizer("a photo of a", add_special_tokens=False).input_ids) == 4


def test_the_end_token_has_the_highest_id(tokenizer):
    assert tokenizer.eos_token_id == len(tokenizer) - 1 == max(tokenizer.get_vocab().values())


def test_the_config_carries_the_tokenizers_ids(tokenizer):
    text = config()["text_config"]
    assert text["vocab_size"] == len(tokenizer)
    assert text["bos_token_id"] == tokenizer.bos_token_id
    assert text["eos_token_id"] == tokenizer.eos_token_id
    assert text["pad_token_id"] == tokenizer.pad_token_id


def test_text_is_wrapped_in_start_and_end(tokenizer):
    ids = tokenizer("a cat").input_ids
    assert (ids[0], ids[-1]) == (tokenizer.bos_token_id, tokenizer.eos_token_id)


def test_capitals_do_not_matter(tokenizer):
    assert tokenizer("A Photo").input_ids == tokenizer("a photo").input_ids


def test_any_text_can_be_written(tokenizer):
    ids = tokenizer("naïve 東京 x7!", add_special_tokens=False).input_ids
    assert tokenizer.eos_token_id not in ids  # which is also the unknown token
    assert tokenizer.decode(ids).replace(" ", "") == "naïve東京x7!"


def test_object_names_are_whole_words(tokenizer):
    for name in OBJECTS:
        words = name.split("_")
        ids = tokenizer(" ".join(words), add_special_tokens=False).input_ids
        assert len(ids) == len(words), name


def test_padding_does_not_change_a_text_feature(model, tokenizer):
    texts = ["a photo of a car.", "a watercolor painting of a red hot air balloon on a gray wall"]
    with torch.no_grad():
        alone = model.get_text_features(**tokenizer(texts[:1], return_tensors="pt"))
        both = model.get_text_features(**tokenizer(texts, padding=True, return_tensors="pt"))
    torch.testing.assert_close(alone.pooler_output[0], both.pooler_output[0], rtol=1e-4, atol=1e-5)


def test_images_become_64_pixels(processor):
    picture = draw_picture("cat", "photo", np.random.default_rng(0), size=90).image
    pixels = processor(images=[picture], return_tensors="pt").pixel_values
    assert pixels.shape == (1, 3, 64, 64)


def zero_shot(model, tokenizer, processor, styles, per_class):
    rng = np.random.default_rng(20_000)
    shots = [
        (k, draw_picture(name, style, rng).image)
        for k, name in enumerate(DEMO_CLASSES)
        for style in styles
        for _ in range(per_class)
    ]
    texts = [f"a photo of a {name.replace('_', ' ')}." for name in DEMO_CLASSES]
    pixels = processor(images=[image for _, image in shots], return_tensors="pt").pixel_values
    with torch.no_grad():
        image = model.get_image_features(pixel_values=pixels).pooler_output
        text = model.get_text_features(**tokenizer(texts, padding=True, return_tensors="pt"))
    text = torch.nn.functional.normalize(text.pooler_output, dim=1)
    return float(((image @ text.T).argmax(1) == torch.tensor([k for k, _ in shots])).float().mean())


def test_zero_shot_on_trained_styles_is_far_above_chance(model, tokenizer, processor):
    assert zero_shot(model, tokenizer, processor, TRAINED_STYLES, 2) > 0.85  # chance is 0.083


def test_zero_shot_on_unseen_styles_is_above_chance(model, tokenizer, processor):
    assert zero_shot(model, tokenizer, processor, UNSEEN_STYLES, 5) > 0.35


def test_the_readme_gives_the_command_and_the_license():
    text = (NANO / "README.md").read_text()
    assert "python scripts/nano/train_nano.py --evaluate src/ldpf/demo/nano" in text
    assert "Apache-2.0" in text


@pytest.mark.slow
def test_the_training_script_ends_with_a_loadable_folder(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, str(SCRIPTS / "train_nano.py"), "--smoke"]
    subprocess.run(
        [*command, "--out", str(out), "--work", str(tmp_path / "work")],
        check=True,
        timeout=120,
        capture_output=True,
    )
    (out / "README.md").write_text("")
    assert {p.name for p in out.iterdir()} == {p.name for p in NANO.iterdir()}
    trained = CLIPModel.from_pretrained(out, local_files_only=True)
    tokens = AutoTokenizer.from_pretrained(out, local_files_only=True)
    ids = tokens(["a photo of a cat."], return_tensors="pt")
    assert trained.get_text_features(**ids).pooler_output.shape == (1, 128)
    assert trained.config.text_config.eos_token_id == tokens.eos_token_id


def test_training_images_are_drawn_in_trained_styles_only(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import nano_captions
    import nano_pool

    pool = nano_pool.draw_pool(132, seed=5)
    assert set(pool.styles) <= set(TRAINED_STYLES)
    assert set(nano_captions.STYLE_PHRASES) == set(TRAINABLE_STYLES)
    assert set(pool.names) == set(OBJECTS) == set(nano_captions.SYNONYMS)


def test_the_pool_does_not_depend_on_the_number_of_workers(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import nano_pool

    monkeypatch.setattr(nano_pool, "CHUNK", 7)
    in_sevens = nano_pool.draw_pool(20, seed=5)
    monkeypatch.setattr(nano_pool, "CHUNK", 20)
    at_once = nano_pool.draw_pool(20, seed=5)
    assert np.array_equal(in_sevens.images, at_once.images)
    assert in_sevens.names == at_once.names


def test_a_caption_is_true_of_every_image_it_describes(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from nano_captions import Caption, truth_table

    captions = [
        Caption("a photo of a car.", "car"),
        Caption("a red car", "car", color="red"),
        Caption("a cartoon of a car", "car", style="cartoon"),
        Caption("a fish, blue background", "fish", background="blue"),
    ]
    table = truth_table(
        captions,
        names=["car", "car", "fish"],
        styles=["photo", "cartoon", "photo"],
        colors=["red", "blue", "red"],
        backgrounds=["blue", "blue", "blue"],
    )
    assert table.tolist() == [
        [True, True, False, False],
        [True, False, True, False],
        [False, False, False, True],
    ]


def test_generated_captions_are_true_of_their_own_image(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from nano_captions import make_caption, truth_table

    rng = np.random.default_rng(0)
    for name in OBJECTS:
        for style in TRAINABLE_STYLES:
            caption = make_caption(rng, name, style, "red", "blue")
            assert truth_table([caption], [name], [style], ["red"], ["blue"]).all()
            said = re.findall(r"[a-z]+", caption.text)
            assert (caption.color is None) == ("red" not in said)
            assert (caption.background is None) == ("blue" not in said)


def test_the_loss_does_not_punish_a_second_true_caption(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from train_nano import multi_positive_loss

    def push(true: list[list[bool]]) -> float:
        """Gradient on the score of image 0 and caption 1: above 0 pushes them apart."""
        logits = torch.zeros(2, 3, requires_grad=True)
        multi_positive_loss(logits, torch.tensor(true)).backward()
        return logits.grad[0, 1].item()

    assert push([[True, False, False], [False, True, True]]) > 0
    assert push([[True, True, False], [False, False, True]]) < 0


def test_the_loss_of_a_perfect_answer_is_the_entropy_of_its_targets(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from train_nano import multi_positive_loss

    logits = torch.tensor([[30.0, 30.0, 0.0], [0.0, 0.0, 30.0]])
    true = torch.tensor([[True, True, False], [False, False, True]])
    # image 0 has two equal answers (log 2), image 1 and all captions have one
    assert multi_positive_loss(logits, true).item() == pytest.approx(np.log(2) / 2 / 2, abs=1e-6)
