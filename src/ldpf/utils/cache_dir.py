"""Where the library keeps what it can always make again: encoded features and the demo set."""

from __future__ import annotations

import os
from pathlib import Path

from ldpf.errors import SettingsError
from ldpf.utils.paths import full_path
from ldpf.utils.text import quoted


def cache_root() -> Path:
    """The cache folder: `$LDPF_CACHE`, else `$XDG_CACHE_HOME/ldpf`, else `~/.cache/ldpf`.

    Deleting it loses nothing but time. It is not created here; whoever writes creates it.

    Raises:
        SettingsError: a variable names no path, or `$LDPF_CACHE` a file.
    """
    if own := os.environ.get("LDPF_CACHE"):
        folder = full_path(own, "cache folder ($LDPF_CACHE)")
        if folder.is_file():
            raise SettingsError(
                f"The cache folder ($LDPF_CACHE) {quoted(own)} is a file; name a folder there."
            )
        return folder
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return full_path(xdg, "cache folder ($XDG_CACHE_HOME)") / "ldpf"
    return full_path("~", "cache folder") / ".cache" / "ldpf"
