"""Studies: questions about LDPF, each with a table and a figure.

- `base`: the registry. `bench`: on what a study is done, and what comes out.
- `ablation`, `correlation`, `domains`, `fusion`, `latent_vs_manual`, `n_domains`, `prompt_length`,
  `temperature`: one question each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.studies.base import STUDIES, Study, make_study
from ldpf.utils.lazy import lazy_names

if TYPE_CHECKING:
    from ldpf.studies.bench import Bench, StudyResult

__all__ = ["STUDIES", "Bench", "Study", "StudyResult", "make_study"]


__getattr__ = lazy_names(
    __name__, {"Bench": "ldpf.studies.bench", "StudyResult": "ldpf.studies.bench"}
)
