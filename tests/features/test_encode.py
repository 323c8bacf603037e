from __future__ import annotations

import itertools
import threading
import time

import pytest
import torch

from ldpf.data import iter_image_files, read_image
from ldpf.errors import BackboneError, SettingsError
from ldpf.features.encode import encode_files, stream_features


@pytest.fixture
def files(tmp_path, write_image):
    return [write_image(tmp_path / f"{i:02d}.png", seed=i) for i in range(11)]


def direct(backbone, file, rows):
    """The feature by hand: one image in a batch of `rows`, the others black."""
    pixels = torch.zeros(rows, 3, 8, 8)
    pixels[0] = backbone.preprocess([read_image(file)])[0]
    return backbone.encode_images(pixels)[0]


def test_every_file_gives_its_own_feature_in_order(tiny_backbone, files):
    encoded = list(encode_files(files, tiny_backbone, batch_size=4, workers=3))
    assert [one.path for one in encoded] == files
    for one in encoded:
        assert torch.allclose(one.feature, direct(tiny_backbone, one.path, 4), atol=1e-6)
        assert one.error is None and one.size == one.path.stat().st_size and len(one.sha256) == 32


def test_every_batch_has_the_same_shape_with_padding(tiny_backbone, files):
    assert len(list(encode_files(files, tiny_backbone, batch_size=4))) == 11
    assert tiny_backbone.batches == [(4, 3, 8, 8)] * 3


def test_without_padding_one_image_costs_one_image(tiny_backbone, files):
    assert len(list(stream_features(files[:1], tiny_backbone, batch_size=64))) == 1
    assert tiny_backbone.batches == [(1, 3, 8, 8)]


def test_with_padding_bits_do_not_depend_on_what_else_is_encoded(tiny_backbone, files):
    whole = {one.path: one for one in encode_files(files, tiny_backbone, batch_size=8)}
    for file in files:
        (alone,) = encode_files([file], tiny_backbone, batch_size=8)
        assert torch.equal(alone.feature, whole[file].feature)


def test_bad_files_keep_their_place_and_stop_nothing(tiny_backbone, files, tmp_path):
    files[3].write_bytes(b"")
    files[7] = tmp_path / "gone.png"
    stream = list(stream_features(files, tiny_backbone, batch_size=4))
    assert [path for path, _, _ in stream] == files
    assert {i: error for i, (_, _, error) in enumerate(stream) if error} == {
        3: "an empty file (0 bytes)",
        7: "the file does not exist",
    }
    assert [feature is None for _, feature, _ in stream] == [i in (3, 7) for i in range(11)]


def test_nothing_but_bad_files(tiny_backbone, tmp_path):
    stream = list(stream_features((tmp_path / f"{i}.png" for i in range(50)), tiny_backbone))
    assert len(stream) == 50 and not tiny_backbone.batches


def test_the_input_is_read_only_a_few_batches_ahead(tiny_backbone, files):
    """A million files must not be held at once: the input here never ends."""
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield files[taken % len(files)]

    stream = stream_features(endless(), tiny_backbone, batch_size=4, workers=2)
    for _ in itertools.islice(stream, 20):
        pass
    assert taken <= 20 + 4 + 8 + 1
    stream.close()


def test_bad_files_without_end_do_not_pile_up(tiny_backbone, tmp_path):
    missing = (tmp_path / f"{i}.png" for i in itertools.count())
    assert len(list(itertools.islice(stream_features(missing, tiny_backbone), 1000))) == 1000


def test_reading_goes_on_while_a_batch_is_encoded(tiny_backbone, files):
    """The second batch is preprocessed although the encoder still holds the first."""
    encode = tiny_backbone.encode_images

    def slow(pixels):
        deadline = time.monotonic() + 300
        while tiny_backbone.preprocessed < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert tiny_backbone.preprocessed >= 8
        return encode(pixels)

    tiny_backbone.encode_images = slow
    assert len(list(encode_files(files, tiny_backbone, batch_size=4, workers=2))) == 11


def test_threads_end_when_the_caller_stops_early(tiny_backbone, files):
    stream = stream_features(files, tiny_backbone, batch_size=4, workers=2)
    next(stream)
    stream.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("ldpf-read")]


def test_a_feature_that_is_not_finite_is_an_error_naming_the_file(tiny_backbone, files):
    tiny_backbone.encode_images = lambda pixels: torch.full((len(pixels), 16), torch.nan)
    _, feature, error = next(stream_features(files[:1], tiny_backbone))
    assert feature is None and error == (
        f"the backbone tiny gives a feature that is not finite for {files[0]}; "
        "its weights may be damaged, or overflow at half precision: load it in float32"
    )


def test_black_padding_that_is_not_finite_harms_nobody(tiny_backbone, files):
    encode = tiny_backbone.encode_images

    def nan_for_black(pixels):
        features = encode(pixels)
        features[(pixels == 0).flatten(1).all(1)] = torch.nan
        return features

    tiny_backbone.encode_images = nan_for_black
    encoded = list(encode_files(files, tiny_backbone, batch_size=8))
    assert len(encoded) == 11 and all(one.feature is not None for one in encoded)


def test_failing_preprocessing_is_the_backbones_error_and_names_the_file(tiny_backbone, files):
    def fail(images):
        raise ValueError("no such size")

    tiny_backbone.preprocess = fail
    with pytest.raises(BackboneError) as error:
        list(encode_files(files, tiny_backbone))
    assert str(error.value) == (
        f"the preprocessing of tiny fails on {files[0]} (12 x 10 pixels): no such size"
    )


def test_features_of_the_wrong_shape(tiny_backbone, files):
    tiny_backbone.encode_images = lambda pixels: torch.zeros(len(pixels), 3)
    with pytest.raises(BackboneError, match=r"shape \[64, 3\] for 64 images; expected \[64, 16\]"):
        list(encode_files(files, tiny_backbone))


def test_a_folder_streams_through(tiny_backbone, files, tmp_path):
    stream = list(stream_features(iter_image_files(tmp_path), tiny_backbone))
    assert [path for path, _, _ in stream] == files


@pytest.mark.parametrize("setting", ["batch_size", "workers"])
def test_settings_below_one(tiny_backbone, files, setting):
    with pytest.raises(SettingsError, match=f"{setting}=0 should be"):
        list(encode_files(files, tiny_backbone, **{setting: 0}))
