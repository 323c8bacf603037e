from __future__ import annotations

import errno
import json
import sys
import time
from pathlib import Path

import pytest

from ldpf.domains import DiscoverySettings
from ldpf.domains.disentangle.adversarial import Adversarial
from ldpf.errors import SettingsError
from ldpf.methods import LDPF
from ldpf.training.callbacks import ProgressLog, RunRecord, Tracker, track_log

tensorboard = pytest.importorskip("tensorboard", reason="needs tensorboard, which is an extra")


class Collected:
    """A callback that keeps what it gets."""

    def __init__(self):
        self.lines = []

    def begin(self, history=()):
        self.lines = list(history)

    def add(self, line):
        self.lines.append(dict(line))


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    return events.Reload()


def curve(folder, tag):
    return [(event.step, event.value) for event in read(folder).Scalars(tag)]


@pytest.fixture
def method(quick_recipe):
    return LDPF(
        discovery=DiscoverySettings(n_domains=2, rounds=5, disentangle=Adversarial()),
        agnostic_length=1,
        specific_length=2,
        turn=5,
        recipe=quick_recipe,
    )


@pytest.fixture
def trained(method, make_features, tiny_clip, tmp_path):
    tracker = Tracker(tmp_path / "events")
    record = RunRecord(tmp_path, callbacks=(tracker,))
    classifier = method.fit(make_features(6), make_features(3, seed=1), tiny_clip, record=record)
    tracker.add_prompts(tiny_clip.text, classifier.contexts)
    tracker.close()
    return record, classifier


def test_curves_are_what_the_record_logged(trained, tmp_path):
    record, _ = trained
    judged = [line for line in record.history if "loss" in line]
    expected = [(line["step"], pytest.approx(line["validation_accuracy"])) for line in judged]
    assert curve(tmp_path / "events", "accuracy/validation") == expected
    for stage in ("agnostic", "specific"):
        losses = [(x["step"], pytest.approx(x["loss"])) for x in judged if x["stage"] == stage]
        assert losses and curve(tmp_path / "events", f"loss/{stage}") == losses
    assert len(curve(tmp_path / "events", "learning rate")) == len(judged)


def test_latent_domains_have_their_curves(trained, tmp_path):
    record, _ = trained
    measured = [(x["step"], x["domains"]) for x in record.history if "domains" in x]
    assert measured
    for name, tag in {
        "adversary_accuracy": "class from domain features/auxiliary classifier",
        "class_nmi": "latent domains/NMI with classes",
        "domain_nmi": "latent domains/NMI with known domains",
    }.items():
        expected = [(step, pytest.approx(one[name])) for step, one in measured]
        assert curve(tmp_path / "events", tag) == expected
    sizes = [curve(tmp_path / "events", f"images in latent domain/{s}")[-1][1] for s in (0, 1)]
    assert sizes == measured[-1][1]["sizes"] and sum(sizes) == 54


def test_the_prompts_can_be_read(trained, tmp_path):
    [event] = read(tmp_path / "events").Tensors("prompts/nearest words/text_summary")
    lines = event.tensor_proto.string_val[0].decode().splitlines()
    assert lines[0] == "| prompt | token | nearest word | distance |"
    assert len(lines) == 2 + 2 * 3


def test_what_is_unknown_has_no_curve(tmp_path):
    tracker = Tracker(tmp_path)
    tracker.add({"step": 3, "domains": {"domain_nmi": None, "class_nmi": 0.5}})
    tracker.close()
    assert read(tmp_path).Tags()["scalars"] == ["latent domains/NMI with classes"]


