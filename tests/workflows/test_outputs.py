from __future__ import annotations

from pathlib import Path

import pytest

from ldpf import workflows
from ldpf.data import load_dataset
from ldpf.errors import SettingsError
from ldpf.workflows.outputs import check_outputs, image_folder
from ldpf.workflows.source import DataSource


@pytest.fixture
def photos(tmp_path) -> Path:
    for name in ("dog/1.jpg", "cat/1.jpg"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        # No images: whoever opens one of them, to encode it, fails in another way.
        (tmp_path / "photos" / name).write_bytes(b"x")
    return tmp_path / "photos"


def test_manifests_and_the_demo_set_have_no_folder_that_is_walked(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    assert image_folder("demo") is None and image_folder("./demo") == Path("demo")
    assert image_folder(DataSource(photos)) == photos
    assert image_folder(tmp_path / "list.csv") is None


@pytest.mark.parametrize(
    "command",
    [workflows.train, workflows.benchmark, workflows.discover],
    ids=lambda command: command.__name__,
)
def test_workflows_refuse_an_output_in_the_images(photos, command):
    with pytest.raises(SettingsError, match="lies in the folder of the images"):
        command(photos, out=photos / "out")
    assert not (photos / "out").exists()


def test_studies_refuse_an_output_in_the_images(photos):
    with pytest.raises(SettingsError, match="lies in the folder of the images"):
        workflows.study("temperature", photos, out=photos / "out")


def test_an_export_measured_on_images_is_not_written_among_them(photos):
    with pytest.raises(SettingsError, match="lies in the folder of the images"):
        workflows.export(photos.parent / "model", photos / "m.onnx", data=photos)


def test_a_report_about_images_is_not_written_among_them(photos):
    with pytest.raises(SettingsError, match="lies in the folder of the images"):
        workflows.report(photos.parent / "model", photos / "report.html", data=photos)


@pytest.mark.parametrize("command", [workflows.train, workflows.benchmark])
def test_curves_are_not_written_among_the_images(photos, command):
    with pytest.raises(SettingsError, match=r"^track .*lies in the folder of the images"):
        command(photos, out=photos.parent / "out", track=photos / "curves")
    assert not (photos.parent / "out").exists()


def test_runs_of_a_study_are_not_written_among_the_images(photos):
    with pytest.raises(SettingsError, match=r"^runs .*lies in the folder of the images"):
        workflows.study("temperature", photos, out=photos.parent / "out", runs=photos / "runs")


def test_a_listed_dataset_knows_the_folder_it_came_from(photos):
    dataset = load_dataset(photos)
    with pytest.raises(SettingsError, match="lies in the folder of the images"):
        workflows.train(dataset.subset([0, 1]), photos / "model")


def test_results_may_lie_beside_a_manifest(photos):
    (photos / "list.csv").write_text("path,label\ndog/1.jpg,dog\ncat/1.jpg,cat\n")
    for data in (photos / "list.csv", load_dataset(photos / "list.csv")):
        assert check_outputs(data, folders={"out": photos / "model"}) is None
    assert not (photos / "model").exists()


@pytest.mark.parametrize("command", [workflows.encode, workflows.train])
def test_a_cache_in_the_images_is_refused(photos, command, monkeypatch):
    for data in (DataSource(photos, cache_dir=photos / "cache"), photos):
        monkeypatch.setenv("LDPF_CACHE", str(photos / "cache"))
        with pytest.raises(SettingsError, match=r"the cache .*lies in the folder of the images"):
            command(data) if command is workflows.encode else command(data, photos.parent / "m")
