from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ldpf.data import BadImage, load_dataset
from ldpf.data.dataset import require_trainable
from ldpf.errors import BackboneError, DataError
from ldpf.features import cache as feature_cache
from ldpf.features.extract import encode_dataset, extract_features


@pytest.fixture
def extract(tmp_path):
    """`extract_features` with a cache of the test's own, in silence."""

    def call(source, backbone, **options):
        dataset = load_dataset(source) if isinstance(source, Path) else source
        options = {"cache_dir": tmp_path / "cache", "batch_size": 8, "progress": False} | options
        return extract_features(dataset, backbone, **options)

    return call


def shards(folder):
    return sorted(folder.glob("cache/features/*/*/shard-*.safetensors"))


# What comes out


def test_every_image_gets_its_feature_label_and_domain(extract, image_tree, tiny_backbone):
    root = image_tree({"art/cat": 3, "photo/cat": 2, "photo/hot_dog": 4})
    found = extract(root, tiny_backbone)
    dataset = load_dataset(root)
    assert len(found) == 9 and found.features.shape == (9, 16)
    assert found.features.dtype == torch.float32
    assert torch.allclose(found.features.norm(dim=1), torch.ones(9))
    assert found.labels.tolist() == dataset.labels.tolist() == [0] * 5 + [1] * 4
    assert found.domains.tolist() == dataset.domains.tolist()
    assert found.labels.dtype == found.domains.dtype == torch.int64
    assert found.class_names == ("cat", "hot dog") and found.domain_names == ("art", "photo")
    assert found.paths == dataset.paths and found.skipped == () and found.splits is None


def test_unknown_domains_stay_unknown_and_splits_come_along(extract, image_tree, tiny_backbone):
    root = image_tree({"dog": 2})
    (root / "s.csv").write_text("path,label,split\ndog/001.png,a,val\ndog/000.png,b,train\n")
    found = extract(root / "s.csv", tiny_backbone)
    assert found.domains is None and found.domain_names == ()
    assert found.splits.tolist() == ["val", "train"] and found.paths[0] == "dog/001.png"


def test_an_empty_dataset_is_refused(extract, image_tree, tiny_backbone):
    dataset = load_dataset(image_tree({"dog": 2})).subset([])
    with pytest.raises(DataError, match="the dataset 'data' has no images; there is nothing to"):
        extract(dataset, tiny_backbone)


def test_one_class_can_be_encoded_but_not_trained_on(extract, image_tree, tiny_backbone):
    with pytest.raises(DataError, match="at least two classes, and these 2 images have only 'dog'"):
        require_trainable(extract(image_tree({"dog": 2}), tiny_backbone))


# Encoded once


def test_a_second_call_touches_no_image(extract, image_tree, tiny_backbone):
    root = image_tree({"cat": 5, "dog": 6})
    first = extract(root, tiny_backbone)
    assert tiny_backbone.preprocessed == 11
    second = extract(root, tiny_backbone)
    assert tiny_backbone.preprocessed == 11 and second.digest() == first.digest()


def test_it_says_how_many_images_were_encoded_now(image_tree, tiny_backbone, tmp_path, write_image):
    root = image_tree({"cat": 5, "dog": 6})
    options = {"cache_dir": tmp_path / "cache", "progress": False}
    first = encode_dataset(load_dataset(root), tiny_backbone, **options)
    assert (first.encoded, first.cached) == (11, 0) and first.seconds > 0
    write_image(root / "dog/new.png", seed=101)
    second = encode_dataset(load_dataset(root), tiny_backbone, **options)
    assert (second.encoded, second.cached, len(second.features)) == (1, 11, 12)


def test_a_bad_image_does_not_count_as_encoded(image_tree, tiny_backbone, tmp_path):
    root = image_tree({"cat": 3, "dog": 3})
    (root / "cat/bad.png").write_bytes(b"no image")
    found = encode_dataset(
        load_dataset(root), tiny_backbone, cache_dir=tmp_path, skip_bad=True, progress=False
    )
    assert (found.encoded, found.cached, len(found.features.skipped)) == (6, 0, 1)


def test_only_changed_and_added_images_are_encoded(extract, image_tree, tiny_backbone, write_image):
    root = image_tree({"cat": 5, "dog": 6})
    before = extract(root, tiny_backbone)
    write_image(root / "cat/001.png", seed=100)  # changed
    write_image(root / "dog/new.png", seed=101)  # added
    (root / "dog/000.png").unlink()  # removed
    after = extract(root, tiny_backbone)
    assert tiny_backbone.preprocessed == 11 + 2
    old, new = (dict(zip(s.paths, s.features, strict=True)) for s in (before, after))
    assert set(new) == set(old) - {"dog/000.png"} | {"dog/new.png"}
    changed = [path for path in new if path in old and not torch.equal(new[path], old[path])]
    assert changed == ["cat/001.png"]