@pytest.mark.slow
def test_an_interrupted_training_leaves_one_curve(
    method, make_features, tiny_clip, trained, tmp_path
):
    whole, _ = trained

    class Killed(RunRecord):
        def add(self, **line):
            if line["step"] > 20:
                raise KeyboardInterrupt
            super().add(**line)

    data = make_features(6), make_features(3, seed=1), tiny_clip
    folder = tmp_path / "again"
    folder.mkdir()
    tracker = Tracker(folder / "events")
    record = Killed(folder, checkpoint_every_s=0, callbacks=(tracker,))
    with pytest.raises(KeyboardInterrupt):
        method.fit(*data, record=record)
    tracker.close()
    # TensorBoard orders the files of a folder by name, which holds the second they were made in;
    # real processes that resume each other are further apart.
    time.sleep(1.1)
    # Curves reach further than the checkpoint, as they do when a process is killed in between.
    late = Tracker(folder / "events")
    late.begin([{"step": 20}])
    late.add({"step": 24, "validation_accuracy": 0.123})
    late.close()
    time.sleep(1.1)
    tracker = Tracker(folder / "events")
    record = RunRecord(folder, callbacks=(tracker,))
    method.fit(*data, record=record)
    tracker.close()
    tag = "accuracy/validation"
    assert curve(folder / "events", tag) == curve(tmp_path / "events", tag)
    assert record.history == whole.history


def test_a_training_that_is_over_is_tracked_from_its_log(trained, tmp_path):
    tracker = Tracker(tmp_path / "later")
    track_log(tmp_path / "metrics.jsonl", tracker)
    tracker.add_target_accuracy(0.5)
    tracker.close()
    tag = "loss/specific"
    assert curve(tmp_path / "later", tag) == curve(tmp_path / "events", tag)
    last = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])["step"]
    assert curve(tmp_path / "later", "accuracy/target") == [(last, 0.5)]


@pytest.mark.slow
def test_tracking_changes_nothing(trained, method, make_features, tiny_clip):
    plain = method.fit(make_features(6), make_features(3, seed=1), tiny_clip)
    assert plain.contexts.equal(trained[1].contexts)


def test_without_tensorboard_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(SettingsError) as caught:
        Tracker(tmp_path)
    assert str(caught.value) == (
        "Tracking needs tensorboard; install it with: pip install 'ldpf[track]'"
    )


def test_a_file_is_no_folder_for_curves(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(SettingsError, match="is a file; give a folder with track"):
        Tracker(tmp_path / "x")


def test_every_callback_gets_the_lines_of_the_log(tmp_path):
    first, second = Collected(), Collected()
    record = RunRecord(tmp_path, callbacks=(first, second))
    record.rewrite()
    record.add(step=0, loss=1.0)
    record.add(step=1, loss=0.5)
    written = [json.loads(x) for x in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert first.lines == second.lines == written == record.history


def test_callbacks_of_a_resumed_training_begin_with_its_history(tmp_path):
    seen = Collected()
    seen.add({"step": 7})
    record = RunRecord(tmp_path, history=[{"step": 0}], callbacks=(seen,))
    record.rewrite()
    record.add(step=1)
    assert seen.lines == [{"step": 0}, {"step": 1}]


def test_progress_is_logged_with_the_best_accuracy_so_far(caplog):
    caplog.set_level("INFO", logger="ldpf")
    progress = ProgressLog(every_s=0)
    progress.begin([{"step": 0, "validation_accuracy": 0.75}])
    progress.add({"step": 1, "rate": 0.1})
    assert not caplog.messages
    progress.add({"step": 2, "validation_accuracy": 0.5})
    assert caplog.messages == ["step 2: validation accuracy 50.0%, best so far 75.0%"]


def test_progress_is_said_where_somebody_listens(caplog):
    caplog.set_level("INFO", logger="ldpf")
    said = []
    ProgressLog(every_s=0, say=said.append).add({"step": 2, "validation_accuracy": 0.5})
    assert said == ["step 2: validation accuracy 50.0%, best so far 50.0%"]
    assert not caplog.messages


def test_progress_is_not_logged_more_often_than_asked(caplog):
    caplog.set_level("INFO", logger="ldpf")
    progress = ProgressLog(every_s=1000)
    progress.add({"step": 2, "validation_accuracy": 0.5})
    assert not caplog.messages


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_curves_that_cannot_be_written_are_an_error_with_the_folder(tmp_path, monkeypatch):

    def full(self, *_):
        raise OSError(errno.ENOSPC, "No space left on device")

    tracker = Tracker(tmp_path / "curves")
    tracker.begin()
    monkeypatch.setattr(type(tracker.writer), "add_scalar", full)
    with pytest.raises(OSError) as caught:
        tracker.add({"step": 0, "validation_accuracy": 0.5})
    assert caught.value.filename == str(tmp_path / "curves")
