"""A family of backbones is one file; names and summaries need no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ldpf.backbones import load_backbone
from ldpf.backbones.families import FAMILIES, BackboneFamily, Checkpoint, find_family
from ldpf.backbones.families.text_rules import CLIP_TEXT
from ldpf.errors import BackboneError


@pytest.fixture
def own_family(tiny_clip_parts):
    """What a package outside writes to add a family."""

    @FAMILIES.register("own")
    class Own(BackboneFamily):
        """Reads own.json."""

        text = CLIP_TEXT
        config_file = "own.json"
        needs = "own.json"

        def recognizes(self, checkpoint: Checkpoint) -> bool:
            return self.config_file in checkpoint.files

        def load(self, checkpoint: Checkpoint):
            json.loads((checkpoint.folder / self.config_file).read_text())
            return tuple(tiny_clip_parts[k] for k in ("model", "image_processor", "tokenizer"))

    yield Own
    del FAMILIES._entries["own"]


def test_a_family_is_added_by_registering_one_class(own_family, tiny_clip, tmp_path):
    (tmp_path / "own.json").write_text("{}")
    backbone = load_backbone(tmp_path)
    assert backbone.fingerprint == tiny_clip.fingerprint
    assert backbone.text.causal


def test_damage_in_a_family_of_ones_own_is_reported_with_what_it_needs(own_family, tmp_path):
    (tmp_path / "own.json").write_text("{")
    with pytest.raises(BackboneError, match=r"could not be loaded .*; it needs own\.json\."):
        load_backbone(tmp_path)


def test_a_folder_without_any_familys_config_names_them_all(own_family, tmp_path):
    with pytest.raises(BackboneError, match=r"config\.json.*open_clip_config\.json or own\.json"):
        load_backbone(tmp_path)


@pytest.fixture
def broken_package(tmp_path, monkeypatch):
    """An installed package whose family cannot be imported."""
    info = tmp_path / "outsider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ldpf.backbones]\nfar = no_such_module:Far\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    FAMILIES.__dict__.pop("_outside", None)
    yield
    FAMILIES.__dict__.pop("_outside", None)


@pytest.mark.slow
def test_a_broken_family_of_a_package_outside_is_told_and_stops_no_other(
    broken_package, tiny_clip_folder, tiny_clip, caplog
):
    assert load_backbone(tiny_clip_folder).fingerprint == tiny_clip.fingerprint
    (told,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "'far'" in told and "no_such_module" in told


def test_a_family_outside_that_fails_to_look_at_a_folder_stops_no_other(
    own_family, monkeypatch, tiny_clip_folder, tiny_clip, caplog
):
    def fail(self, checkpoint):
        raise KeyError("model_type")

    monkeypatch.setattr(own_family, "recognizes", fail)
    assert load_backbone(tiny_clip_folder).fingerprint == tiny_clip.fingerprint
    (told,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "'own'" in told and "model_type" in told


def test_of_two_families_the_one_with_the_higher_priority_loads(
    own_family, monkeypatch, tiny_clip_folder
):
    files = frozenset({"config.json", "own.json", "model.safetensors"})
    checkpoint = Checkpoint("both", tiny_clip_folder, files)
    for priority, expected in ((-1, FAMILIES.get("clip")), (1, own_family)):
        monkeypatch.setattr(own_family, "priority", priority)
        assert type(find_family(checkpoint)) is expected


@pytest.mark.parametrize(
    ("config", "files", "family"),
    [
        ({"model_type": "clip"}, {"model.safetensors"}, "clip"),
        ({"model_type": "clip"}, {"pytorch_model.bin", "open_clip_config.json"}, "clip"),
        ({"model_type": "clip"}, {"open_clip_config.json"}, "open-clip"),
        ({"architecture": "x"}, {"model.safetensors", "open_clip_config.json"}, "open-clip"),
        ({"model_type": "metaclip_2"}, set(), "metaclip_2"),
        ({"model_type": "siglip"}, set(), "siglip"),
        ({"model_type": "vision-text-dual-encoder"}, set(), "vision-text-dual-encoder"),
    ],
)
def test_a_checkpoint_is_recognized_by_its_small_files(config, files, family, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config))
    checkpoint = Checkpoint("some", tmp_path, frozenset({"config.json", *files}))
    assert type(find_family(checkpoint)) is FAMILIES.get(family)


@pytest.mark.slow
def test_names_and_summaries_are_read_without_torch():
    code = (
        "import sys\nfrom ldpf.backbones.families import FAMILIES\n"
        "print([FAMILIES.summary(name) for name in FAMILIES])\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "SigLIP" in done.stdout


@pytest.mark.parametrize("family", list(FAMILIES))
def test_every_family_is_on_the_page_about_backbones(family):
    page = (Path(__file__).parents[3] / "docs" / "backbones.md").read_text(encoding="utf-8")
    entry = FAMILIES.make(family)
    sign = f"`{family}`" if entry.config_file == "config.json" else f"`{entry.config_file}`"
    assert f"{sign}" in page.split("\n\n")[2]