def test_a_subset_uses_and_feeds_the_same_cache(extract, image_tree, tiny_backbone):
    dataset = load_dataset(image_tree({"cat": 5, "dog": 6}))
    extract(dataset.subset([1, 7]), tiny_backbone)
    extract(dataset, tiny_backbone)
    assert tiny_backbone.preprocessed == 11


def test_another_backbone_encodes_anew(extract, image_tree, tiny_backbone):
    root = image_tree({"dog": 3})
    first = extract(root, tiny_backbone)
    other = type(tiny_backbone)(seed=1)
    assert extract(root, other).digest() != first.digest() and other.preprocessed == 3


def test_the_default_cache_is_the_librarys(image_tree, tiny_backbone, tmp_path, monkeypatch):
    monkeypatch.setenv("LDPF_CACHE", str(tmp_path / "cache"))
    extract_features(load_dataset(image_tree({"dog": 3})), tiny_backbone, progress=False)
    assert len(shards(tmp_path)) == 1


def same_size_and_time(file, write_image):
    """Change a file's content so that neither its size nor its time tells."""
    before = file.stat()
    for seed in range(50, 60):
        write_image(file, seed=seed)
        if file.stat().st_size == before.st_size:
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
            return
    raise AssertionError("no image of the same size")


def test_verify_finds_a_change_that_size_and_time_do_not_show(
    extract, image_tree, tiny_backbone, write_image
):
    root = image_tree({"dog": 3}, ending=".bmp")
    before = extract(root, tiny_backbone)
    same_size_and_time(root / "dog/001.bmp", write_image)
    assert extract(root, tiny_backbone).digest() == before.digest()  # what verify is for
    after = extract(root, tiny_backbone, verify=True)
    assert tiny_backbone.preprocessed == 3 + 1
    same = [torch.equal(a, b) for a, b in zip(before.features, after.features, strict=True)]
    assert same == [True, False, True]


def test_verify_of_unchanged_files_encodes_nothing(extract, image_tree, tiny_backbone):
    root = image_tree({"dog": 3})
    extract(root, tiny_backbone)
    extract(root, tiny_backbone, verify=True)
    assert tiny_backbone.preprocessed == 3


# The same bits whatever happened before


def test_half_first_and_then_all_gives_the_same_bits(extract, image_tree, tiny_backbone, tmp_path):
    dataset = load_dataset(image_tree({"cat": 13, "dog": 8}))
    at_once = extract(dataset, tiny_backbone, cache_dir=tmp_path / "other")
    extract(dataset.subset(range(0, 21, 2)), tiny_backbone)
    extract(dataset.subset([5]), tiny_backbone)
    in_parts = extract(dataset, tiny_backbone)
    assert torch.equal(in_parts.features, at_once.features)
    assert in_parts.digest() == at_once.digest()


def test_damage_and_rubbish_in_the_cache_cost_only_time(
    extract, image_tree, tiny_backbone, tmp_path
):
    root = image_tree({"cat": 5, "dog": 6})
    first = extract(root, tiny_backbone)
    (shard,) = shards(tmp_path)
    (shard.parent / ".rubbish.tmp").write_bytes(os.urandom(100))
    (shard.parent / "shard-rubbish.safetensors").write_bytes(os.urandom(100))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="removed the damaged feature file"):
        second = extract(root, tiny_backbone)
    assert second.digest() == first.digest() and tiny_backbone.preprocessed == 22


# Processes that are killed, and processes side by side

SCRIPT = """
import importlib.util, sys, time
from pathlib import Path
spec = importlib.util.spec_from_file_location("tiny", sys.argv[1])
tiny = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny)
from ldpf.features import cache as feature_cache
from ldpf.data import load_dataset
from ldpf.features.extract import encode_dataset, extract_features
feature_cache.FLUSH_IMAGES = 8
backbone = tiny.TinyBackbone()
print("ready", flush=True)
input()
encode = backbone.encode_images
def slow(pixels):
    time.sleep(float(sys.argv[4]))
    return encode(pixels)
backbone.encode_images = slow
found = extract_features(load_dataset(sys.argv[2]), backbone, cache_dir=Path(sys.argv[3]),
                         batch_size=8, progress=False)
print(found.digest(), backbone.preprocessed)
"""


def start(root, cache, seconds_per_batch):
    conftest = Path(__file__).parents[1] / "conftest.py"
    arguments = [conftest, root, cache, seconds_per_batch]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def go(*processes):
    """Let processes begin together, whatever the time their imports took."""
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()


