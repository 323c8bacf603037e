"""Parquet and Arrow files: they need a package; what is wrong with one becomes a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ldpf.errors import DataError, LdpfError
from ldpf.utils.text import one_line, shortened

MOST_WORDS = 300


def require_pyarrow(task: str) -> None:
    """Say what to install where pyarrow is missing.

    Args:
        task: What needs it, such as "reading the Parquet manifest a.parquet".

    Raises:
        DataError: It is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"{task} needs pyarrow; install it with: pip install 'ldpf[parquet]'"
        ) from error


@contextmanager
def reads_parquet(
    file: Path, what: str = "manifest", form: str = "Parquet", fix: str = "write it again"
) -> Iterator[None]:
    """Turn what goes wrong into a DataError that names the file; other LdpfErrors pass.

    Args:
        file: That is read.
        what: It is.
        form: That it should have.
        fix: What to do.

    Of damaged files pyarrow raises nearly everything, with bytes of the file in the message.
    """
    try:
        yield
    except LdpfError:
        raise
    except Exception as error:
        reason = one_line(" ".join((str(error) or type(error).__name__).split()))
        said = shortened(reason, MOST_WORDS)
        raise DataError(f"cannot read the {what} {file} as {form}: {said}; {fix}") from error
