"""Predictions as rows: their columns, and cells that are safe in a spreadsheet."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ldpf.utils.text import without_formula


@dataclass(frozen=True)
class Row:
    """What is known about one image: answers, or an error.

    Attributes:
        path: as given.
        top: (class, probability), most probable first; empty where there is an error.
        weights: one for each latent domain; empty where there is an error.
        error: why the image could not be read, or has no answer.
        outside: score of lying outside of what the model knows, which it does above 0; None where
            there is an error, or where the model cannot tell.
        classes: the prediction set, most probable first; None likewise.
        abstained: whether no class is named because the answer is too doubtful.
    """

    path: str
    top: tuple[tuple[str, float], ...] = ()
    weights: tuple[float, ...] = ()
    error: str | None = None
    outside: float | None = None
    classes: tuple[str, ...] | None = None
    abstained: bool = False

    @property
    def is_outside(self) -> bool | None:
        """Whether it lies outside; None where that is not known."""
        return None if self.outside is None else self.outside > 0

    def named(self, label: str) -> str | None:
        """A class as it is written: None where the model abstains."""
        return None if self.abstained else label


def without_formulas(row: Row) -> Row:
    """The row with ' before each text that a spreadsheet would run as a formula."""
    return replace(
        row,
        path=without_formula(row.path),
        top=tuple((without_formula(label), probability) for label, probability in row.top),
        error=None if row.error is None else without_formula(row.error),
        classes=None if not row.classes else (without_formula(row.classes[0]), *row.classes[1:]),
    )


DOUBT = ("outside", "outside_score", "set")
"""Columns that say when not to trust an answer."""


def column_names(n_domains: int, top_k: int) -> list[str]:
    """path, label, probability, domain_0 ..., label_2, probability_2 ..., `DOUBT`, error."""
    more = [f"{name}_{k}" for k in range(2, top_k + 1) for name in ("label", "probability")]
    domains = [f"domain_{s}" for s in range(n_domains)]
    return ["path", "label", "probability", *domains, *more, *DOUBT, "error"]


def doubt_as_text(row: Row) -> list[str]:
    """Cells of the columns `DOUBT`, "" for what is not known."""
    classes = [name.replace("\\", r"\\").replace("|", r"\|") for name in row.classes or ()]
    score = "" if row.outside is None else f"{row.outside:.6f}"
    flag = {None: "", True: "true", False: "false"}[row.is_outside]
    return [flag, score, "|".join(classes)]


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