@pytest.mark.slow
def test_a_killed_process_is_continued_and_ends_with_the_same_bits(
    extract, image_tree, tiny_backbone, tmp_path
):
    root = image_tree({"cat": 60, "dog": 60})
    process = start(root, tmp_path / "cache", 0.1)
    go(process)
    deadline = time.monotonic() + 600
    while len(shards(tmp_path)) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = 8 * len(shards(tmp_path))
    assert 24 <= done < 120
    continued = extract(root, tiny_backbone)
    assert tiny_backbone.preprocessed == 120 - done  # nothing that was written is lost
    whole = extract(root, tiny_backbone, cache_dir=tmp_path / "other")
    assert continued.digest() == whole.digest()


@pytest.mark.slow
def test_two_processes_at_once_agree_and_leave_a_whole_cache(
    extract, image_tree, tiny_backbone, tmp_path
):
    root = image_tree({"cat": 40, "dog": 40})
    both = [start(root, tmp_path / "cache", 0.03) for _ in range(2)]
    go(*both)
    digests = {process.communicate(timeout=100)[0].split()[0] for process in both}
    assert [process.returncode for process in both] == [0, 0] and len(digests) == 1
    assert extract(root, tiny_backbone).digest() in digests
    assert tiny_backbone.preprocessed == 0
    assert not list(tmp_path.glob("cache/features/*/*/.*.tmp"))


def test_an_interrupt_keeps_what_is_encoded(extract, image_tree, tiny_backbone):
    root = image_tree({"cat": 20, "dog": 20})
    encode = tiny_backbone.encode_images

    def interrupted(pixels):
        if len(tiny_backbone.batches) == 2:
            raise KeyboardInterrupt
        return encode(pixels)

    tiny_backbone.encode_images = interrupted
    with pytest.raises(KeyboardInterrupt):
        extract(root, tiny_backbone)
    again = type(tiny_backbone)()
    extract(root, again)
    assert again.preprocessed == 40 - 16


# Bad files


def break_three(root):
    (root / "cat/001.png").write_bytes(b"")
    (root / "dog/000.png").write_bytes((root / "dog/000.png").read_bytes()[:-50])
    (root / "dog/002.png").unlink()
    return {"cat/001.png": "an empty", "dog/000.png": "damaged", "dog/002.png": "the file does"}


def test_one_message_at_the_end_lists_all_bad_files(extract, image_tree, tiny_backbone):
    root = image_tree({"cat": 3, "dog": 3})
    dataset = load_dataset(root)
    reasons = break_three(root)
    with pytest.raises(DataError) as error:
        extract(dataset, tiny_backbone)
    lines = str(error.value).splitlines()
    assert lines[0] == f"3 of 6 images in {root} cannot be used:"
    for line, (path, reason) in zip(lines[1:4], reasons.items(), strict=True):
        assert line.startswith(f"  {path}: {reason}")
    assert lines[4].endswith("leave them out with skip_bad=True.")
    assert lines[5] == "The other 3 images stay encoded: the next call is quick."
    assert tiny_backbone.preprocessed == 3


def test_after_the_repair_only_what_was_bad_is_encoded(
    extract, image_tree, tiny_backbone, write_image
):
    root = image_tree({"cat": 3, "dog": 3})
    dataset = load_dataset(root)
    for seed, path in enumerate(break_three(root), start=50):
        with pytest.raises(DataError, match="cannot be used"):
            extract(dataset, tiny_backbone)
        write_image(root / path, seed=seed)
    assert len(extract(dataset, tiny_backbone)) == 6 and tiny_backbone.preprocessed == 6


def test_what_the_header_shows_is_said_before_anything_is_encoded(
    extract, image_tree, tiny_backbone, caplog
):
    root = image_tree({"cat": 3, "dog": 3})
    dataset = load_dataset(root)
    break_three(root)
    (root / "dog/001.png").write_bytes(b"<html>not found</html>")

    def stop(pixels):
        raise KeyboardInterrupt

    tiny_backbone.encode_images = stop
    with pytest.raises(KeyboardInterrupt):
        extract(dataset, tiny_backbone)
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith("3 of 6 images cannot be used: cat/001.png (an empty file (0 bytes)), ")
    assert "dog/002.png (the file does not exist)" in said and "a web page" in said
    assert "dog/000.png" not in said  # cut off: only decoding shows it


def test_where_all_are_bad_by_their_header_nothing_is_announced(
    extract, image_tree, tiny_backbone, caplog
):
    root = image_tree({"cat": 1, "dog": 1})
    for file in root.rglob("*.png"):
        file.write_bytes(b"no image")
    with pytest.raises(DataError, match="2 of 2 images") as error:
        extract(root, tiny_backbone)
    assert "stay encoded" not in str(error.value) and not caplog.records


