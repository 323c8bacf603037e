"""`predict` from Python."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator

import pytest

from ldpf import workflows
from ldpf.backbones import Backbone
from ldpf.errors import DataError, SettingsError


def test_rows_come_in_order_and_are_counted(model, images):
    predictions = workflows.predict(model, [images / "art", images / "photo/cat/2.png"], top_k=2)
    rows = list(predictions)
    assert len(rows) == predictions.tally.images == 19
    assert rows[-1].path == str(images / "photo/cat/2.png")
    for row in rows:
        assert [len(row.top), len(row.weights)] == [2, predictions.n_domains]
        assert {name for name, _ in row.top} <= set(predictions.class_names)


def test_nothing_is_read_before_it_is_asked_for(model, images):
    predictions = workflows.predict(model, images, batch_size=4)
    assert predictions.tally.images == 0
    next(iter(predictions))
    assert predictions.tally.images == 1


def test_a_file_that_cannot_be_read_is_a_row(model, images, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    predictions = workflows.predict(model, [images / "art", tmp_path])
    errors = [row.error for row in predictions if row.error is not None]
    assert len(errors) == predictions.tally.unreadable == 1


def test_rows_are_written_to_a_stream_or_a_file(model, images, tmp_path):
    stream = io.StringIO()
    tally = workflows.predict(model, images / "art").write(stream)
    assert tally.images == 18
    assert len(list(csv.DictReader(io.StringIO(stream.getvalue())))) == 18
    workflows.predict(model, images / "art").write(tmp_path / "answers.csv")
    assert (tmp_path / "answers.csv").read_text() == stream.getvalue()


@pytest.mark.usefixtures("no_plugins")
def test_pictures_that_are_not_read_are_said_once_after_the_last_folder(
    model, images, tmp_path, caplog
):
    images = shutil.copytree(images, tmp_path / "images")
    for place in ("art/cat/1.heic", "photo/dog/2.HEIC", "photo/#recycle"):
        (images / place).write_bytes(b"x") if "." in place else (images / place).mkdir()
    with caplog.at_level("INFO", logger="ldpf"):
        rows = list(workflows.predict(model, [images / "art", images / "photo"]))
    (line,) = [r.getMessage() for r in caplog.records if "left out" in r.msg]
    assert ".heic 2" in line and "#recycle 1" in line
    assert not [row for row in rows if "heic" in row.path.lower()]


@pytest.mark.usefixtures("no_plugins")
def test_a_folder_of_pictures_that_are_not_read_says_so(model, tmp_path):
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone/1.HEIC").write_bytes(b"x")
    with pytest.raises(
        DataError,
        match=r"no images in .*phone; .* Left out: .*\.heic 1; .*\[heif\]' reads HEIC",
    ):
        workflows.predict(model, tmp_path / "phone")


def test_answers_are_not_written_among_the_images(model, images):
    predictions = workflows.predict(model, [images / "art"])
    with pytest.raises(SettingsError, match="lies in the folder of the images"):
        predictions.write(images / "art/answers.csv")
    assert predictions.tally.images == 0 and not (images / "art/answers.csv").exists()


def test_one_path_may_stand_alone(model, images):
    assert len(list(workflows.predict(model, str(images / "art")))) == 18


def test_settings_that_cannot_be_are_refused(model, images):
    with pytest.raises(SettingsError, match="top_k=4"):
        workflows.predict(model, images, top_k=4)
    with pytest.raises(SettingsError) as caught:
        workflows.predict(model, images, top_k=10**400)
    assert len(str(caught.value)) < 200
    with pytest.raises(SettingsError, match="batch_size=0"):
        workflows.predict(model, images, batch_size=0)
    with pytest.raises(SettingsError, match="'xml'"):
        workflows.predict(model, images).write(io.StringIO(), "xml")


@pytest.mark.slow
def test_answers_that_depend_on_the_batch_are_warned_of(
    images, tiny_clip_folder, session_settings, tmp_path, caplog
):
    training = workflows.train(
        images, tmp_path / "m", backbone=tiny_clip_folder, method="dpl-batch"
    )
    predictions = workflows.predict(training.model, images, backbone=training.backbone)
    assert any("'dpl-batch' depend" in message for message in caplog.messages)
    assert len(list(predictions)) == 54


def test_photos_just_trained_on_are_not_encoded_again(model, images, tmp_path, monkeypatch):
    copied = shutil.copytree(images / "art", tmp_path / "copied")
    monkeypatch.setattr(
        "ldpf.backbones.base.Backbone.encode_images", lambda *_: pytest.fail("encoded again")
    )
    rows = list(workflows.predict(model, copied))
    assert len(rows) == 18 and not any(row.error for row in rows)


def test_another_cache_folder_is_asked_where_it_is_given(model, images, tmp_path, monkeypatch):
    batches = []
    encode = Backbone.encode_images
    monkeypatch.setattr(
        Backbone, "encode_images", lambda self, pixels: batches.append(1) or encode(self, pixels)
    )
    list(workflows.predict(model, images / "art", cache_dir=tmp_path / "cache"))
    assert batches
    assert not (tmp_path / "cache").exists()  # nothing is written by a prediction


def test_images_are_counted_first_and_the_rest_is_said(model, images, caplog, monkeypatch):
    monkeypatch.setattr("ldpf.workflows.predicted.REPORT_EVERY_S", 0.0)
    with caplog.at_level("INFO", logger="ldpf"):
        predictions = workflows.predict(model, images, batch_size=27)
        list(predictions)
    assert predictions.total == 54
    assert "54 images to classify" in caplog.messages
    assert "27 of 54 (50%)" in caplog.messages  # no time left: too early to say


def test_a_list_on_standard_input_is_not_waited_for(model, images):
    def paths() -> Iterator[bytes]:
        yield str(images / "art" / "cat" / "0.png").encode()
        pytest.fail("read to its end")

    predictions = workflows.predict(model, ["-"], listed=paths())
    assert predictions.total is None


def test_a_table_is_read_as_a_list(model, images, tmp_path):
    (tmp_path / "list.csv").write_text(f"path\n{images}/art/cat/0.png\nnowhere.png\n")
    rows = list(workflows.predict(model, tmp_path / "list.csv"))
    assert [row.path for row in rows] == [f"{images}/art/cat/0.png", str(tmp_path / "nowhere.png")]
    assert rows[0].error is None and rows[1].error == "the file does not exist"
    (tmp_path / "other.csv").write_text(f"filename\n{images}/art/cat/0.png\n")
    named = workflows.predict(model, tmp_path / "other.csv", columns="path=filename")
    assert [row.top for row in named] == [rows[0].top]
