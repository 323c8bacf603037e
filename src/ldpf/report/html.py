"""A report as one HTML file that needs nothing beside it: no network, no script, no other file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ldpf.errors import SettingsError
from ldpf.models.summary import HELD_OUT
from ldpf.report.blocks import Section
from ldpf.report.findings import Findings
from ldpf.report.sections.accuracy import compared, verdict
from ldpf.report.sections.base import SECTIONS, ordered_sections, section_title
from ldpf.report.sections.common import percent
from ldpf.report.tables.benchmark_rows import AVERAGE
from ldpf.report.tables.comparisons import comparison_words
from ldpf.report.terms import with_terms
from ldpf.utils.files import write_bytes
from ldpf.utils.text import printable
from ldpf.utils.ways import named

LEAD = 0.01
"""How much better another method must be, as a share, to be recommended."""

_TEMPLATE = "report.html.j2"


def report_html(found: Findings) -> str:
    """Render a report; class names, paths and all other text come out as text, never as markup."""
    environment = Environment(
        loader=PackageLoader("ldpf.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names, left_out = _parts(found)
    sections = [Section(name, section_title(name), SECTIONS.get(name)(found)) for name in names]
    page = environment.get_template(_TEMPLATE).render(
        title=found.title,
        headline=headline(found),
        summary=summary(found),
        sections=with_terms(sections),
        left_out=left_out,
    )
    # A file name that is no UTF-8 would make the page none either; signs that turn the direction of
    # writing, or that a terminal obeys, are shown.
    return printable(page.encode("utf-8", "replace").decode("utf-8"))


def _parts(found: Findings) -> tuple[list[str], str]:
    """The names of the sections, and a sentence about those left out; empty for none."""
    names = ordered_sections()
    if found.trainings:
        return names, ""
    left_out = [name for name in names if SECTIONS.facts(name).get("needs_latent")]
    titles = "; ".join(section_title(name) for name in left_out)
    return (
        [name for name in names if name not in left_out],
        f"{found.main} has no latent domains, so these sections are left out: {titles}.",
    )


def headline(found: Findings) -> str:
    """What to do, in a sentence."""
    if found.table is None:
        return (
            "What to do: measure it on labeled images of the place where it will be used "
            f"({named('data')}); "
            "nothing has been measured yet."
        )
    column = next(iter(found.targets)) if len(found.targets) == 1 else AVERAGE
    means = {
        row.method: cell.mean
        for row in found.table.rows
        if row.competes and (cell := row.cells.get(column)) is not None
    }
    own = means.get(found.main)
    if own is None:
        return f"What to do: choose among the methods below; {found.main} itself " + (
            "is a bound." if found.main in found.oracles else "is not measured everywhere yet."
        )
    best = max(means, key=lambda name: means[name])
    better = f"{best} ({percent(means[best])}%) rather than {found.main} ({percent(own)}%)"
    zero = compared(found).get("zero-shot", {}).get(column)
    if zero is not None and zero.clear and zero.difference < 0:
        return (
            f"What to do: take the ready-made model without training (zero-shot) and not "
            f"{found.main}, which is worse here."
            + (f" Best of all is {best}." if best not in ("zero-shot", found.main) else "")
        )
    if means[best] - own > LEAD:
        return f"What to do: take {better}; see whether that holds with more seeds and images."
    if zero is not None and not zero.clear:
        return (
            f"What to do: do not count on {found.main} yet; it is not clearly better than the "
            "ready-made model without training (zero-shot), which is simpler. More images tell."
        )
    if zero is None:
        return f"What to do: {found.main} can be used; no method measured here is clearly better."
    return (
        f"What to do: use {found.main}; it is clearly better than no training (zero-shot), and no "
        "method measured here leads it by more than a point."
    )


def summary(found: Findings) -> list[str]:
    """The report in a few sentences."""
    if found.table is None:
        accuracy = [value for name, value in found.facts if name == HELD_OUT]
        told = [f"Accuracy on images held out of its training: {value}." for value in accuracy]
        return [*told, found.no_answers]
    row = next(row for row in found.table.rows if row.method == found.main and not row.published)
    targets = list(found.targets)
    column = AVERAGE if len(targets) > 1 else targets[0]
    cell = row.cells.get(column)
    if cell is None:
        return ["Not every target has been run yet; the same benchmark command resumes."]
    seen = "of which a part was seen" if found.target_seen else "never seen"
    where = (
        f"images of a domain {seen}, averaged over {len(targets)} targets"
        if found.kind == "benchmark" and len(targets) > 1
        else f"{targets[0]}, a domain {seen}"
        if found.kind == "benchmark"
        else "the images measured"
        if len(targets) == 1
        else f"the images measured, averaged over {len(targets)} known domains"
    )
    told = [f"{found.main} is right for {percent(cell.mean)}% of {where}."]
    for base, differences in compared(found).items():
        difference = differences.get(AVERAGE) or differences[targets[0]]
        words = f"{comparison_words(difference)} points, {verdict(difference)}"
        told.append(f"Against {base}: {words}.")
    return told


def write_report(found: Findings, file: Path) -> int:
    """Write a report.

    Returns:
        Its size in bytes.

    Raises:
        SettingsError: the file cannot be written.
    """
    content = report_html(found).encode()
    try:
        write_bytes(file, content)
    except OSError as error:
        raise SettingsError(
            f"{str(file)!r} cannot be written ({error.strerror or error}); give another file with "
            f"{named('out')}."
        ) from error
    return len(content)


def describe(found: Findings) -> dict[str, Any]:
    """What a report holds, for `--json`."""
    return {
        "kind": found.kind,
        "method": found.main,
        "targets": list(found.targets),
        "seeds": list(found.seeds),
        "headline": headline(found),
        "summary": summary(found),
        "pictures": found.root is not None,
    }
