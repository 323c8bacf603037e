"""A device that is not known to be right is compared with the CPU before it is used."""

from __future__ import annotations

import logging

import pytest
import torch

from ldpf.backbones import devices as placing
from ldpf.backbones import load_backbone
from ldpf.backbones.devices import PROBE_TEXTS, largest_difference, probe, probe_images
from ldpf.experiments import pool


@pytest.mark.parametrize("stand_in", ["mps"], indirect=True)
def test_mps_is_used_where_it_agrees_with_the_cpu(stand_in, tiny_clip_folder, caplog):
    with caplog.at_level(logging.INFO, logger="ldpf"):
        backbone = load_backbone(tiny_clip_folder, "mps")
    assert backbone.device == stand_in.name
    assert "device: mps (eight images and eight texts agree with the CPU)" in caplog.text


@pytest.mark.parametrize("stand_in", ["mps"], indirect=True)
def test_the_cpu_is_used_where_mps_is_wrong(stand_in, tiny_clip_folder, tiny_clip, caplog):
    stand_in.factor = 1.1
    backbone = load_backbone(tiny_clip_folder, "mps")
    assert backbone.device == torch.device("cpu")
    assert "device: cpu instead of mps" in caplog.text and "differ by" in caplog.text
    for one, other in zip(probe(backbone), probe(tiny_clip), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("stand_in", ["mps"], indirect=True)
def test_the_cpu_is_used_where_an_operation_is_missing(stand_in, tiny_clip_folder, caplog):
    stand_in.missing = torch.ops.aten.addmm
    assert load_backbone(tiny_clip_folder, "mps").device == torch.device("cpu")
    assert "device: cpu instead of mps" in caplog.text and "addmm" in caplog.text


@pytest.mark.parametrize("stand_in", ["mps"], indirect=True)
def test_workers_of_a_benchmark_look_too(stand_in, tiny_clip_folder, tiny_clip):
    stand_in.factor = 1.1
    backbone = pool.backbone_of_worker(str(tiny_clip_folder), "mps", tiny_clip.fingerprint)
    assert backbone.device == torch.device("cpu")


@pytest.mark.parametrize("stand_in", ["cuda"], indirect=True)
def test_cuda_needs_no_comparison(stand_in, tiny_clip_folder, monkeypatch):
    monkeypatch.setattr(placing, "probe", lambda _: pytest.fail("compared"))
    assert load_backbone(tiny_clip_folder, "cuda").device == stand_in.name


def test_the_images_are_eight_and_differ():
    images = probe_images()
    assert len(images) == 8 and len({image.tobytes() for image in images}) == 8
    assert all(min(image.size) >= 200 and image.mode == "RGB" for image in images)


def test_the_texts_are_eight_and_differ():
    assert len(set(PROBE_TEXTS)) == 8


def test_what_is_not_a_number_differs_without_bound():
    nothing = (torch.tensor([float("nan"), 0.0]),)
    assert largest_difference(nothing, (torch.zeros(2),)) == float("inf")
