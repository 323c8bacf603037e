"""The sections of a report, a file each: from `Findings` to a `Section`, never to HTML."""

from __future__ import annotations

from collections.abc import Callable

from ldpf.report.blocks import Section
from ldpf.report.findings import Findings
from ldpf.report.sections.accuracy import accuracy_section
from ldpf.report.sections.calibration import calibration_section
from ldpf.report.sections.confusion import confusion_section
from ldpf.report.sections.diagnosis import diagnosis_section
from ldpf.report.sections.domains import domains_section
from ldpf.report.sections.map import map_section
from ldpf.report.sections.mistakes import mistakes_section
from ldpf.report.sections.oracle import oracle_section
from ldpf.report.sections.reproduce import reproduce_section
from ldpf.report.sections.training import training_section
from ldpf.report.sections.weights import weights_section

SECTIONS: tuple[Callable[[Findings], Section], ...] = (
    training_section,
    accuracy_section,
    confusion_section,
    domains_section,
    map_section,
    weights_section,
    mistakes_section,
    calibration_section,
    oracle_section,
    diagnosis_section,
    reproduce_section,
)
"""In the order in which they stand."""
