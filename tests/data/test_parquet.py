"""Whatever pyarrow says of a file becomes a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldpf.data.parquet import reads_parquet
from ldpf.errors import DataError, SettingsError


@pytest.mark.parametrize(
    "error",
    [OSError("bad\x0f\nheader"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), MemoryError()],
)
def test_what_is_raised_becomes_one_line_with_the_file(error: Exception):
    with (
        pytest.raises(DataError, match=r"the manifest a\.parquet as Parquet") as caught,
        reads_parquet(Path("a.parquet")),
    ):
        raise error
    assert str(caught.value).isprintable()


def test_refusals_of_the_library_pass():
    refusal = SettingsError("no")
    with pytest.raises(SettingsError) as caught, reads_parquet(Path("a.parquet")):
        raise refusal
    assert caught.value is refusal
