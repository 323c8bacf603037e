"""Parquet files need a package that not everyone has."""

from __future__ import annotations

from ldpf.errors import DataError


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
