"""Write the tables of docs that list what can be chosen by name, from the registries.

    python scripts/write_tables.py            rewrite them
    python scripts/write_tables.py --check    exit 1 if one is out of date

A table stands between two lines `<!-- table NAME -->` and `<!-- end of table -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from ldpf.domains.assignment.base import ASSIGNMENTS
from ldpf.domains.clustering.base import CLUSTERERS
from ldpf.domains.disentangle.base import DISENTANGLERS
from ldpf.domains.how_many.base import HOW_MANY
from ldpf.fusion.base import FUSION_RULES
from ldpf.heads.base import VISUAL_HEADS
from ldpf.methods.base import METHODS
from ldpf.studies.base import STUDIES
from ldpf.utils.registry import Registry

ROOT = Path(__file__).parent.parent
PAGES = ("docs/protocol.md", "docs/method.md", "docs/studies.md")
BLOCK = re.compile(r"(<!-- table (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def methods() -> str:
    """Baselines first, then LDPF and its controls."""
    names = sorted(METHODS, key=lambda name: (name.startswith("ldpf-"), name == "ldpf"))
    return _table(("method", "what it is"), [(name, METHODS.summary(name)) for name in names])


def parts() -> str:
    """Everything that LDPF is put together from, with the setting that chooses it."""
    settings = {
        "fusion": FUSION_RULES,
        "head": VISUAL_HEADS,
        "discovery.disentangle": DISENTANGLERS,
        "discovery.clusterer": CLUSTERERS,
        "discovery.assignment": ASSIGNMENTS,
        "discovery.n_domains": HOW_MANY,
    }
    rows = [
        (f"{setting}={name}", registry.summary(name))
        for setting, registry in settings.items()
        for name in registry
    ]
    return _table(("`--set`", "what it is"), rows)


def studies() -> str:
    """Each study with its question."""
    return _table(("study", "question"), _rows(STUDIES))


TABLES: dict[str, Callable[[], str]] = {"methods": methods, "parts": parts, "studies": studies}


def _rows(registry: Registry) -> list[tuple[str, str]]:
    return [(name, registry.summary(name)) for name in registry]


def _table(heads: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    lines = [f"| {heads[0]} | {heads[1]} |", "|---|---|"]
    lines += [f"| `{name}` | {summary.replace('|', chr(92) + '|')} |" for name, summary in rows]
    return "\n".join(lines) + "\n"


def rewritten(text: str) -> str:
    """A page with its tables as they should be."""
    return BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


def main() -> int:
    """Rewrite the pages, or with --check only say which are out of date."""
    late = []
    for name in PAGES:
        page = ROOT / name
        old = page.read_text(encoding="utf-8")
        new = rewritten(old)
        if new != old:
            late.append(name)
            if "--check" not in sys.argv[1:]:
                page.write_text(new, encoding="utf-8")
    if late and "--check" in sys.argv[1:]:
        print(f"Out of date: {', '.join(late)}; run python scripts/write_tables.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
