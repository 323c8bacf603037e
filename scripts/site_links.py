"""Links of the documentation site that leave docs/: MkDocs calls this for every page.

In the repository a page may link to a file outside of docs/, such as an example. The site does not
hold these files, so such a link becomes the path of the file in the repository, as code.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

LINK = re.compile(r"\[([^\]]*)\]\((?!https?://|#|mailto:)([^)\s]+)\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The page with links that leave docs/ as plain paths."""
    folder = posixpath.dirname(page.file.src_uri)

    def replaced(match: re.Match[str]) -> str:
        text, target = match.groups()
        path = posixpath.normpath(posixpath.join("docs", folder, target.partition("#")[0]))
        if path == "docs" or path.startswith("docs/"):
            return match.group(0)
        label = text.strip("`")
        return f"`{path}`" if label in (path, target) else f"{text} (`{path}`)"

    return LINK.sub(replaced, markdown)
