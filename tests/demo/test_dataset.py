"""The demo set: complete or absent, the same everywhere, and drawn once."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from ldpf.demo import dataset as demo
from ldpf.demo.drawing import TRAINED_STYLES, UNSEEN_STYLES
from ldpf.errors import DataError

pytestmark = pytest.mark.slow

PER_CLASS = 2  # enough to look at; the real number is checked below


def each(count):
    return dict.fromkeys(demo.DEMO_DOMAINS, count)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(demo, "IMAGES_PER_CLASS", each(PER_CLASS))


def pictures(folder):
    return {p.relative_to(folder).as_posix(): Image.open(p) for p in folder.rglob("*.png")}


def is_complete(folder):
    return len(list(folder.rglob("*.png"))) == 4 * 12 * PER_CLASS


def start_drawing(cache, extra=""):
    """Another process that draws the small demo set into `cache`."""
    code = (
        "import sys; from pathlib import Path; from ldpf.demo import dataset as demo;"
        f"demo.IMAGES_PER_CLASS = {each(PER_CLASS)};{extra}"
        "print(demo.demo_folder(Path(sys.argv[1])))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(cache)], stdout=subprocess.PIPE, text=True
    )


def test_it_has_four_domains_and_twelve_classes():
    assert len(demo.DEMO_DOMAINS) == 4
    assert len(set(demo.DEMO_CLASSES)) == 12


def test_the_interval_of_the_unseen_styles_average_is_below_one_and_a_half_points():
    unseen = [demo.IMAGES_PER_CLASS[style] for style in ("sketch", "night")]
    # the average of two accuracies of n images each, at 50 %, where it is widest
    variance = sum(0.25 / (n * len(demo.DEMO_CLASSES)) for n in unseen) / 4
    assert 1.96 * variance**0.5 < 0.015


def test_domains_may_differ_in_their_number_of_images(monkeypatch, tmp_path):
    counts = {"clipart": 1, "photo": 2, "sketch": 3, "night": 1}
    monkeypatch.setattr(demo, "IMAGES_PER_CLASS", counts)
    folder = demo.demo_folder(tmp_path)
    for domain, count in counts.items():
        assert len(list((folder / domain / "car").iterdir())) == count


def test_every_domain_and_class_has_its_images(few, tmp_path):
    folder = demo.demo_folder(tmp_path)
    assert folder == tmp_path / "demo-v2-seed0"
    found = pictures(folder)
    assert set(found) == {
        f"{domain}/{name}/{i:03d}.png"
        for domain in demo.DEMO_DOMAINS
        for name in demo.DEMO_CLASSES
        for i in range(PER_CLASS)
    }
    assert {(image.mode, image.size) for image in found.values()} == {("RGB", (64, 64))}


def test_folder_names_are_lower_case_with_underscores():
    names = demo.DEMO_CLASSES + demo.DEMO_DOMAINS
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    assert any("_" in name for name in names)


def test_two_domains_are_styles_the_backbone_never_saw():
    unseen = set(demo.DEMO_DOMAINS) - set(TRAINED_STYLES)
    assert unseen == {"sketch", "night"}
    assert unseen <= set(UNSEEN_STYLES)


def test_the_same_seed_gives_the_same_pixels(few, tmp_path):
    first = pictures(demo.demo_folder(tmp_path / "a", seed=3))
    second = pictures(demo.demo_folder(tmp_path / "b", seed=3))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_another_seed_gives_other_pixels(few, tmp_path):
    first = pictures(demo.demo_folder(tmp_path, seed=0))
    second = pictures(demo.demo_folder(tmp_path, seed=1))
    assert all(first[name].tobytes() != second[name].tobytes() for name in first)


def test_an_image_does_not_depend_on_how_many_are_drawn(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "IMAGES_PER_CLASS", each(1))
    one = pictures(demo.demo_folder(tmp_path / "a"))
    monkeypatch.setattr(demo, "IMAGES_PER_CLASS", each(2))
    two = pictures(demo.demo_folder(tmp_path / "b"))
    assert all(two[name].tobytes() == one[name].tobytes() for name in one)


def test_domains_look_different(few, tmp_path):
    folder = demo.demo_folder(tmp_path)
    means = {}
    for domain in demo.DEMO_DOMAINS:
        shots = [np.asarray(Image.open(p), float) for p in (folder / domain).rglob("*.png")]
        means[domain] = np.mean(shots, axis=(0, 1, 2))
    red, green, blue = means["night"]
    assert green > 2 * max(red, blue)
    assert means["sketch"].min() > 200
    assert np.abs(means["photo"] - means["sketch"]).max() > 40


def test_it_is_drawn_only_once(few, tmp_path, monkeypatch):
    folder = demo.demo_folder(tmp_path)

    def refuse(*_args, **_kwargs):
        raise AssertionError("drew again")

    monkeypatch.setattr(demo, "draw_picture", refuse)
    assert demo.demo_folder(tmp_path) == folder


def test_the_cache_root_is_the_default(few, tmp_path, monkeypatch):
    monkeypatch.setenv("LDPF_CACHE", str(tmp_path / "elsewhere"))
    assert demo.demo_folder() == tmp_path / "elsewhere" / "demo-v2-seed0"


def test_an_interrupted_drawing_leaves_nothing_behind(few, tmp_path, monkeypatch):
    real, count = demo.draw_picture, iter(range(1000))

    def interrupted(*args, **kwargs):
        if next(count) == 10:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(demo, "draw_picture", interrupted)
    with pytest.raises(KeyboardInterrupt):
        demo.demo_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that cannot be caught")
def test_a_killed_drawing_is_absent_and_the_next_one_complete(few, tmp_path):
    dies = (
        "import os, signal; real = demo.draw_picture; left = iter(range(10, -1, -1));"
        "demo.draw_picture = lambda *a, **k: real(*a, **k) if next(left) else "
        "os.kill(os.getpid(), signal.SIGKILL);"
    )
    process = start_drawing(tmp_path, dies)
    assert process.wait(60) == -signal.SIGKILL
    leftovers = list(tmp_path.iterdir())
    assert len(leftovers) == 1  # the killed process's temporary folder
    assert not (tmp_path / "demo-v2-seed0").exists()
    assert is_complete(demo.demo_folder(tmp_path))


def test_an_old_leftover_of_a_killed_drawing_is_cleared(few, tmp_path):
    old, recent = tmp_path / ".demo-v2-seed0-a.tmp", tmp_path / ".demo-v2-seed0-b.tmp"
    for folder in (old, recent):
        (folder / "clipart").mkdir(parents=True)
    day_before = time.time() - 86_400
    os.utime(old, (day_before, day_before))
    demo.demo_folder(tmp_path)
    assert not old.exists()
    assert recent.exists()  # perhaps another process is drawing into it


def test_two_processes_at_once_end_with_one_complete_folder(tmp_path):
    both = [start_drawing(tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].strip() for process in both]
    assert said == [str(tmp_path / "demo-v2-seed0")] * 2
    assert [p.name for p in tmp_path.iterdir()] == ["demo-v2-seed0"]
    assert is_complete(tmp_path / "demo-v2-seed0")


def test_losing_the_race_returns_the_winners_folder(few, tmp_path, monkeypatch):
    real = demo._draw_all
    winner = tmp_path / "demo-v2-seed0"

    def slower(root, seed):
        real(root, seed)
        (winner / "clipart").mkdir(parents=True)  # meanwhile another process has finished

    monkeypatch.setattr(demo, "_draw_all", slower)
    assert demo.demo_folder(tmp_path) == winner
    assert [p.name for p in tmp_path.iterdir()] == ["demo-v2-seed0"]


def test_a_negative_seed_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"The demo set needs a seed >= 0, got -1\."):
        demo.demo_folder(tmp_path, seed=-1)


def test_a_cache_that_is_a_file_is_refused_with_advice(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(DataError) as error:
        demo.demo_folder(blocked)
    assert f"The demo set cannot be drawn into {blocked} (" in str(error.value)
    assert "set LDPF_CACHE to a folder that can be written." in str(error.value)
