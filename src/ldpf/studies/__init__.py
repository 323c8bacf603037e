"""Studies: questions about LDPF, each with a table and a figure.

- `base`: the registry. `bench`: on what a study is done, and what comes out.
- `ablation`, `correlation`, `domains`, `fusion`, `n_domains`, `prompt_length`, `temperature`: one
  question each.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ldpf.studies.base import STUDIES, Study, make_study

if TYPE_CHECKING:
    from ldpf.studies.bench import Bench, StudyResult

__all__ = ["STUDIES", "Bench", "Study", "StudyResult", "make_study"]


def __getattr__(name: str) -> Any:
    # torch takes seconds to import; a list of names must not wait for it.
    if name in ("Bench", "StudyResult"):
        return getattr(import_module("ldpf.studies.bench"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
