"""What discovery measured of its own latent domains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import Case
from ldpf.domains.diagnosis import judge_discovery


@SIGNS.register("discovery", title="Discovery of latent domains", order=10, quick=True)
@dataclass(frozen=True)
class Discovery(Sign):
    """The class can be predicted from z, z has collapsed, or domains are tiny or unstable.

    The figure is how many of the findings of `ldpf.domains.diagnosis` call for care.
    """

    threshold: float = 0.0
    meaning: ClassVar[str] = "The latent domains may mean little, and then fusing them is noise."
    unit: ClassVar[Unit] = Unit.COUNT

    def measure(self, case: Case) -> Measurement:
        """Count the findings against the latent domains; see `Sign.measure`."""
        case.latent  # noqa: B018 (raises where there are none)
        judged = judge_discovery(case.recorded)
        if not judged:
            raise NotMeasured("the model keeps no measurement of its discovery; train it again")
        against = [one.text for one in judged if not one.good]
        words = f"{len(against)} of {len(judged)} measurements call for care"
        return Measurement(len(against), words, tuple(against))

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """Look at the latent domains."""
        return f"ldpf domains {case.model_path} {case.training_path} --out latent-domains"
