"""A trained model in the browser: the work of `ldpf app`."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldpf.app import page
from ldpf.app.gallery import make_gallery
from ldpf.app.session import Session
from ldpf.app.uploads import Uploads
from ldpf.utils.constraints import Whole, check_value
from ldpf.utils.ways import setting
from ldpf.workflows.inputs import AnyBackbone, Images, list_images, load_trained

log = logging.getLogger("ldpf")

_LOOK_SECONDS = 0.2

LOCAL = ("127.0.0.1", "localhost", "::1")
"""Hosts that only this machine reaches."""


@dataclass(frozen=True)
class Served:
    """A page that is served until it is closed.

    Attributes:
        address: where it is.
        public: its public link; None without one.
        page: the page as gradio's `Blocks`.
        uploads: where the images of visitors lie.
    """

    address: str
    public: str | None
    page: Any
    uploads: Uploads

    def wait(self) -> None:
        """Serve until Ctrl-C or SIGTERM, then close; both are raised as `KeyboardInterrupt`."""
        try:
            while True:
                time.sleep(_LOOK_SECONDS)
        except KeyboardInterrupt as stop:
            stop.args = ("The page is closed, and the images of its visitors are removed.",)
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Stop serving, and remove what visitors have uploaded."""
        try:
            self.page.close(verbose=False)
        finally:
            self.uploads.remove()


def serve(
    model: str | Path,
    *,
    data: Images | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    share: bool = False,
    backbone: AnyBackbone | None = None,
    device: str = "auto",
) -> Served:
    """Serve a page where a model can be tried; returns at once, the page stays until it is closed.

    Args:
        model: a model folder.
        data: labeled images: the page shows typical ones of each latent domain, and some to try.
        host: address to serve on; the default is reachable from this machine only.
        port: None for the first free one from 7860 on.
        share: also make a public link through gradio's relay.
        backbone: where the backbone lies now; None for where it was during training.
        device: "auto", "cpu" or "cuda".

    Raises:
        SettingsError: gradio is not installed, or the address cannot be served on.
        ModelError: the folder holds no model.
    """
    if port is not None:
        check_value("port", port, Whole(at_least=1, at_most=65535))
    trained = load_trained(model, backbone, device)
    gallery = None
    if data is not None:
        images = list_images(data)
        features = images.encode(trained.backbone).features
        gallery = make_gallery(images.dataset, features, trained.classifier.latent)
    if share:
        log.warning(
            "%s makes a link through gradio's relay: everybody who has it can use the page, "
            "and images dropped there pass through that relay",
            setting("share"),
        )
    elif host not in LOCAL:
        log.warning(
            "the page on %s is open to everybody who can reach it, without a password", host
        )
    session = Session(trained.classifier, trained.backbone)
    uploads = Uploads()
    try:
        blocks = page.build_page(session, gallery, trained.folder.resolve().name)
        address = page.serve(blocks, host=host, port=port, share=share)
    except BaseException:
        uploads.remove()
        raise
    return Served(address, blocks.share_url if share else None, blocks, uploads)
