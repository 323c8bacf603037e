"""Write constraints.txt: the installed versions of what ldpf and its tests need.

    .venv/bin/python scripts/write_constraints.py

Run it in the environment in which all tests passed.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FILE = Path(__file__).parents[1] / "constraints.txt"
NOTE = "# Versions with which all tests passed; written by scripts/write_constraints.py.\n"


def needed(package: str, extras: set[str], found: dict[str, str]) -> dict[str, str]:
    """The version of every installed package that `package` needs with its extras, by name."""
    for line in distribution(package).requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            continue
        name = canonicalize_name(requirement.name)
        if name in found and not requirement.extras:
            continue
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue
        if name != "ldpf":
            # A build such as 2.13.0+cpu can be installed from other indexes as 2.13.0 alone.
            found[name] = installed.version.partition("+")[0]
        needed(name, set(requirement.extras), found)
    return found


def main() -> None:
    """Write the file."""
    versions = needed("ldpf", {"test"}, {})
    lines = [f"{name}=={version}\n" for name, version in sorted(versions.items())]
    FILE.write_text(NOTE + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
