"""Numbers of agnostic and specific tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ldpf.errors import SettingsError
from ldpf.report.plots.curves import bar_figure
from ldpf.studies.base import STUDIES, Study
from ldpf.studies.bench import Bench, StudyResult


@STUDIES.register("prompt-length", values="lengths such as 4+8")
@dataclass(frozen=True)
class PromptLengthStudy(Study):
    """How many shared and specific tokens should the prompts have?

    Attributes:
        values: numbers of agnostic (M1) and specific (M2) tokens to try.
    """

    values: tuple[tuple[int, int], ...] = ((12, 0), (8, 4), (4, 8), (0, 12), (2, 4), (8, 16))

    @classmethod
    def parse(cls, texts: Sequence[str]) -> tuple[tuple[int, int], ...]:
        return tuple(_lengths(text) for text in texts)

    def run(self, bench: Bench) -> StudyResult:
        lines, names = [], []
        for agnostic, specific in self.values:
            names.append(f"{agnostic} + {specific}")
            settings = {"agnostic_length": agnostic, "specific_length": specific}
            lines += bench.run({"ldpf": names[-1]}, settings=settings)
        return StudyResult(
            "Length of the prompts (agnostic + specific tokens)",
            "With 0 specific tokens all prompts are one, which is CoOp; with 0 agnostic ones "
            "latent domains share nothing.",
            lines,
            figures={"prompt-length.png": bar_figure(lines, names, bench.targets)},
        )


def _lengths(text: str) -> tuple[int, int]:
    """`4+8` -> `(4, 8)`."""
    parts = text.split("+")
    if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):
        raise SettingsError(f"{text!r} should be two lengths, such as 4+8.")
    return int(parts[0]), int(parts[1])
