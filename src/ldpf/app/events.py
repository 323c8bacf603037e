"""What happens on the page: files are dropped, a picture is chosen, a class is changed."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ldpf.app.edits import Keeper, edits_of
from ldpf.app.gallery import Gallery
from ldpf.app.render import SHOWN, hint, message, warning
from ldpf.app.session import Session, open_upload
from ldpf.app.time_limit import LOOK_SECONDS, within_time
from ldpf.errors import LdpfError
from ldpf.utils.ways import setting

if TYPE_CHECKING:
    from PIL import Image

    from ldpf.app.session import Answer

MAX_FILES = 50
"""Files of one drop that are looked at."""

_TOO_MANY = (
    "These are {n} files; the first {most} are shown. 'ldpf predict' classifies whole folders."
)
_TOO_SLOW = (
    "Reading these files took {seconds} seconds, so the last {n} were not looked at. "
    "'ldpf predict' classifies whole folders."
)
_NO_DOMAINS = "This model has no latent domains."
START = "Drop an image to see its classes."


@dataclass(frozen=True)
class Events:
    """The functions behind the parts of the page; each returns the new values of some parts.

    Attributes:
        gr: the package gradio.
        session: answers.
        gallery: typical images of each latent domain.
        keep: how changed classes are kept; None if the page does not offer it.
    """

    gr: Any
    session: Session
    gallery: Gallery
    keep: Keeper | None = None

    @property
    def n_domains(self) -> int:
        """S, the number of latent domains."""
        return self.session.classifier.n_domains

    @property
    def fused(self) -> bool:
        """Whether there are weights of latent domains to show."""
        return self.n_domains > 1

    def overview(self, images: list[Any], names: tuple[str, ...]) -> list[list[str]]:
        """A row for each of several images."""
        rows = []
        end = time.monotonic() + LOOK_SECONDS
        for picture, name in images:
            if time.monotonic() > end:
                rows.append([name, "", "", "", "no time left"])
                continue
            try:
                answer = within_time(self.session.answer, picture, tuple(names))
            except LdpfError as error:
                rows.append([name, "", "", "", str(error)])
                continue
            label, probability = answer.ranking[0]
            outside = "yes" if answer.warning else ""
            rows.append([name, label, f"{probability:.0%}", answer.zero_shot[0][0], outside])
        return rows

    def outputs(self, answer: Answer) -> tuple[Any, ...]:
        """The values of all parts that show one answer."""
        note = (
            hint(_NO_DOMAINS)
            if not self.fused
            else ""
            if self.gallery.typical
            else hint(_no_pictures())
        )
        return (
            "" if answer.warning is None else warning(answer.warning),
            self.gr.Label(dict(answer.ranking), visible=True),
            self.gr.Label(dict(answer.zero_shot), visible=True),
            self.gr.Accordion(visible=len(answer.ranking) > SHOWN),
            [[name, f"{probability:.2%}"] for name, probability in answer.ranking],
            self.gr.Column(visible=self.fused),
            note,
            *(
                {f"Latent domain {s}": weight}
                for s, weight in enumerate(answer.weights)
                if self.fused
            ),
        )

    def nothing(self, sentence: str) -> tuple[Any, ...]:
        """The values of the same parts with a sentence in place of an answer."""
        hidden = (
            self.gr.Label(None, visible=False),
            self.gr.Label(None, visible=False),
            self.gr.Accordion(visible=False),
            [],
        )
        return (
            sentence,
            *hidden,
            self.gr.Column(visible=False),
            "",
            *[None] * (self.n_domains * self.fused),
        )

    def show(self, image: Image.Image | None, names: tuple[str, ...]) -> tuple[Any, ...]:
        """Answer an image, or say what is wrong with it."""
        if image is None:
            return self.nothing(hint(START))
        try:
            return self.outputs(within_time(self.session.answer, image, tuple(names)))
        except LdpfError as error:
            return self.nothing(message(str(error)))

    def upload(self, paths: list[str] | None, names: tuple[str, ...]) -> tuple[Any, ...]:
        """Files were dropped: the first one is answered, and several are listed."""
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
        many = self.gr.Gallery(value=images, visible=len(images) > 1)
        result = self.nothing("") if failed and first is None else self.show(first, names)
        rows = self.overview(images, names) if len(images) > 1 else []
        table = self.gr.Dataframe(value=rows, visible=len(images) > 1)
        return (first, many, table, images, first, "".join(failed), *result)

    def pick(self, pictures: list[Any], names: tuple[str, ...], number: int) -> tuple[Any, ...]:
        """A picture of a gallery was chosen."""
        image = pictures[number][0].convert("RGB")
        return (image, image, "", *self.show(image, names))

    def change(
        self,
        action: str,
        names: tuple[str, ...],
        origins: tuple[str | None, ...],
        old: str | None,
        new: str,
        image: Any,
        images: Any,
    ) -> tuple[Any, ...]:
        """A class was added, renamed or removed; the answers follow."""
        names, origins = tuple(names), tuple(origins)
        try:
            if action == "add":
                names, done = within_time(self.session.add, names, new), "Added."
                origins = (*origins, None)
            elif action == "rename":
                names, done = within_time(self.session.rename, names, old or "", new), "Renamed."
            else:
                at = names.index(old) if old in names else -1
                names, done = within_time(self.session.remove, names, old or ""), "Removed."
                origins = origins[:at] + origins[at + 1 :]
            said, new = hint(done), ""
        except LdpfError as error:
            said = message(str(error))
        kept = old if old in names else None
        menu = self.gr.Dropdown(choices=list(names), value=kept)
        rows = self.overview(images, names) if len(images or ()) > 1 else []
        table = self.gr.Dataframe(value=rows, visible=bool(rows))
        edits = edits_of(self.session.class_names, names, origins)
        how = hint(self.keep.words(edits)) if self.keep is not None and edits else ""
        button = self.gr.Button(
            visible=bool(edits) and self.keep is not None and self.keep.write is not None
        )
        return (names, origins, menu, new, said, how, button, table, *self.show(image, names))

    def keep_classes(self, names: tuple[str, ...], origins: tuple[str | None, ...]) -> str:
        """Save the model with its changed classes."""
        edits = edits_of(self.session.class_names, tuple(names), tuple(origins))
        assert self.keep is not None and self.keep.write is not None
        try:
            return hint(self.keep.write(edits))
        except LdpfError as error:
            return message(str(error))


def _no_pictures() -> str:
    start = setting("data", "PATH")
    return f"Start with {start} to see typical images of each latent domain here."
