"""A wrong value in a JSON file of a backbone folder is refused with the file and the field."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ldpf import load_backbone
from ldpf.backbones.checkpoint_schema import SCHEMAS, check_folder
from ldpf.backbones.hub import resolve_folder
from ldpf.errors import BackboneError
from ldpf.utils.schema import first_problem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the small files of the bundled backbone, with a link to its weights."""
    copy = tmp_path / "backbone"
    copy.mkdir()
    for file in resolve_folder("nano").iterdir():
        if file.suffix == ".safetensors":
            (copy / file.name).symlink_to(file)
        else:
            shutil.copyfile(file, copy / file.name)
    return copy


def _set(folder: Path, name: str, place: str, value: Any) -> None:
    content = json.loads((folder / name).read_text())
    holder = content
    *way, last = place.split(".")
    for key in way:
        holder = holder[key]
    holder[last] = value
    (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("name", "place", "value", "words"),
    [
        ("config.json", "text_config.hidden_size", "128", "text_config.hidden_size is '128'"),
        ("config.json", "text_config.hidden_size", 10**9, "text_config.hidden_size is 1000000000"),
        ("config.json", "text_config.num_hidden_layers", 2.5, "num_hidden_layers is 2.5"),
        ("config.json", "vision_config", [], "vision_config is []"),
        ("config.json", "vision_config.image_size", -64, "vision_config.image_size is -64"),
        ("config.json", "vision_config.image_size", [64, None], "image_size[1] is None"),
        ("config.json", "projection_dim", True, "projection_dim is True"),
        ("config.json", "text_config.layer_norm_eps", float("nan"), "layer_norm_eps is nan"),
        ("config.json", "text_config.hidden_act", {"a": 1}, "text_config.hidden_act is {'a': 1}"),
        ("config.json", "text_config.eos_token_id", 10**400, "text_config.eos_token_id is"),
        ("preprocessor_config.json", "image_std", [1, 0, 1], "image_std[1] is 0"),
        ("preprocessor_config.json", "image_mean", 3, "image_mean is 3"),
        ("preprocessor_config.json", "size", {"shortest_edge": 10**6}, "size.shortest_edge is"),
        ("preprocessor_config.json", "resample", 77, "resample is 77"),
        ("preprocessor_config.json", "do_resize", "no", "do_resize is 'no'"),
        ("preprocessor_config.json", "rescale_factor", 1e-300, "rescale_factor is 1e-300"),
        ("tokenizer_config.json", "eos_token", 5, "eos_token is 5"),
        ("tokenizer_config.json", "model_max_length", "x", "model_max_length is 'x'"),
        ("tokenizer.json", "model", None, "model is None"),
    ],
)
def test_the_field_is_named(folder: Path, name: str, place: str, value: Any, words: str):
    _set(folder, name, place, value)
    with pytest.raises(BackboneError) as caught:
        load_backbone(folder)
    message = str(caught.value)
    assert words in message and str(folder / name) in message
    assert len(message) < 600 and "\n" not in message


@pytest.mark.parametrize("name", sorted(SCHEMAS))
@pytest.mark.parametrize("content", ["[" * 100_000, '{"a": ', "[]", "7", "\ufeffnull", ""])
def test_what_is_no_such_file_is_refused_by_its_name(folder: Path, name: str, content: str):
    (folder / name).write_text(content)
    with pytest.raises(BackboneError, match=name.replace(".", r"\.")):
        check_folder(folder)


def test_a_huge_file_is_not_read(folder: Path):
    with (folder / "config.json").open("wb") as stream:
        stream.truncate(10**12)
    with pytest.raises(BackboneError, match="1,000,000 MB"):
        check_folder(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", {"vision_config": {"hidden_sizes": [64, 128], "depths": [2, 2]}}),
        ("config.json", {"text_config": None, "vision_config": {"image_size": [224, 224]}}),
        ("preprocessor_config.json", {"size": 224, "crop_size": None}),
        ("tokenizer_config.json", {"model_max_length": 10**30, "bos_token": {"content": "<s>"}}),
        ("special_tokens_map.json", {"additional_special_tokens": ["<a>", {"content": "<b>"}]}),
        ("open_clip_config.json", {"model_cfg": {"vision_cfg": {"layers": [3, 4, 6, 3]}}}),
        ("tokenizer.json", {"model": {"vocab": [["a", -1.5]]}}),
    ],
)
def test_what_other_checkpoints_have_is_fine(name: str, content: Any):
    assert first_problem("", content, SCHEMAS[name]) is None
