"""What sections of a report are made of; how they look is a matter of the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Text:
    """A paragraph; `tone` is plain, note, good or warning."""

    text: str
    tone: str = "plain"
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Heading:
    """A heading inside of a section."""

    text: str
    kind: str = field(default="heading", init=False)


@dataclass(frozen=True)
class Code:
    """Commands to type."""

    lines: Sequence[str]
    kind: str = field(default="code", init=False)


@dataclass(frozen=True)
class Best:
    """A table's cell to be set in bold."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Table:
    """Rows of text; the first cell of each is its heading, the others are numbers or words.

    Attributes:
        caption: what it shows.
        headings: of the columns.
        rows: cells, `Best` ones in bold.
        words: the columns (from 0) with words, which are set left; numbers are set right.
        wordy: whether all are.
    """

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str | Best]]
    words: Sequence[int] = ()
    wordy: bool = False
    kind: str = field(default="table", init=False)


@dataclass(frozen=True)
class Picture:
    """A figure: a data URI, what it shows for those who cannot see it, and a caption."""

    source: str
    alt: str
    caption: str
    kind: str = field(default="picture", init=False)


@dataclass(frozen=True)
class Tile:
    """A thumbnail with a few lines below.

    Attributes:
        source: data URI; empty for an image that could not be read.
        alt: what it is, in words.
        lines: below it, the first one in bold.
        rows: cells of a small table below these, such as what each latent domain says.
    """

    source: str
    alt: str
    lines: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Tiles:
    """Thumbnails beside each other."""

    caption: str
    tiles: Sequence[Tile]
    headings: Sequence[str] = ()
    kind: str = field(default="tiles", init=False)


@dataclass(frozen=True)
class Terms:
    """Terms and what they mean."""

    rows: Sequence[tuple[str, str]]
    kind: str = field(default="terms", init=False)


Block = Text | Heading | Code | Table | Picture | Tiles | Terms


@dataclass(frozen=True)
class Section:
    """A part of the report with a place to jump to."""

    anchor: str
    title: str
    blocks: Sequence[Block]
