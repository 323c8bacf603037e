from __future__ import annotations

import errno
import json

import pytest

from ldpf.data.datasets import materialize as place
from ldpf.data.datasets.materialize import Placement, place_all
from ldpf.errors import DataError, SettingsError


@pytest.fixture
def files(tmp_path):
    """Three files, and where they are to go."""
    (tmp_path / "from").mkdir()
    for i in range(3):
        (tmp_path / "from" / f"{i}.jpg").write_text(str(i))
    return [Placement(tmp_path / "from" / f"{i}.jpg", f"a/{i}.jpg") for i in range(3)]


def run(out, files, settings=None, **options):
    texts, summary = {"lists/a.txt": "hello\n"}, {"images": len(files)}
    settings = settings or {"from": "here"}
    return place_all(out, settings, files, texts, summary, progress=False, **options)


def contents(out):
    return {str(f.relative_to(out)): f.read_text() for f in out.rglob("*") if f.is_file()}


WHOLE = {"a/0.jpg": "0", "a/1.jpg": "1", "a/2.jpg": "2", "lists/a.txt": "hello\n"}


@pytest.mark.parametrize("copy", [False, True])
def test_files_texts_and_a_done_mark(files, tmp_path, copy):
    out = tmp_path / "out"
    assert run(out, files, copy=copy) is True
    found = contents(out)
    assert json.loads(found.pop("prepared.json")) == {"from": "here", "images": 3}
    assert found == WHOLE
    same = (out / "a/0.jpg").stat().st_ino == files[0].source.stat().st_ino
    assert same is not copy


def test_a_second_run_does_nothing(files, tmp_path):
    run(tmp_path / "out", files)
    (tmp_path / "out/a/0.jpg").unlink()
    assert run(tmp_path / "out", files) is False
    assert not (tmp_path / "out/a/0.jpg").exists()


def test_a_killed_run_goes_on(files, tmp_path, monkeypatch):
    out, real = tmp_path / "out", place._place

    def killed(source, target, *, copy):
        if source.name == "1.jpg":
            raise KeyboardInterrupt
        real(source, target, copy=copy)

    monkeypatch.setattr(place, "_place", killed)
    with pytest.raises(KeyboardInterrupt):
        run(out, files)
    assert set(contents(out)) == {"a/0.jpg", "preparing.json"}
    monkeypatch.setattr(place, "_place", real)
    assert run(out, files) is True
    found = contents(out)
    assert found.pop("prepared.json") and found == WHOLE


def test_a_copy_appears_whole_or_not_at_all(files, tmp_path, monkeypatch):
    def half(source, target):
        target.write(b"hal")
        raise OSError(errno.ENOSPC, "No space left on device")

    real = place.shutil.copyfileobj
    monkeypatch.setattr(place.shutil, "copyfileobj", half)
    out = tmp_path / "out"
    with pytest.raises(DataError) as error:
        run(out, files, copy=True)
    assert str(error.value) == (
        f"cannot place {files[0].source} at {out / 'a/0.jpg'} (No space left on device); the same "
        "command resumes once that is repaired"
    )
    assert list((out / "a").iterdir()) == []
    monkeypatch.setattr(place.shutil, "copyfileobj", real)
    run(out, files, copy=True)
    found = contents(out)
    assert found.pop("prepared.json") and found == WHOLE


def test_what_a_killed_run_left_half_written_is_removed(files, tmp_path):
    (tmp_path / "out/a").mkdir(parents=True)
    (tmp_path / "out/preparing.json").write_text('{"from": "here"}')
    (tmp_path / "out/a/.0.jpg-7.tmp").write_text("hal")
    run(tmp_path / "out", files, copy=True)
    found = contents(tmp_path / "out")
    assert found.pop("prepared.json") and found == WHOLE


def test_without_hard_links_files_are_copied(files, tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(place.os, "link", no_links)
    run(tmp_path / "out", files)
    assert (tmp_path / "out/a/2.jpg").read_text() == "2"


def test_a_folder_begun_with_other_settings_is_refused(files, tmp_path):
    run(tmp_path / "out", files)
    with pytest.raises(SettingsError) as error:
        run(tmp_path / "out", files, {"from": "there"})
    assert str(error.value) == (
        f"{tmp_path / 'out'} was made with from = 'here', not 'there'; give another folder with "
        "out, or remove that one"
    )


def test_other_peoples_folders_and_files_are_refused(files, tmp_path):
    with pytest.raises(SettingsError, match=r"from is not empty and was not begun by this command"):
        run(tmp_path / "from", files)
    with pytest.raises(SettingsError, match=r"0\.jpg' is a file; give a folder with out\.$"):
        run(files[0].source, files)
