"""A trained model in the browser: the work of `ldpf app`."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldpf.app import page
from ldpf.app.edits import ClassEdits, Keeper
from ldpf.app.gallery import make_gallery
from ldpf.app.serving import serve as serve_page
from ldpf.app.session import Session
from ldpf.app.uploads import Uploads
from ldpf.errors import SettingsError
from ldpf.models.saving import check_output_folder
from ldpf.utils.constraints import Whole, check_value
from ldpf.utils.paths import full_path
from ldpf.utils.ways import named, setting
from ldpf.workflows.class_changes import change_classes
from ldpf.workflows.inputs import AnyBackbone, Images, TrainedModel, list_images, load_trained
from ldpf.workflows.outputs import check_outputs

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
    out: str | Path | None = None,
    overwrite: bool = False,
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
        out: folder where a button keeps the model with the classes that were changed on the page,
            as `change_classes` does; without, the page shows the command for it. Only for a page
            that this machine alone reaches.
        overwrite: the button replaces another model in `out`.
        backbone: where the backbone lies now; None for where it was during training.
        device: "auto", "cpu" or "cuda".

    Raises:
        SettingsError: gradio is not installed, the address cannot be served on, or `out` cannot be
            written or is given for a page that others reach.
        ModelError: the folder holds no model.
    """
    if port is not None:
        check_value("port", port, Whole(at_least=1, at_most=65535))
    local = host in LOCAL and not share
    if out is not None:
        if not local:
            raise SettingsError(
                f"{named('out')} would let everybody who can open the page write a model; give it "
                f"only where this machine alone reaches the page, or keep the classes with 'ldpf "
                "classes'."
            )
        check_outputs(data, folders={"out": out})
        check_output_folder(full_path(out, named("out")))
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
    keep = _keeper(trained, out, overwrite, device) if local else None
    uploads = Uploads()
    try:
        blocks = page.build_page(session, gallery, trained.folder.resolve().name, keep)
        address = serve_page(blocks, host=host, port=port, share=share)
    except BaseException:
        uploads.remove()
        raise
    return Served(address, blocks.share_url if share else None, blocks, uploads)


def _keeper(trained: TrainedModel, out: str | Path | None, overwrite: bool, device: str) -> Keeper:
    """How the page keeps changed classes."""
    if out is None:
        return Keeper(
            lambda edits: (
                "To keep the model with these classes: "
                f"{edits.command(str(trained.folder), 'NEW-MODEL')}"
            )
        )

    def write(edits: ClassEdits) -> str:
        changed = change_classes(
            trained.folder,
            out,
            add=edits.add,
            rename=dict(edits.rename),
            remove=edits.remove,
            backbone=trained.backbone,
            device=device,
            overwrite=overwrite,
        )
        return f"Kept in {str(changed.model)!r}. {changed.worth}"

    return Keeper(
        lambda _: f"The button keeps the model with these classes in {str(out)!r}.", write
    )
