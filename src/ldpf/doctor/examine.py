"""From a case to findings: every sign measured and judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ldpf.doctor.base import (
    SIGNS,
    Finding,
    NotMeasured,
    Sign,
    Status,
    is_serious,
    ordered_signs,
    sign_title,
)
from ldpf.errors import LdpfError

if TYPE_CHECKING:
    from ldpf.doctor.case import Case


def examine(case: Case, signs: Iterable[str] | None = None) -> list[Finding]:
    """What each sign says of a case, the serious ones first and those not measured last.

    Args:
        case: what there is to look at.
        signs: names of signs; None for all of them.

    Raises:
        SettingsError: there is no such sign.
    """
    names = ordered_signs() if signs is None else list(dict.fromkeys(signs))
    findings = [judge(name, SIGNS.make(name), case) for name in names]
    return by_weight(findings)


def judge(name: str, sign: Sign, case: Case) -> Finding:
    """What one sign says of a case."""
    side = "below" if sign.low_is_bad else "above"
    threshold = f"{side} {sign.unit.words(sign.threshold)}"
    title = sign_title(name)
    try:
        measurement = sign.measure(case)
    # What cannot be fitted, such as a probe on one class, is not measured; the others still are.
    except (NotMeasured, LdpfError) as missing:
        return Finding(
            name, title, Status.NOT_MEASURED, str(missing), None, sign.threshold, threshold
        )
    shows = sign.shows(measurement.figure)
    status = Status.FINE
    if shows:
        status = Status.SERIOUS if is_serious(name) else Status.NOTICE
    return Finding(
        name,
        title,
        status,
        measurement.words,
        measurement.figure,
        sign.threshold,
        threshold,
        meaning=sign.meaning if shows else "",
        next_step=sign.next_step(case, measurement) if shows else "",
        details=measurement.details,
    )


def by_weight(findings: Sequence[Finding]) -> list[Finding]:
    """Findings with the serious ones first, then notices, then what is fine or not measured."""
    order = (Status.SERIOUS, Status.NOTICE, Status.FINE, Status.NOT_MEASURED)
    return sorted(findings, key=lambda one: order.index(one.status))  # stable
