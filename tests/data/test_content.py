import hashlib

import pytest

from ldpf.data import content
from ldpf.data.bad_images import UnreadableImageError
from ldpf.data.content import content_of


def test_a_small_file_is_read_at_once(tmp_path):
    (tmp_path / "a").write_bytes(b"some")
    with content_of(tmp_path / "a") as read:
        assert read.data == b"some"
        assert read.sha256 == hashlib.sha256(b"some").digest()
        assert read.status.st_size == 4


def test_a_large_file_is_given_open_with_the_same_digest(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "IN_MEMORY", 3)
    (tmp_path / "a").write_bytes(b"some")
    with content_of(tmp_path / "a") as read:
        assert not isinstance(read.data, bytes)
        assert read.data.read() == b"some"
        assert read.sha256 == hashlib.sha256(b"some").digest()


def test_a_file_that_changes_while_it_is_used_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "IN_MEMORY", 3)
    (tmp_path / "a").write_bytes(b"some")
    with pytest.raises(UnreadableImageError, match="it changed"), content_of(tmp_path / "a"):
        (tmp_path / "a").write_bytes(b"other")


def test_an_error_of_the_user_of_the_content_stays_what_it_is(tmp_path):
    (tmp_path / "a").write_bytes(b"some")
    with pytest.raises(OSError, match="mine"), content_of(tmp_path / "a"):
        raise OSError("mine")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none", "does not exist"), ("a\0b", "no file can have"), (".", "a folder")],
)
def test_what_cannot_be_read_has_its_reason(name, reason, tmp_path):
    with pytest.raises(UnreadableImageError, match=reason), content_of(tmp_path / name):
        pass
