"""The training scripts of `nano`: their shortcuts agree with what they stand for."""

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor, AutoTokenizer

import ldpf
from ldpf.demo.drawing import OBJECTS, TRAINED_STYLES, draw_picture

NANO = Path(ldpf.__file__).parent / "demo" / "nano"
SCRIPTS = Path(__file__).parents[2] / "scripts" / "nano"
SIZE = 60


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))


@pytest.fixture
def pool():
    import nano_pool

    return nano_pool.draw_pool(SIZE, seed=1)


@pytest.fixture
def tokenizer():
    return AutoTokenizer.from_pretrained(NANO, local_files_only=True)


def test_by_default_pictures_have_the_styles_that_nano_knows(pool):
    assert set(pool.styles) == set(TRAINED_STYLES) == {"clipart", "photo", "cartoon", "painting"}


def test_other_styles_can_be_asked_for(pool):
    import nano_pool

    assert set(nano_pool.draw_pool(SIZE, 1, styles=("mosaic", "clay")).styles) == {"mosaic", "clay"}


def test_the_styles_kept_for_testing_cannot_be_learned_from():
    import train_nano

    assert train_nano.chosen_styles("clay,photo") == ("clay", "photo")
    with pytest.raises(argparse.ArgumentTypeError, match="cannot learn from sketch, night; choose"):
        train_nano.chosen_styles("photo,sketch,night")


def test_truth_in_numbers_is_truth_in_words(pool, tokenizer):
    import nano_bank
    from nano_captions import truth_table

    captions = nano_bank.write_captions(pool, 3, seed=0)
    bank = nano_bank.make_bank(pool, captions, tokenizer, seed=0)
    found = nano_bank.truth(bank.seen, bank.stated[bank.of_picture.flatten().long()])
    columns = [list(c) for c in (pool.names, pool.styles, pool.colors, pool.backgrounds)]
    wanted = truth_table(captions, *columns)
    assert np.array_equal(found.numpy(), wanted)
    assert 0 < wanted.mean() < 0.2


def test_a_bank_holds_the_tokens_of_its_captions(pool, tokenizer):
    import nano_bank

    captions = nano_bank.write_captions(pool, 2, seed=0)
    bank = nano_bank.make_bank(pool, captions, tokenizer, seed=0)
    length = bank.ids.shape[1]
    texts = [caption.text for caption in captions]
    wanted = tokenizer(texts, padding="max_length", max_length=length).input_ids
    assert bank.ids[bank.of_picture.flatten().long()].tolist() == wanted


def test_plain_captions_state_their_class_alone(pool, tokenizer):
    import nano_bank

    captions = nano_bank.write_captions(pool, 1, seed=0)
    bank = nano_bank.make_bank(pool, captions, tokenizer, seed=0, plain_each=5)
    assert bank.plain.shape == (len(OBJECTS), 5)
    for k, row in enumerate(bank.plain.long()):
        assert (bank.stated[row] == torch.tensor([k, -1, -1, -1])).all()


def test_captions_do_not_depend_on_the_number_of_workers(pool, monkeypatch):
    import nano_bank

    monkeypatch.setattr(nano_bank, "CHUNK", 25)
    assert nano_bank.write_captions(pool, 2, 0, workers=1) == nano_bank.write_captions(
        pool, 2, 0, workers=2
    )


def test_captions_must_come_to_the_same_number_for_every_picture(pool, tokenizer):
    import nano_bank

    captions = nano_bank.write_captions(pool, 1, seed=0)[:-1]
    with pytest.raises(ValueError, match=r"59 captions are no whole number for 60 pictures\."):
        nano_bank.make_bank(pool, captions, tokenizer, seed=0)


def varied(images, seed):
    from nano_augment import augment

    return augment(images, torch.Generator().manual_seed(seed))


def test_varied_pictures_stay_pictures(pool):
    images = torch.from_numpy(pool.images).permute(0, 3, 1, 2).float() / 255
    found = varied(images, 0)
    assert found.shape == images.shape
    assert found.min() >= 0
    assert found.max() <= 1
    assert (found - images).abs().mean() > 0.05


def test_the_same_generator_varies_in_the_same_way(pool):
    images = torch.from_numpy(pool.images[:8]).permute(0, 3, 1, 2).float() / 255
    assert torch.equal(varied(images, 3), varied(images, 3))
    assert not torch.equal(varied(images, 3), varied(images, 4))


def test_varied_greys_are_never_tinted_like_the_night():
    grey = torch.rand(64, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    red, green, blue = varied(grey.expand(-1, 3, -1, -1), 0).mean(dim=(2, 3)).T
    assert (green < 1.5 * torch.maximum(red, blue)).all()


def test_measuring_prepares_images_as_the_library_does():
    from nano_evaluate import Loaded

    rng = np.random.default_rng(0)
    shots = [draw_picture(name, "photo", rng).image for name in list(OBJECTS)[:5]]
    loaded = Loaded(NANO)
    processor = AutoImageProcessor.from_pretrained(NANO, local_files_only=True)
    pixels = processor(images=shots, return_tensors="pt").pixel_values
    with torch.no_grad():
        found = loaded.model.get_image_features(pixel_values=pixels.to(loaded.model.device))
    wanted = torch.nn.functional.normalize(found.pooler_output, dim=1)
    np.testing.assert_allclose(loaded.images(shots), wanted.cpu(), atol=1e-5)
