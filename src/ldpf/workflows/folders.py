"""What a folder holds, told by its files; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

from ldpf.errors import ModelError
from ldpf.models.folder import CONFIG


def is_benchmark(path: Path) -> bool:
    """Whether a folder holds results of a benchmark (or of one of its runs), or else a model.

    Raises:
        ModelError: it holds neither, or a run that is not finished.
    """
    if path.suffix == ".jsonl" or (path / "results.jsonl").is_file():
        return True
    if (path / "result.json").is_file():
        return True  # one run of it
    if (path / "metrics.jsonl").is_file():
        raise ModelError(
            f"{str(path)!r} is a run that is not finished; the same 'ldpf benchmark' command "
            "resumes it."
        )
    if (path / CONFIG).is_file():
        return False
    raise ModelError(
        f"{str(path)!r} is neither a folder that 'ldpf benchmark' wrote (it has no results.jsonl) "
        f"nor a model that 'ldpf train' made (it has no {CONFIG})."
    )
