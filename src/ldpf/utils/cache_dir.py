"""Where the library keeps what it can always make again: encoded features and the demo set."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """The cache folder: `$LDPF_CACHE`, else `$XDG_CACHE_HOME/ldpf`, else `~/.cache/ldpf`.

    Deleting it loses nothing but time. It is not created here; whoever writes creates it.
    """
    if own := os.environ.get("LDPF_CACHE"):
        return Path(own).expanduser()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg).expanduser() / "ldpf"
    return Path.home() / ".cache" / "ldpf"
