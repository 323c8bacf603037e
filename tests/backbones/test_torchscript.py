"""OpenAI's archives: read as data, what they compute is never run."""

from __future__ import annotations

import os
import pickle
import warnings
import zipfile

import pytest
import torch
from torch import nn

from ldpf.backbones.torchscript import is_archive, read_archive
from ldpf.errors import BackboneError


@pytest.fixture(scope="module")
def archive(openai_archive):
    return openai_archive()[0]


def message_of(file):
    with pytest.raises(BackboneError) as caught:
        read_archive(file)
    return str(caught.value)


def with_entry(archive, target, name, content, compression=zipfile.ZIP_STORED):
    """A copy of an archive with another content of one entry."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            if info.filename.endswith(name):
                new.writestr(info.filename, content, compression)
            else:
                new.writestr(info, old.read(info))
    return target


class Harmful:
    """Makes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_the_tensors_are_those_that_torch_jit_reads(archive):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = torch.jit.load(archive).state_dict()
    weights = read_archive(archive).weights
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert {weights[name].dtype for name in weights} == {torch.float16, torch.int64}


def test_tensors_that_do_not_lie_row_by_row_are_read(tmp_path):
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            everything = torch.arange(24.0)
            self.turned = nn.Parameter(everything.view(4, 6).T)
            self.later = nn.Parameter(everything[10:20:2])
            self.empty = nn.Parameter(torch.empty(0, 3))

        def forward(self, x):
            return x + self.turned.sum() + self.later.sum() + self.empty.sum()

    model = Turned()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(model), tmp_path / "m.pt")
    weights = read_archive(tmp_path / "m.pt").weights
    for name, parameter in model.named_parameters():
        assert torch.equal(weights[name], parameter), name
        assert weights[name].is_contiguous()


def test_only_archives_are_taken_for_one(archive, tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "weights.pt")
    (tmp_path / "page.pt").write_text("<html>")
    assert is_archive(archive)
    names = ("weights.pt", "page.pt", "nothing.pt")
    assert not any(is_archive(tmp_path / name) for name in names)


def test_a_pickle_that_would_call_a_function_is_refused_and_does_not_run(archive, tmp_path):
    marker = tmp_path / "it ran"
    file = tmp_path / "evil.pt"
    with_entry(archive, file, "data.pkl", pickle.dumps(Harmful(marker), protocol=2))
    assert message_of(file) == (
        f"{str(file)!r} is not opened: it asks for 'posix.mkdir', which is no tensor, and could so "
        "run code on this machine; use a copy of the model as safetensors, or a file that holds "
        "nothing but its state_dict."
    )
    assert not marker.exists()
    pickle.loads(pickle.dumps(Harmful(marker)))
    assert marker.exists()  # so it would have run


@pytest.mark.parametrize(
    "name", ["builtins eval", "torch.jit load", "torch.storage _load_from_bytes", "os system"]
)
def test_no_other_name_is_looked_up(name, archive, tmp_path):
    content = b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\n."
    file = with_entry(archive, tmp_path / "evil.pt", "data.pkl", content)
    assert f"it asks for {name.replace(' ', '.')!r}" in message_of(file)


def test_the_program_is_text_only(archive, tmp_path):
    # A program that no compiler takes changes nothing.
    with zipfile.ZipFile(archive) as file:
        name = next(n for n in file.namelist() if "/code/" in n and n.endswith(".py"))
    broken = with_entry(archive, tmp_path / "m.pt", name, b"this is no program")
    result = read_archive(broken)
    assert "this is no program" in result.program
    assert result.weights.keys() == read_archive(archive).weights.keys()


def test_a_compressed_tensor_is_refused_unread(archive, tmp_path):
    file = tmp_path / "bomb.pt"
    with_entry(archive, file, "data/0", bytes(10**6), zipfile.ZIP_DEFLATED)
    assert "data/0 is compressed, which PyTorch never writes" in message_of(file)


def test_a_tensor_larger_than_its_storage_is_refused(archive, tmp_path):
    file = with_entry(archive, tmp_path / "cut.pt", "data/0", b"12")
    assert "is larger than what is stored of it" in message_of(file)


def test_numbers_in_another_order_are_refused(archive, tmp_path):
    file = with_entry(archive, tmp_path / "big.pt", "/byteorder", b"big")
    assert "its numbers are big-endian" in message_of(file)


@pytest.mark.parametrize("content", [b"", b"\x80\x02", b"garbage", b"\x80\x02K\x05Q."])
def test_a_damaged_tree_is_one_sentence(content, archive, tmp_path):
    file = with_entry(archive, tmp_path / "cut.pt", "data.pkl", content)
    assert message_of(file).startswith(f"{str(file)!r} cannot be read as weights of PyTorch (")
