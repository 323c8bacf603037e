"""The page itself: Gradio around a `Session`. Nothing is loaded from another server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ldpf.app.edits import Keeper
from ldpf.app.events import START, Events
from ldpf.app.gallery import Gallery
from ldpf.app.render import SHOWN, heading, hint, warning
from ldpf.app.serving import load_gradio
from ldpf.app.session import Session
from ldpf.app.time_limit import AT_ONCE
from ldpf.backbones.default import DEMO_BACKBONE

if TYPE_CHECKING:
    from gradio import Blocks

_WHAT = (
    "This page says what an image shows: drop images, and the trained model answers with one of "
    "its {n} classes, how sure it is, and whether the image is like those it learned from."
)
_DRAWINGS_ONLY = (
    "This model is built on {backbone}, which has seen drawings only; on photos its answers mean "
    "little."
)
_FIELDS = (
    "To add a class, type its Name. To rename one, choose the Class and type the new Name. To "
    "remove one, choose the Class."
)
_OVERVIEW = ("file", "class", "probability", "zero-shot says", "outside")
_CARRY_OVER = "The model carries over to other names. No training follows."


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
    gr = load_gradio()
    gallery = gallery or Gallery()
    events = Events(gr, session, gallery, keep)

    def pick(pictures: list[Any], names: tuple[str, ...], event: Any) -> tuple[Any, ...]:
        return events.pick(pictures, names, event.index)

    # Gradio passes the event by this annotation, which needs the class and not its name.
    pick.__annotations__["event"] = gr.SelectData

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
                about = gr.HTML(hint(START), elem_id="ldpf-about")
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
                    weights = [
                        _latent_domain(gr, gallery, s)
                        for s in range(events.n_domains)
                        if events.fused
                    ]
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
        files.change(events.upload, [files, names], seen, **together)
        for gallery_view in (many, samples):
            gallery_view.select(
                pick, [gallery_view, names], [image, shown, failure, *result], **together
            )
        for action, button in (("add", add), ("rename", rename), ("remove", remove)):
            button.click(
                lambda *values, action=action: events.change(action, *values),
                [names, origins, old, new, image, dropped],
                [names, origins, old, new, said, how, kept, table, *result],
                **together,
            )
        if can_keep:
            kept.click(events.keep_classes, [names, origins], [said], **together)
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