@pytest.mark.parametrize("skip_bad", [False, True])
def test_each_image_is_decoded_once(extract, image_tree, tiny_backbone, decodes, skip_bad):
    root = image_tree({"cat": 5, "dog": 6})
    extract(root, tiny_backbone, skip_bad=skip_bad)
    assert decodes.total == 11


def test_skip_bad_goes_on_and_records_them(extract, image_tree, tiny_backbone):
    root = image_tree({"art/cat": 3, "art/dog": 3})
    whole = extract(root, tiny_backbone)
    dataset = load_dataset(root)
    for name in ("cat", "dog"):
        (root / f"art/{name}/001.png").write_bytes(b"")
    found = extract(dataset, tiny_backbone, skip_bad=True)
    assert [bad.path for bad in found.skipped] == ["art/cat/001.png", "art/dog/001.png"]
    assert found.skipped[0].reason == "an empty file (0 bytes)"
    rows = [0, 2, 3, 5]
    assert found.paths == tuple(dataset.paths[i] for i in rows)
    assert torch.equal(found.features, whole.features[rows])
    assert torch.equal(found.labels, whole.labels[rows]) and len(found.domains) == 4


def test_nothing_but_bad_files_is_an_error_even_with_skip_bad(extract, image_tree, tiny_backbone):
    root = image_tree({"dog": 1})
    (root / "dog/000.png").write_bytes(b"")
    with pytest.raises(DataError, match="no image is left: 1 of 1 images"):
        extract(root, tiny_backbone, skip_bad=True)


class Vanishing:
    """Deletes a file after its header was read, when the first image is preprocessed."""

    def __init__(self, backbone, file):
        self.file = file
        self.preprocess = backbone.preprocess
        backbone.preprocess = self

    def __call__(self, images):
        self.file.unlink(missing_ok=True)
        return self.preprocess(images)


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_file_that_vanishes_meanwhile_is_reported_and_nothing_is_lost(
    extract, image_tree, tiny_backbone, skip_bad
):
    root = image_tree({"dog": 40})
    vanishing = root / "dog/039.png"
    Vanishing(tiny_backbone, vanishing)
    if skip_bad:
        found = extract(root, tiny_backbone, workers=1, skip_bad=True)
        assert len(found) == 39
        assert found.skipped == (BadImage("dog/039.png", "the file does not exist"),)
    else:
        with pytest.raises(DataError, match=r"1 of 40 images .*\n  dog/039.png: the file does not"):
            extract(root, tiny_backbone, workers=1)
    again = type(tiny_backbone)()
    assert len(extract(root, again)) == 39 and again.preprocessed == 0


def test_a_feature_that_is_not_finite_names_the_file_and_keeps_the_others(
    extract, image_tree, tiny_backbone
):
    root = image_tree({"dog": 24})
    encode = tiny_backbone.encode_images

    def overflow(pixels):
        features = encode(pixels)
        if len(tiny_backbone.batches) == 3:
            features[2] = torch.inf
        return features

    tiny_backbone.encode_images = overflow
    with pytest.raises(BackboneError) as error:
        extract(root, tiny_backbone)
    assert f"gives a feature that is not finite for {root}/dog/018.png" in str(error.value)
    again = type(tiny_backbone)()
    extract(root, again)
    assert again.preprocessed == 24 - 18


def test_a_cache_that_cannot_be_written_stops_before_encoding(
    extract, image_tree, tiny_backbone, tmp_path
):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cannot write features to the cache folder"):
        extract(image_tree({"dog": 2}), tiny_backbone, cache_dir=tmp_path / "file")
    assert not tiny_backbone.batches


def test_a_complete_cache_need_not_be_writable(extract, image_tree, tiny_backbone, monkeypatch):
    root = image_tree({"dog": 2})
    extract(root, tiny_backbone)

    def refuse(self):
        raise AssertionError("wanted to write")

    monkeypatch.setattr(feature_cache.FeatureCache, "require_writable", refuse)
    assert len(extract(root, tiny_backbone)) == 2


def test_progress_is_shown_on_stderr(extract, image_tree, tiny_backbone, capsys, monkeypatch):
    monkeypatch.setattr("ldpf.utils.progress.LINE_EVERY_SECONDS", 0.0)
    root = image_tree({"dog": 10})
    extract(root, tiny_backbone, progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "reading headers: 10 of 10" in err and "encoding images: 10 of 10" in err


def test_the_tests_script_finds_the_tiny_backbone():
    """The subprocesses above load conftest.py by path; this fails first if that breaks."""
    path = Path(__file__).parents[1] / "conftest.py"
    spec = importlib.util.spec_from_file_location("tiny", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TinyBackbone().embed_dim == 16
