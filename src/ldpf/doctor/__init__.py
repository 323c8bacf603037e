"""Signs that something is wrong with a model or its data, each with a figure and what to do.

`examine` measures every sign in `SIGNS` on a `Case`; `ldpf diagnose` is built on it.
"""

from ldpf.doctor.base import SIGNS, Finding, Measurement, NotMeasured, Sign, Status, Unit
from ldpf.doctor.case import Case, Groups
from ldpf.doctor.examine import examine

__all__ = [
    "SIGNS",
    "Case",
    "Finding",
    "Groups",
    "Measurement",
    "NotMeasured",
    "Sign",
    "Status",
    "Unit",
    "examine",
]
