"""`--track`: curves for TensorBoard."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorboard", reason="needs tensorboard, which is an extra")


def tags(folder: Path) -> dict[str, list[str]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder)).Reload().Tags()


def test_training_is_tracked_also_when_it_was_done_before(images, tiny_clip_folder, tmp_path, run):
    command = ("train", "--data", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "m")
    for folder in (tmp_path / "curves", tmp_path / "again"):
        result = run(*command, "--track", folder)
        assert result.exit_code == 0, result.stderr
    first, again = tags(tmp_path / "curves"), tags(tmp_path / "again")
    assert first == again
    wanted = {"loss/specific", "accuracy/validation", "images in latent domain/2"}
    assert wanted <= set(first["scalars"])
    assert first["tensors"] == ["prompts/nearest words/text_summary"]
    assert "this very model was trained before" in result.stderr


def test_every_run_of_a_benchmark_has_its_curves(images, tiny_clip_folder, tmp_path, run):
    command = (
        *("benchmark", "--data", images, "--backbone", tiny_clip_folder, "--seeds", 1),
        *("--methods", "zero-shot,coop", "--targets", "art", "--out", tmp_path / "results"),
        *("--track", tmp_path / "curves"),
    )
    for _ in range(2):
        result = run(*command)
        assert result.exit_code == 0, result.stderr
        [coop] = (tmp_path / "curves" / "coop").iterdir()
        [zero_shot] = (tmp_path / "curves" / "zero-shot").iterdir()
        assert coop.name.startswith("art-seed-0-")
        assert len(list(coop.iterdir())) == 1
        assert {"accuracy/target", "accuracy/validation"} <= set(tags(coop)["scalars"])
        assert tags(zero_shot)["scalars"] == ["accuracy/target"]


@pytest.mark.parametrize("command", ["train", "benchmark"])
def test_without_tensorboard_nothing_is_begun(command, images, tmp_path, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    out = tmp_path / "out"
    result = run(command, "--data", images, "--out", out, "--track", tmp_path / "curves")
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: Tracking needs tensorboard; install it with: pip install 'ldpf[track]'\n"
    )
    assert not out.exists()
