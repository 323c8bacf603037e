"""What two commands that did the same must have in common: every bit, apart from times."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from pathlib import Path
from typing import Any

from fuzz.world import digest

_TIMES = re.compile(r"seconds|memory|command|time|images_per_second|settings_hash|source")
"""Fields of JSON that say how long something took, or by which words."""


def bits(place: Path) -> dict[str, str]:
    """A digest of each file below a place, apart from times and from names of folders."""
    found = {}
    for file in sorted(place.rglob("*")):
        if not file.is_file():
            continue
        if file.name == "done":  # its further lines are digests of files with times in them
            content = file.read_text().splitlines()[0]
        elif file.name == "table.md":  # has times, and comes from results.jsonl
            content = ""
        elif file.suffix in (".json", ".jsonl"):
            lines = file.read_text().splitlines() if file.suffix == ".jsonl" else [file.read_text()]
            content = json.dumps([timeless(json.loads(line)) for line in lines])
        elif file.suffix == ".safetensors":  # the order of its metadata is no one's choice
            whole = file.read_bytes()
            size = struct.unpack("<Q", whole[:8])[0]
            header = json.dumps(json.loads(whole[8 : 8 + size]), sort_keys=True)
            content = hashlib.sha256(header.encode() + whole[8 + size :]).hexdigest()
        else:
            content = digest(file)
        found[str(file.relative_to(place))] = content.replace(str(place), "")
    return found


def timeless(content: Any) -> Any:
    """JSON without the fields that say how long something took, or by which words."""
    if isinstance(content, dict):
        return {k: timeless(v) for k, v in content.items() if not _TIMES.search(k)}
    return [timeless(item) for item in content] if isinstance(content, list) else content
