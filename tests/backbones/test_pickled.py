from __future__ import annotations

import argparse
import os
import pickle

import pytest
import torch

from ldpf.backbones.pickled import read_weights
from ldpf.errors import BackboneError

WEIGHTS = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.ones(())}


class Harmful:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def message_of(file):
    with pytest.raises(BackboneError) as caught:
        read_weights(file)
    return str(caught.value)


@pytest.mark.parametrize("inside", [None, "state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_are_found_where_programs_put_them(inside, prefix, tmp_path):
    content = {prefix + name: tensor for name, tensor in WEIGHTS.items()}
    if inside is not None:
        content = {"epoch": 3, inside: content, "optimizer": {"state": {}}}
    torch.save(content, tmp_path / "w.bin")
    weights = read_weights(tmp_path / "w.bin")
    assert weights.keys() == WEIGHTS.keys()
    assert all(torch.equal(weights[name], WEIGHTS[name]) for name in WEIGHTS)


def test_the_old_format_is_read(tmp_path):
    torch.save(WEIGHTS, tmp_path / "w.bin", _use_new_zipfile_serialization=False)
    assert read_weights(tmp_path / "w.bin").keys() == WEIGHTS.keys()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_call_a_function_is_refused_and_does_not_run(zipped, tmp_path):
    marker, file = tmp_path / "it ran", tmp_path / "evil.bin"
    content = {**WEIGHTS, "extra": Harmful(marker)}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    assert message_of(file) == (
        f"{str(file)!r} is not opened: it asks for 'posix.mkdir', which is no tensor, and could so "
        "run code on this machine; use a copy of the model as safetensors, or a file that holds "
        "nothing but its state_dict."
    )
    assert not marker.exists()


def test_a_bare_pickle_that_would_call_a_function_does_not_run(tmp_path):
    marker, file = tmp_path / "it ran", tmp_path / "evil.bin"
    file.write_bytes(pickle.dumps(Harmful(marker), protocol=2))
    assert str(file) in message_of(file)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (argparse.Namespace(lr=1), "argparse.Namespace"),
        (torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
    ],
)
def test_other_objects_are_named(content, name, tmp_path):
    torch.save({"model": content}, tmp_path / "w.bin")
    assert f"it asks for {name!r}" in message_of(tmp_path / "w.bin")


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"\x80\x04\x95"])
def test_other_files_are_one_sentence_without_advice_to_run_them(content, tmp_path):
    file = tmp_path / "w.bin"
    file.write_bytes(content)
    message = message_of(file)
    assert message.startswith(f"{str(file)!r} cannot be read as weights of PyTorch (")
    assert "weights_only" not in message and "\n" not in message


@pytest.mark.parametrize(
    ("content", "kind"), [([torch.ones(2)], "dict with 0"), ({"a": 3, "b": "c"}, "dict with 2")]
)
def test_a_file_without_named_tensors_is_refused(content, kind, tmp_path):
    torch.save(content, tmp_path / "w.bin")
    assert f"holds no weights by name (a {kind} entries" in message_of(tmp_path / "w.bin")


def test_releases_whose_weights_only_can_run_code_are_refused(tmp_path, monkeypatch):
    torch.save(WEIGHTS, tmp_path / "w.bin")
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    assert "with PyTorch 2.6 or newer only (this is 2.5.1+cpu; CVE-2025-32434)" in message_of(
        tmp_path / "w.bin"
    )
