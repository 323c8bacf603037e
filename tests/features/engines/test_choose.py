from __future__ import annotations

import json
import logging

import pytest

from ldpf.errors import SettingsError
from ldpf.features.engines import ENGINES, choose
from ldpf.features.engines.choose import engine_of, fastest, with_engine


@pytest.fixture
def rates(monkeypatch):
    """What a trial measures."""
    measured = {"torch": 20.0, "quick": 138.0}
    calls = []

    def trial(backbone, engines, cache_dir):
        calls.append(sorted(engines))
        return {name: measured[name] for name in engines if name in measured}

    monkeypatch.setattr(choose, "_rates", trial)
    return measured, calls


def test_pytorch_is_the_backbone_itself(tiny_clip, tmp_path):
    assert with_engine(tiny_clip, "torch", tmp_path) is tiny_clip
    assert engine_of(tiny_clip) == "torch"


def test_an_engine_by_its_name(stand_in_engine, tiny_clip, tmp_path):
    assert engine_of(with_engine(tiny_clip, "quick", tmp_path)) == "quick"


def test_an_unknown_engine_is_refused(tiny_clip, tmp_path):
    with pytest.raises(SettingsError, match=r"quik.*auto"):
        with_engine(tiny_clip, "quik", tmp_path)


@pytest.mark.parametrize("name", [name for name in ENGINES if ENGINES.make(name).exports])
def test_missing_packages_are_named_with_the_way_to_them(name, tiny_clip, tmp_path, monkeypatch):
    monkeypatch.setattr(type(ENGINES.make(name)), "version", None)
    with pytest.raises(SettingsError, match=rf"{name}.*pip install 'ldpf\[engines\]'"):
        with_engine(tiny_clip, name, tmp_path)


def test_the_fastest_is_taken_and_remembered(stand_in_engine, rates, tiny_clip, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="ldpf"):
        assert engine_of(with_engine(tiny_clip, "auto", tmp_path)) == "quick"
        assert "image engine: quick (images a second in a trial of eight photos" in caplog.text
        assert "torch 20.0, quick 138.0" in caplog.text
        rates[0]["torch"] = 1000.0
        assert engine_of(with_engine(tiny_clip, "auto", tmp_path)) == "quick"
    assert len(rates[1]) == 1


def test_another_version_is_tried_anew(stand_in_engine, rates, tiny_clip, tmp_path):
    with_engine(tiny_clip, "auto", tmp_path)
    stand_in_engine.version = "1.1"
    rates[0]["quick"] = 21.0
    assert with_engine(tiny_clip, "auto", tmp_path) is tiny_clip
    assert len(rates[1]) == 2


def test_without_another_engine_auto_is_pytorch(tiny_clip, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(choose, "_missing", lambda engine: [1] if engine.exports else [])
    with caplog.at_level(logging.INFO, logger="ldpf"):
        assert with_engine(tiny_clip, "auto", tmp_path) is tiny_clip
    assert "torch (not installed: onnxruntime, openvino" in caplog.text
    assert not list(tmp_path.iterdir())


def test_a_little_faster_is_not_worth_other_features():
    assert fastest({"torch": 100.0, "quick": 119.0})[0] == "torch"
    assert fastest({"torch": 100.0, "quick": 121.0})[0] == "quick"


def test_a_trial_measures_engines_that_agree_and_leaves_out_others(
    stand_in_engine, tiny_clip, tmp_path, caplog
):
    engines = {"torch": ENGINES.make("torch"), "quick": ENGINES.make("quick")}
    measured = choose._rates(tiny_clip, engines, tmp_path)
    assert set(measured) == {"torch", "quick"} and min(measured.values()) > 0
    stand_in_engine.shift = 0.5
    with caplog.at_level(logging.INFO, logger="ldpf"):
        assert set(choose._rates(tiny_clip, engines, tmp_path)) == {"torch"}
    assert "not quick (The image engine 'quick' does not give" in caplog.text


class OnGpu:
    """A backbone on a GPU, as far as the choice looks at it."""

    fingerprint, name, engine = "0" * 64, "far", None

    class device:
        type = "cuda"


def test_on_a_gpu_auto_is_pytorch_and_another_engine_is_refused(stand_in_engine, tmp_path):
    assert isinstance(with_engine(OnGpu(), "auto", tmp_path), OnGpu)
    with pytest.raises(SettingsError, match="device='cpu'"):
        with_engine(OnGpu(), "quick", tmp_path)
    assert engine_of(with_engine(OnGpu(), "torch-bf16", tmp_path)) == "torch-bf16"


def test_auto_never_takes_bfloat16(stand_in_engine, rates, tiny_clip, tmp_path):
    with_engine(tiny_clip, "auto", tmp_path)
    assert "torch-bf16" not in rates[1][0] and {"torch", "quick"} <= set(rates[1][0])


def test_names_load_no_torch():
    import subprocess
    import sys

    code = (
        "import sys\nfrom ldpf.features.engines import ENGINES\nassert ENGINES.names()\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("damage", [{"engine": []}, {"engine": "torch", "versions": 3}, [], 3])
def test_a_damaged_choice_is_made_anew(damage, stand_in_engine, rates, tiny_clip, tmp_path):
    with_engine(tiny_clip, "auto", tmp_path)
    (file,) = tmp_path.rglob("choice.json")
    before = file.read_text()
    file.write_text(json.dumps(damage))
    with_engine(tiny_clip, "auto", tmp_path)
    assert file.read_text() == before
