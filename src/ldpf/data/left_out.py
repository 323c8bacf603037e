"""What a walk through folders leaves out, counted, so that one line can say it."""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ldpf.data.formats import OPTIONAL_FORMATS, image_endings
from ldpf.utils.text import count, some

if TYPE_CHECKING:
    from ldpf.data.image_files import Folder

log = logging.getLogger("ldpf")

PICTURE_ENDINGS = frozenset(
    {".psd", ".psb", ".xcf", ".svg", ".eps", ".exr", ".hdr", ".tga", ".ico", ".jxr", ".wdp", ".pcx"}
    | {".svgz", ".ai", ".emf", ".wmf", ".pict", ".pct", ".icns", ".cur", ".dds", ".sgi", ".qoi"}
    | {".bpg", ".flif", ".djvu", ".djv", ".pdf", ".xbm", ".xpm", ".pam", ".jls", ".gifv", ".dib"}
    | {".npy", ".npz", ".sid", ".ecw", ".ras", ".heics", ".heifs", ".avifs", ".nd2", ".oib", ".oif"}
    | {".lsm", ".stk", ".btf", ".zvi", ".bif", ".mha", ".nrrd", ".cap", ".ptx", ".bay", ".r3d"}
    | {".nii", ".svs", ".ndpi", ".mrxs", ".scn", ".czi", ".lif", ".vsi", ".fits", ".fit", ".ima"}
    | {".raw", ".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".srf", ".sr2", ".orf"}
    | {".raf", ".rw2", ".rwl", ".pef", ".srw", ".x3f", ".3fr", ".fff", ".iiq", ".kdc", ".dcr"}
    | {".mrw", ".erf", ".mef", ".mos", ".gpr", ".insp", ".rwz", ".jpx", ".jpf", ".jpm"}
).union(*(one.endings for one in OPTIONAL_FORMATS))
"""Endings of pictures that are not read, or only by a plug-in: whoever has them wants them read."""

FILM_ENDINGS = frozenset(
    {".mp4", ".mov", ".avi", ".mkv", ".m4v", ".wmv", ".mpg", ".mpeg", ".webm", ".3gp", ".mts"}
)
ARCHIVE_ENDINGS = frozenset(
    {".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst", ".lz4", ".tbz2", ".txz"}
    | {".z01", ".001", ".iso", ".dmg", ".cab", ".h5", ".hdf5", ".tfrecord", ".tfrecords", ".lmdb"}
    | {".mdb", ".pkl", ".pickle", ".mat"}
)
UNFINISHED_ENDINGS = frozenset(
    {".part", ".partial", ".crdownload", ".download", ".opdownload", ".aria2", ".!qb"}
)
_NEARLY = re.compile(r"\.(jpe?g|png|webp|gif|bmp|tiff?|heic)[^0-9a-z~].*", re.DOTALL)
"""`.jpg_large`, `.jpeg!d`, `.png?w=300`: endings as web sites make them."""

_BACKUP = "_original"
_FEW_UNNAMED = 10
"""A data set has a README or a LICENSE; more files without an ending are its pictures."""

# Written by operating systems and storage boxes: bins, snapshots and previews, no one's data.
_SYSTEM_FOLDERS = frozenset(
    {"#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@eadir", "@tmp", "__macosx"}
    | {"$recycle.bin", "system volume information", "lost+found", "network trash folder"}
    | {"recycler", "temporary items", "dfsrprivate", "~snapshot", "@synoresource"}
    | {"synophoto_thumb", "ipynb_checkpoints", "__pycache__", "node_modules"}
)
_NUMBERED = re.compile(r"found\.\d{3}|.*\.lrdata")  # of chkdsk; previews of Lightroom
_HIDDEN_BIN = ".trash"  # .Trash, .Trash-1000, .Trashes

_SHOWN = 8


def is_system_folder(name: str) -> bool:
    """Whether a folder of this name is a recycle bin or another folder of the system."""
    folded = name.casefold()
    return (
        folded in _SYSTEM_FOLDERS
        or folded.startswith(_HIDDEN_BIN)
        or _NUMBERED.fullmatch(folded) is not None
    )


@dataclass
class LeftOut:
    """Files and folders that were left out so far.

    Attributes:
        endings: How often each file ending was seen that is not read, in lower case.
        system_folders: How often each name of a folder of the system was seen.
        hidden: How many other hidden files and folders there were (leading dot).
    """

    endings: Counter[str] = field(default_factory=Counter)
    system_folders: Counter[str] = field(default_factory=Counter)
    hidden: int = 0

    def add(self, folder: Folder) -> None:
        """Count what one folder holds."""
        self.endings.update(folder.other_endings)
        self.system_folders.update(folder.system_folders)
        self.hidden += folder.hidden

    @property
    def is_missed(self) -> bool:
        """Whether something is among it that a person may take for a part of the data."""
        known = PICTURE_ENDINGS | FILM_ENDINGS | ARCHIVE_ENDINGS | UNFINISHED_ENDINGS
        return (
            bool(self.system_folders)
            or self.endings[""] >= _FEW_UNNAMED
            or any(n and (e in known or _is_nearly(e)) for e, n in self.endings.items())
        )

    def words(self) -> str:
        """What was left out and what to do, in one line without an end; empty for nothing."""
        rest = +self.endings
        nearly = frozenset(filter(_is_nearly, rest))
        unnamed = frozenset({""} if rest[""] >= _FEW_UNNAMED else ())
        kinds = (PICTURE_ENDINGS, FILM_ENDINGS, ARCHIVE_ENDINGS, UNFINISHED_ENDINGS)
        pictures, films, archives, unfinished, odd = (
            Counter({ending: rest.pop(ending) for ending in sorted(kind & rest.keys())})
            for kind in (*kinds, nearly | unnamed)
        )
        parts = [
            _part(pictures, "picture", "in formats that are not read", _advice(pictures)),
            _part(films, "film", advice="extract frames to use them"),
            _part(archives, "archive", advice="unpack them to use what they hold"),
            _part(unfinished, "unfinished download", advice="fetch them again"),
            _part(odd, "file", "whose name does not end as a picture's does", _ODD_ADVICE),
            _part(+rest, "other file"),
            _part(self.system_folders, "system folder"),
            count(self.hidden, "hidden file or folder", "hidden files or folders")
            if self.hidden
            else "",
        ]
        return ", ".join(filter(None, parts))

    def say(self, where: str | Path | None = None) -> None:
        """One line in the log, if anything was left out: a warning if it may be missed.

        Args:
            where: The folder that was walked; None for several.
        """
        if not (words := self.words()):
            return
        level = logging.WARNING if self.is_missed else logging.INFO
        log.log(level, "left out%s: %s", "" if where is None else f" in {where}", words)


_ODD_ADVICE = "rename them to end in .jpg, for example, if they are pictures"


def _is_nearly(ending: str) -> bool:
    """Whether an ending is that of a picture with something behind it."""
    return _NEARLY.fullmatch(ending) is not None and not ending.endswith(_BACKUP)


def _part(counts: Counter[str], one: str, what: str = "", advice: str = "") -> str:
    """`80 pictures in formats that are not read (.heic 80; advice)`, or nothing for none."""
    if not counts:
        return ""
    inside = "; ".join(filter(None, [_listed(counts), advice]))
    return " ".join(filter(None, [count(counts.total(), one), what, f"({inside})"]))


def _advice(pictures: Counter[str]) -> str:
    """How pictures of these endings can be used."""
    read = image_endings()
    ways: dict[str, str] = {}
    for one in OPTIONAL_FORMATS:
        if one.endings & pictures.keys() and not one.endings & read:
            ways[one.install] = (
                f"{ways[one.install]} and {one.name}" if one.install in ways else one.name
            )
    parts = [f"{install} reads {names}" for install, names in ways.items()]
    if pictures.keys() - frozenset().union(*(one.endings for one in OPTIONAL_FORMATS)):
        parts.append(f"convert {'the others' if ways else 'them'} to JPEG or PNG to use them")
    return ", ".join(parts)


def _listed(counts: Counter[str]) -> str:
    """`.heic 80, .nef 3`: most frequent first, equal ones by name."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return some([f"{name or 'no ending'} {n:,}" for name, n in ordered], limit=_SHOWN)
