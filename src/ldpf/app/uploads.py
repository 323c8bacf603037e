"""Where the page keeps what visitors upload: a folder of its own, gone when the page is closed."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from ldpf.utils.temporary import remove_litter, temporary_beside

_NAME = "ldpf-app"
_VARIABLE = "GRADIO_TEMP_DIR"


class Uploads:
    """A new folder that only this user can read, and that gradio uses from now on."""

    _open: ClassVar[list[Uploads]] = []  # of several pages of this process

    def __init__(self) -> None:
        """Make it, and remove those of pages that were killed."""
        # What was asked for by the user, not the folder of another page.
        self._asked = self._open[-1]._asked if self._open else os.environ.get(_VARIABLE)
        around = Path(self._asked or tempfile.gettempdir()).resolve()
        around.mkdir(parents=True, exist_ok=True)
        remove_litter(around, _NAME)
        self.folder = temporary_beside(around / _NAME)
        self.folder.mkdir(mode=0o700)
        self._open.append(self)
        self._tell_gradio()
        atexit.register(self.remove)

    def remove(self) -> None:
        """Remove it with everything in it; a second time does nothing."""
        atexit.unregister(self.remove)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self in self._open:
            self._open.remove(self)
            self._tell_gradio()

    def _tell_gradio(self) -> None:
        """Name the folder of the newest page; gradio asks for it at every use."""
        wanted = str(self._open[-1].folder) if self._open else self._asked
        if wanted is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = wanted
