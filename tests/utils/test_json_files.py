"""JSON files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ldpf.errors import DataError, ModelError
from ldpf.utils.json_files import json_text, read_json, read_json_or_none, write_json


def test_json_is_readable_text_with_a_final_newline(tmp_path):
    write_json(tmp_path / "a.json", {"name": "café"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "name": "café"\n}\n'


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", [object()])
    assert read_json(tmp_path / "a.json", "the list", "write it again") == [1]
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_json_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "a.json", "the list", "write it again") == [1]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"\xff", b"[" * 100_000],
    ids=["none", "empty", "cut", "bytes", "deep"],
)
def test_json_that_cannot_be_read_is_named_with_what_to_do(tmp_path, content):
    file = tmp_path / "a.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_json(file, "the settings", "train again", error=ModelError)
    assert str(caught.value).startswith(f"Cannot read the settings in {str(file)!r} (")
    assert str(caught.value).endswith("); train again.")
    assert read_json_or_none(file) is None


def test_damaged_json_is_a_data_error_unless_said_otherwise(tmp_path):
    with pytest.raises(DataError):
        read_json(tmp_path / "none.json", "the list", "write it again")


def test_names_that_are_no_utf8_can_be_json(tmp_path):
    write_json(tmp_path / "a.json", {"path": "caf\udce9"})
    assert read_json(tmp_path / "a.json", "it", "write it again") == {"path": "caf\udce9"}


def test_numbers_and_paths_of_other_libraries_can_be_json():
    content = {"n": np.int64(2), "x": np.float32(0.5), "grid": np.eye(1), "at": Path("a")}
    assert json.loads(json_text(content)) == {"n": 2, "x": 0.5, "grid": [[1.0]], "at": "a"}
