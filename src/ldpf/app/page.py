"""The page itself: Gradio around a `Session`. Nothing is loaded from another server."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from ldpf.app.edits import Keeper, edits_of
from ldpf.app.gallery import Gallery
from ldpf.app.render import CSS, SHOWN, heading, hint, message, warning
from ldpf.app.session import Session, open_upload
from ldpf.app.time_limit import AT_ONCE, LOOK_SECONDS, within_time
from ldpf.backbones.default import DEMO_BACKBONE
from ldpf.errors import LdpfError, SettingsError
from ldpf.utils.ways import named, setting

if TYPE_CHECKING:
    from gradio import Blocks
    from PIL import Image

    from ldpf.app.session import Answer

MAX_UPLOAD = "20mb"
"""Largest file; the browser says so where one is larger."""

MAX_FILES = 50
"""Files of one drop that are looked at."""

_SYSTEM_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO_FONTS = ("ui-monospace", "Menlo", "Consolas", "monospace")
_TOO_MANY = (
    "These are {n} files; the first {most} are shown. 'ldpf predict' classifies whole folders."
)
_TOO_SLOW = (
    "Reading these files took {seconds} seconds, so the last {n} were not looked at. "
    "'ldpf predict' classifies whole folders."
)
_WHAT = (
    "This page says what an image shows: drop images, and the trained model answers with one of "
    "its {n} classes, how sure it is, and whether the image is like those it learned from."
)
_DRAWINGS_ONLY = (
    "This model is built on {backbone}, which has seen drawings only; on photos its answers mean "
    "little."
)
_START = "Drop an image to see its classes."
_FIELDS = (
    "To add a class, type its Name. To rename one, choose the Class and type the new Name. To "
    "remove one, choose the Class."
)
_OVERVIEW = ("file", "class", "probability", "zero-shot says", "outside")
_NO_DOMAINS = "This model has no latent domains."
_CARRY_OVER = "The model carries over to other names. No training follows."


def _gradio() -> Any:
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


def build_page(
    session: Session,
    gallery: Gallery | None = None,
    title: str = "ldpf",
    keep: Keeper | None = None,
) -> Blocks:
    """The page, not yet served.

    Args:
        session: answers.
        gallery: pictures to show; None for none.
        title: of the browser's tab and the page.
        keep: how changed classes are kept; None where whoever sees the page may not know.

    Raises:
        SettingsError: gradio is not installed.
    """
    gr = _gradio()
    gallery = gallery or Gallery()
    n_domains = session.classifier.n_domains
    fused = n_domains > 1

    def overview(images: list[Any], names: tuple[str, ...]) -> list[list[str]]:
        """A row for each of several images."""
        rows = []
        end = time.monotonic() + LOOK_SECONDS
        for picture, name in images:
            if time.monotonic() > end:
                rows.append([name, "", "", "", "no time left"])
                continue
            try:
                answer = within_time(session.answer, picture, tuple(names))
            except LdpfError as error:
                rows.append([name, "", "", "", str(error)])
                continue
            label, probability = answer.ranking[0]
            outside = "yes" if answer.warning else ""
            rows.append([name, label, f"{probability:.0%}", answer.zero_shot[0][0], outside])
        return rows

    def outputs(answer: Answer) -> tuple[Any, ...]:
        note = hint(_NO_DOMAINS) if not fused else "" if gallery.typical else hint(_no_pictures())
        return (
            "" if answer.warning is None else warning(answer.warning),
            gr.Label(dict(answer.ranking), visible=True),
            gr.Label(dict(answer.zero_shot), visible=True),
            gr.Accordion(visible=len(answer.ranking) > SHOWN),
            [[name, f"{probability:.2%}"] for name, probability in answer.ranking],
            gr.Column(visible=fused),
            note,
            *({f"Latent domain {s}": weight} for s, weight in enumerate(answer.weights) if fused),
        )

    def nothing(sentence: str) -> tuple[Any, ...]:
        hidden = (
            gr.Label(None, visible=False),
            gr.Label(None, visible=False),
            gr.Accordion(visible=False),
            [],
        )
        return (sentence, *hidden, gr.Column(visible=False), "", *[None] * (n_domains * fused))

    def show(image: Image.Image | None, names: tuple[str, ...]) -> tuple[Any, ...]:
        if image is None:
            return nothing(hint(_START))
        try:
            return outputs(within_time(session.answer, image, tuple(names)))
        except LdpfError as error:
            return nothing(message(str(error)))

    def upload(paths: list[str] | None, names: tuple[str, ...]) -> tuple[Any, ...]:
        images, failed = [], []
        paths = paths or []
        if len(paths) > MAX_FILES:
            failed.append(message(_TOO_MANY.format(n=f"{len(paths):,}", most=MAX_FILES)))
        end = time.monotonic() + LOOK_SECONDS
        for number, path in enumerate(paths[:MAX_FILES]):
            if time.monotonic() > end:
                left = len(paths[:MAX_FILES]) - number
                failed.append(message(_TOO_SLOW.format(n=f"{left:,}", seconds=f"{LOOK_SECONDS:g}")))
                break
            try:
                image = within_time(open_upload, path, seconds=LOOK_SECONDS)
                images.append((image, os.path.basename(path)))  # noqa: PTH119
            except LdpfError as error:
                failed.append(message(str(error)))
        first = images[0][0] if images else None
        many = gr.Gallery(value=images, visible=len(images) > 1)
        result = nothing("") if failed and first is None else show(first, names)
        rows = overview(images, names) if len(images) > 1 else []
        table = gr.Dataframe(value=rows, visible=len(images) > 1)
        return (first, many, table, images, first, "".join(failed), *result)

    def pick(pictures: list[Any], names: tuple[str, ...], event: Any) -> tuple[Any, ...]:
        image = pictures[event.index][0].convert("RGB")
        return (image, image, "", *show(image, names))

    # Gradio passes the event by this annotation, which needs the class and not its name.
    pick.__annotations__["event"] = gr.SelectData

    def change(
        action: str,
        names: tuple[str, ...],
        origins: tuple[str | None, ...],
        old: str | None,
        new: str,
        image: Any,
        images: Any,
    ) -> tuple[Any, ...]:
        names, origins = tuple(names), tuple(origins)
        try:
            if action == "add":
                names, done = within_time(session.add, names, new), "Added."
                origins = (*origins, None)
            elif action == "rename":
                names, done = within_time(session.rename, names, old or "", new), "Renamed."
            else:
                at = names.index(old) if old in names else -1
                names, done = within_time(session.remove, names, old or ""), "Removed."
                origins = origins[:at] + origins[at + 1 :]
            said, new = hint(done), ""
        except LdpfError as error:
            said = message(str(error))
        kept = old if old in names else None
        menu = gr.Dropdown(choices=list(names), value=kept)
        rows = overview(images, names) if len(images or ()) > 1 else []
        table = gr.Dataframe(value=rows, visible=bool(rows))
        edits = edits_of(session.class_names, names, origins)
        how = hint(keep.words(edits)) if keep is not None and edits else ""
        button = gr.Button(visible=bool(edits) and keep is not None and keep.write is not None)
        return (names, origins, menu, new, said, how, button, table, *show(image, names))

    def keep_classes(names: tuple[str, ...], origins: tuple[str | None, ...]) -> str:
        edits = edits_of(session.class_names, tuple(names), tuple(origins))
        assert keep is not None and keep.write is not None
        try:
            return hint(keep.write(edits))
        except LdpfError as error:
            return message(str(error))

    with gr.Blocks(title=title, analytics_enabled=False) as page:
        names = gr.State(session.class_names)
        origins = gr.State(session.class_names)
        image = gr.State(None)
        dropped = gr.State([])
        gr.HTML(heading(title))
        gr.HTML(hint(_WHAT.format(n=f"{len(session.class_names):,}")), elem_id="ldpf-what")
        if session.backbone.name == DEMO_BACKBONE:
            gr.HTML(warning(_DRAWINGS_ONLY.format(backbone=DEMO_BACKBONE)), elem_id="ldpf-drawings")
        with gr.Row(elem_id="ldpf-row"):
            with gr.Column(scale=2, min_width=300, elem_id="ldpf-left"):
                files = gr.File(
                    file_count="multiple", label="Images", height=120, elem_id="ldpf-upload"
                )
                shown = gr.Image(
                    label="Image", interactive=False, height=260, buttons=[], elem_id="ldpf-image"
                )
                options = {"columns": 3, "type": "pil", "allow_preview": False, "buttons": []}
                many = gr.Gallery(
                    label="Your images",
                    visible=False,
                    interactive=False,
                    height=150,
                    elem_id="ldpf-many",
                    **options,
                )
                samples = gr.Gallery(
                    value=[image for image, _ in gallery.samples] or None,
                    label="Samples",
                    visible=bool(gallery.samples),
                    interactive=False,
                    height=220,
                    elem_id="ldpf-samples",
                    **options,
                )
            with gr.Column(scale=3, min_width=300, elem_id="ldpf-right"):
                failure = gr.HTML(elem_id="ldpf-failure", padding=False)
                about = gr.HTML(hint(_START), elem_id="ldpf-about")
                table = gr.Dataframe(
                    headers=list(_OVERVIEW),
                    label="All images",
                    visible=False,
                    interactive=False,
                    wrap=True,
                    max_height=260,
                    elem_id="ldpf-overview",
                )
                with gr.Row():
                    rankings = [
                        gr.Label(label=label, num_top_classes=SHOWN, visible=False, elem_id=elem_id)
                        for label, elem_id in (
                            ("Trained model", "ldpf-trained"),
                            ("Zero-shot (no training)", "ldpf-zero-shot"),
                        )
                    ]
                with gr.Accordion(
                    "All classes", open=False, visible=False, elem_id="ldpf-all"
                ) as every:
                    all_classes = gr.Dataframe(
                        headers=["class", "probability"],
                        show_label=False,
                        interactive=False,
                        show_search="filter",
                        max_height=320,
                    )
                with gr.Column(visible=False, elem_id="ldpf-domains") as domains:
                    gr.Markdown("**Weight of each latent domain**")
                    weights = [_latent_domain(gr, gallery, s) for s in range(n_domains) if fused]
                note = gr.HTML(elem_id="ldpf-note")
                with gr.Accordion("Classes", open=False, visible=session.fixed_names is None):
                    gr.HTML(hint(f"{_CARRY_OVER} {_FIELDS}"), elem_id="ldpf-fields")
                    with gr.Row():
                        old = gr.Dropdown(
                            choices=list(session.class_names),
                            label="Class (to rename or remove)",
                            value=None,
                        )
                        new = gr.Textbox(
                            label="Name (to add, or the new one)",
                            max_lines=1,
                            elem_id="ldpf-name",
                        )
                    with gr.Row():
                        add = gr.Button("Add name", size="sm")
                        rename = gr.Button("Rename class", size="sm")
                        remove = gr.Button("Remove class", size="sm")
                    said = gr.HTML(elem_id="ldpf-said")
                    how = gr.HTML(elem_id="ldpf-how")
                    can_keep = keep is not None and keep.write is not None
                    kept = gr.Button(
                        "Keep as a model", size="sm", visible=False, elem_id="ldpf-keep"
                    )
                if session.fixed_names is not None:
                    gr.HTML(hint(session.fixed_names), elem_id="ldpf-fixed-names")
        result = [about, *rankings, every, all_classes, domains, note, *weights]
        # One limit for all events together.
        together = {"concurrency_limit": AT_ONCE, "concurrency_id": "answers"}
        seen = [image, many, table, dropped, shown, failure, *result]
        files.change(upload, [files, names], seen, **together)
        for gallery_view in (many, samples):
            gallery_view.select(
                pick, [gallery_view, names], [image, shown, failure, *result], **together
            )
        for action, button in (("add", add), ("rename", rename), ("remove", remove)):
            button.click(
                lambda *values, action=action: change(action, *values),
                [names, origins, old, new, image, dropped],
                [names, origins, old, new, said, how, kept, table, *result],
                **together,
            )
        if can_keep:
            kept.click(keep_classes, [names, origins], [said], **together)
    return page


def _latent_domain(gr: Any, gallery: Gallery, s: int) -> Any:
    """The bar of a latent domain's weight, with typical images below where there are some."""
    weight = gr.Label(
        show_label=False, show_heading=False, container=False, elem_classes="ldpf-weight"
    )
    if gallery.typical:
        gr.Gallery(
            value=list(gallery.typical[s]),
            show_label=False,
            container=False,
            columns=6,
            height="auto",
            object_fit="contain",
            allow_preview=False,
            interactive=False,
            buttons=[],
        )
    return weight


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
        port: None for the first free one from 7860 on.
        share: also through gradio's public relay, reachable for everybody with the link.

    Raises:
        SettingsError: the port cannot be used, or the relay gives no link.
    """
    gr = _gradio()
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


def _no_pictures() -> str:
    start = setting("data", "PATH")
    return f"Start with {start} to see typical images of each latent domain here."
