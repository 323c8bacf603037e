"""Gradio, and the serving of a page."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ldpf.app.render import CSS
from ldpf.errors import SettingsError
from ldpf.utils.ways import named

if TYPE_CHECKING:
    from gradio import Blocks

MAX_UPLOAD = "20mb"
"""Largest file; the browser refuses larger ones with a message."""

_SYSTEM_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO_FONTS = ("ui-monospace", "Menlo", "Consolas", "monospace")


def load_gradio() -> Any:
    """The package gradio, without its reports; raises SettingsError if it is not installed."""
    # Read when gradio is imported: without them it reports its use and looks for new versions.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        import gradio
    except ImportError as error:
        raise SettingsError(
            "The app needs gradio, which is not installed; run: pip install 'ldpf[app]'"
        ) from error
    return gradio


def serve(
    page: Blocks,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    share: bool = False,
) -> str:
    """Start serving the page in the background and return its address.

    Args:
        page: from `build_page`.
        host: 127.0.0.1 for this machine only.
        port: None for the first free one starting at 7860.
        share: also through gradio's public relay, for everyone who has the link.

    Raises:
        SettingsError: the port cannot be used, or the relay gives no link.
    """
    gr = load_gradio()
    theme = gr.themes.Default(font=_SYSTEM_FONTS, font_mono=_MONO_FONTS)
    try:
        _, address, _ = page.queue(max_size=64).launch(
            server_name=host,
            server_port=port,
            share=share,
            max_file_size=MAX_UPLOAD,
            ssr_mode=False,
            show_error=False,
            quiet=True,
            prevent_thread_lock=True,
            footer_links=[],
            theme=theme,
            css=CSS,
        )
    except OSError as error:
        raise SettingsError(
            f"The page cannot be served on {host}, port {port or 'any'} ({error}); give another "
            f"one with {named('port')} or {named('host')}."
        ) from error
    if share and page.share_url is None:  # gradio says why, and serves the page all the same
        page.close(verbose=False)
        raise SettingsError(
            "Gradio's relay has given no public link: it cannot be reached, or its program (frpc) "
            f"cannot be fetched or run. Leave out {named('share')}, or serve in your own network "
            f"with {named('host')}."
        )
    return address
