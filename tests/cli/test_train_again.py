"""`ldpf train` into a folder that a training, finished, interrupted or damaged, has left."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable

import pytest
import torch

from ldpf.training.callbacks import RunRecord
from ldpf.utils.locks import locked_folder
from ldpf.utils.temporary import temporary_beside
from ldpf.workflows import model_writing

pytestmark = pytest.mark.slow


def stop_at(step: int) -> Callable[..., RunRecord]:
    """A record that writes a checkpoint after every step and is interrupted in one."""

    class Stopped(RunRecord):
        def add(self, **line) -> None:
            super().add(**line)
            if line["step"] >= step:
                raise KeyboardInterrupt

    return lambda folder, callbacks: Stopped(folder, checkpoint_every_s=0.0)


def test_an_interrupted_training_ends_with_the_same_numbers(
    images, tiny_clip_folder, model, tmp_path, run, monkeypatch, read_tensors
):
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    with monkeypatch.context() as patch:
        patch.setattr(model_writing, "RunRecord", stop_at(10))
        result = run(*command)
    assert result.exit_code == 130
    assert result.stderr.endswith("Stopped. The same command resumes from the checkpoint.\n")
    assert {entry.name for entry in (tmp_path / "m").iterdir()} == {"training"}
    result = run(*command)
    assert result.exit_code == 0
    assert "resuming at step " in result.stderr
    one, other = read_tensors(tmp_path / "m"), read_tensors(model)
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=1e-6, msg=name)


def test_a_save_killed_before_its_last_name_is_finished_and_not_trained_again(
    images, tiny_clip_folder, model, tmp_path, run
):
    out = shutil.copytree(model, tmp_path / "m")
    waiting = re.sub("-[0-9a-f]{8}-", "-00000000-", temporary_beside(out / "config.json").name)
    (out / "config.json").rename(out / waiting)  # as of a process that is gone
    tensors = (out / "model.safetensors").stat().st_ino
    result = run("train", images, "--backbone", tiny_clip_folder, "--out", out)
    assert result.exit_code == 0
    assert (out / "model.safetensors").stat().st_ino == tensors
    assert (out / "config.json").read_bytes() == (model / "config.json").read_bytes()


@pytest.mark.parametrize("left", ["", "training", "training/metrics.jsonl"])
def test_a_training_killed_at_its_start_begins_again(
    left, images, tiny_clip_folder, model, tmp_path, run
):
    out = tmp_path / "m"
    (out / left).parent.mkdir(parents=True, exist_ok=True)
    (out / left).touch() if "." in left else (out / left).mkdir(exist_ok=True)
    (out / ".ldpf.lock").touch()
    temporary_beside(out / "model.safetensors").touch()
    result = run("train", images, "--backbone", tiny_clip_folder, "--out", out)
    assert (result.exit_code, "Error" in result.stderr) == (0, False)
    assert (out / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("training/thesis.tex", b"mine"),
        ("thesis.tex", b"mine"),
    ],
)
def test_a_folder_with_other_things_is_refused_all_the_same(
    name, content, images, tiny_clip_folder, tmp_path, run
):
    (tmp_path / "m" / "training").mkdir(parents=True)
    (tmp_path / "m" / name).write_bytes(content)
    result = run("train", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    assert result.exit_code == 2 and "nothing of yours is overwritten" in result.stderr
    assert (tmp_path / "m" / name).read_bytes() == content


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "bit"])
def test_a_damaged_model_is_trained_again_with_one_warning(
    name, damage, images, tiny_clip_folder, model, tmp_path, run
):
    out = shutil.copytree(model, tmp_path / "m")
    good = (out / "model.safetensors").read_bytes()
    content = bytearray((out / name).read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "bit" and name == "config.json":
        content[0] = ord("[")
    (out / name).write_bytes(content[: len(content) // 2] if damage == "cut" else content)
    result = run("train", images, "--backbone", tiny_clip_folder, "--out", out)
    assert result.exit_code == 0
    assert result.stderr.count(" was renamed to ") == 1
    assert (out / "model.safetensors").read_bytes() == good
    assert (out / "config.json.damaged").exists() and (out / "model.safetensors.damaged").exists()


def test_a_damaged_checkpoint_is_set_aside_with_one_warning(
    images, tiny_clip_folder, model, tmp_path, run, monkeypatch
):
    out = tmp_path / "m"
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", out)
    with monkeypatch.context() as patch:
        patch.setattr(model_writing, "RunRecord", stop_at(10))
        run(*command)
    checkpoint = out / "training" / "checkpoint.safetensors"
    content = bytearray(checkpoint.read_bytes())
    content[content.index(b'\\"step\\": ') + 10] ^= 1  # another step
    checkpoint.write_bytes(content)
    result = run(*command)
    assert result.exit_code == 0
    assert "resuming" not in result.stderr and result.stderr.count(" was renamed to ") == 1
    assert (out / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


def test_a_second_training_into_one_folder_is_refused(images, tiny_clip_folder, tmp_path, run):
    with locked_folder(tmp_path / "m"):
        result = run("train", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: Another process is writing to {str(tmp_path / 'm')!r}; wait until it has "
        "finished, or give another place with --out.\n"
    )


def test_other_settings_start_anew(images, tiny_clip_folder, tmp_path, run, monkeypatch):
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    with monkeypatch.context() as patch:
        patch.setattr(model_writing, "RunRecord", stop_at(10))
        run(*command)
    result = run(*command, "--seed", 1)
    assert result.exit_code == 0
    assert "resuming" not in result.stderr
    assert json.loads((tmp_path / "m" / "config.json").read_text())["provenance"]["seed"] == 1


def test_any_setting_can_be_set(flat_images, tiny_clip_folder, tmp_path, run):
    out = tmp_path / "m"
    words = ("train", flat_images, "--backbone", tiny_clip_folder, "--method", "coop")
    assert run(*words, "--set", "length=2", "--out", out).exit_code == 0
    provenance = json.loads((out / "config.json").read_text())["provenance"]
    assert provenance["method_settings"]["length"] == 2
    assert "--set length=2" in provenance["command"]


def test_the_same_command_again_trains_nothing(images, tiny_clip_folder, model, tmp_path, run):
    out = shutil.copytree(model, tmp_path / "copy")
    before = (out / "model.safetensors").stat().st_mtime_ns
    result = run("train", "--data", images, "--backbone", tiny_clip_folder, "--out", out)
    assert result.exit_code == 0
    assert f"this very model was trained before; delete {out} to train it again" in result.stderr
    assert "Accuracy on 12 held-out images: " in result.stdout
    assert (out / "model.safetensors").stat().st_mtime_ns == before


def test_a_model_of_other_settings_is_replaced_only_if_asked(
    images, flat_images, tiny_clip_folder, model, tmp_path, run
):
    out = shutil.copytree(model, tmp_path / "copy")
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", out)
    before = {name: (out / name).read_bytes() for name in ("config.json", "model.safetensors")}
    result = run(*command, "--n-domains", 2)
    assert result.exit_code == 2
    assert (
        f"The folder {str(out)!r} holds a model that was trained with other data or settings "
        "(n_domains was 3, and is 2 now); give another folder with --out, or replace the model "
        "with --overwrite." in result.stderr
    )
    result = run("train", flat_images, "--backbone", tiny_clip_folder, "--out", out)
    assert result.exit_code == 2 and "(the images differ)" in result.stderr
    assert before == {name: (out / name).read_bytes() for name in before}
    result = run(*command, "--n-domains", 2, "--overwrite")
    assert result.exit_code == 0
    assert f"replacing the model in {out}, which has other data or settings" in result.stderr
    assert json.loads((out / "config.json").read_text())["n_domains"] == 2
