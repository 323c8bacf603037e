"""Methods: everything that turns labeled features into a classifier.

A method is a frozen dataclass of its settings with
`fit(train, validation, backbone, *, seed, record) -> Classifier`. Each is a file that registers
itself in `METHODS`; names and summaries are read without importing one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.methods.base import METHODS, Method, make_method
from ldpf.utils.lazy import lazy_names

if TYPE_CHECKING:
    from ldpf.methods.cocoop import CoCoOp
    from ldpf.methods.coop import CoOp
    from ldpf.methods.dpl import DPL
    from ldpf.methods.gda import GDA
    from ldpf.methods.kgcoop import KgCoOp
    from ldpf.methods.ldpf import LDPF
    from ldpf.methods.linear_probe import LinearProbe
    from ldpf.methods.zero_shot import ZeroShot
    from ldpf.text.templates import ENSEMBLE_TEMPLATES, SINGLE_TEMPLATE
    from ldpf.text.zero_shot import zero_shot_features

_HOMES = {
    "CoCoOp": "ldpf.methods.cocoop",
    "CoOp": "ldpf.methods.coop",
    "DPL": "ldpf.methods.dpl",
    "ENSEMBLE_TEMPLATES": "ldpf.text.templates",
    "GDA": "ldpf.methods.gda",
    "KgCoOp": "ldpf.methods.kgcoop",
    "LDPF": "ldpf.methods.ldpf",
    "LinearProbe": "ldpf.methods.linear_probe",
    "SINGLE_TEMPLATE": "ldpf.text.templates",
    "ZeroShot": "ldpf.methods.zero_shot",
    "zero_shot_features": "ldpf.text.zero_shot",
}

__all__ = [
    "DPL",
    "ENSEMBLE_TEMPLATES",
    "GDA",
    "LDPF",
    "METHODS",
    "SINGLE_TEMPLATE",
    "CoCoOp",
    "CoOp",
    "KgCoOp",
    "LinearProbe",
    "Method",
    "ZeroShot",
    "make_method",
    "zero_shot_features",
]

__getattr__ = lazy_names(__name__, _HOMES)
