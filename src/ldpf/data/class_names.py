"""Class names a person would write, from folder names or from a small file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from ldpf.data.reading_names import readable_name, reads_as, refuse_twins
from ldpf.errors import DataError, LdpfError, SettingsError
from ldpf.utils.text import can_be_written, did_you_mean, looks_like, normalize, quoted, some


def spelled(name: str) -> str:
    """A name that a person typed, as it is in a prompt.

    Raises:
        SettingsError: nothing can be seen of it.
    """
    words = readable_name(" ".join(normalize(name).split()))
    if not words.strip(" _-"):
        raise SettingsError(f"{quoted(name)} is no name for a class; write what is to be seen.")
    return words


def given_names(given: Any, argument: str = "class_names") -> tuple[str, ...] | None:
    """`checked_names` of an argument that may be None."""
    return None if given is None else checked_names(given, argument)


def checked_names(
    given: Any, argument: str, *, error: type[LdpfError] = DataError, twins: bool = True
) -> tuple[str, ...]:
    """Names as an argument gives them, one for each class or domain.

    Args:
        given: Any sequence of texts.
        argument: Its name, for messages.
        error: The type raised.
        twins: Refuse names that read the same; False where the caller does.

    Raises:
        DataError: They are not texts in an order, one is empty, or two read the same; or what
            `error` says.
    """
    ordered = not isinstance(given, str | bytes | Mapping | AbstractSet)
    if not ordered or not hasattr(given, "__iter__"):
        raise error(
            f"{argument}={quoted(given)} is no list; give a list of names, in the order of the ids"
        )
    listed = list(given.to_pylist() if hasattr(given, "to_pylist") else given)  # of Arrow
    listed = [_text_of(name) for name in listed]
    for place, name in enumerate(listed):
        if not isinstance(name, str) or not can_be_written(name) or not reads_as(name):
            raise error(f"{argument}[{place}] is {quoted(name)}; give a name in words")
    names = tuple(normalize(str(name)) for name in listed)
    if not twins:
        return names
    refuse_twins(
        names,
        range(len(names)),
        "class" if argument == "class_names" else "domain",
        f"give each its own in {argument}, such as 'crane (bird)' and 'crane (machine)'",
        error=error,
    )
    return names


def _text_of(name: Any) -> Any:
    """Bytes of UTF-8 as text, anything else as it is."""
    if not isinstance(name, bytes):
        return name
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name


def _raw(name: str) -> str:
    """A name that is no UTF-8 as the bytes that it is on disk, or with escapes."""
    try:
        return quoted(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # half a character, as JSON can escape it
        return quoted(name)


def check_distinct(kind: str, names: Mapping[str, str]) -> None:
    """Refuse names that two people would read as the same one.

    Args:
        kind: What the names name, for the message: "class" or "domain".
        names: Every raw name, with a place where it was seen (a folder or a manifest line).

    Raises:
        DataError: A name is not valid UTF-8, or two names are equal once normalized (NFC), or
            differ only in upper and lower case, in spaces or in characters that cannot be seen.
    """
    seen: dict[str, str] = {}
    for name in sorted(names):
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            raise DataError(
                f"the {kind} name {_raw(name)} is not valid UTF-8; rename it "
                f"(it is in {names[name]})"
            ) from None
        folded = normalize(looks_like(name).casefold())
        other = seen.setdefault(folded, name)
        if other == name:
            continue
        if not folded:
            raise DataError(
                f"two {kind} names hold nothing that can be seen: {other!a} ({names[other]}) and "
                f"{name!a} ({names[name]}); rename them"
            )
        if normalize(other) == normalize(name):
            raise DataError(
                f"two {kind} names read the same but are spelled with different Unicode "
                f"characters: {other!a} ({names[other]}) and {name!a} ({names[name]}); "
                "rename one so that both are spelled the same way"
            )
        if looks_like(other) == looks_like(name):
            raise DataError(
                f"two {kind} names differ only in spaces or in characters that cannot be seen: "
                f"{other!a} ({names[other]}) and {name!a} ({names[name]}); rename one, to the same "
                f"name if they are the same {kind}"
            )
        raise DataError(
            f"two {kind} names differ only in upper and lower case: {other!r} ({names[other]}) "
            f"and {name!r} ({names[name]}); rename one, to the same name if they are the same "
            f"{kind}"
        )


def class_names_for(
    folders: tuple[str, ...],
    file: Path | None = None,
    *,
    also_known: Iterable[str] = (),
    defaults: Callable[[str], str] = readable_name,
) -> tuple[str, ...]:
    """Readable names for class folders, in the same order.

    Args:
        folders: Class folder names (or manifest labels), normalized and distinct.
        file: Overrides, see `read_class_names`; classes it does not mention take `defaults`.
        also_known: Folder names the file may mention although they hold no images.
        defaults: From a folder name to a readable one.

    Raises:
        DataError: The file names an unknown folder, or two classes would have the same name.
    """
    overrides = read_class_names(file) if file is not None else {}
    for folder in overrides:
        if folder not in folders and folder not in set(also_known):
            raise DataError(
                f"{file} names the class folder {folder!r}, which is not in the dataset."
                f"{did_you_mean(folder, folders)} Its classes are: {some(folders)}"
            )
    names = tuple(overrides.get(folder) or defaults(folder) for folder in folders)
    refuse_twins(
        names,
        folders,
        "class",
        "rename a folder, or give them different names in a class_names file "
        "(lines: folder_name = readable name)",
    )
    return names


def read_class_names(file: Path) -> dict[str, str]:
    """Read a class-names file: ``{folder name: readable name}``, both normalized.

    The file holds lines ``folder_name = readable name`` (blank lines and lines starting with ``#``
    are ignored), or one JSON object ``{"folder_name": "readable name"}``. It is UTF-8.

    Raises:
        DataError: The file cannot be read, a line has no ``=``, a name is empty, or a folder is
            named twice.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read the class names file {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the class names file {file} is not UTF-8; save it as UTF-8") from error
    pairs = _json_pairs(file, text) if text.lstrip().startswith("{") else _line_pairs(file, text)
    names: dict[str, str] = {}
    for where, folder, name in pairs:
        if not folder or not name:
            raise DataError(f"{file}, {where}: an empty name; write 'folder_name = readable name'")
        if not can_be_written(name):  # JSON can escape half a character
            raise DataError(
                f"{file}, {where}: {name!a} holds half a character; give a name in words"
            )
        if folder in names:
            raise DataError(f"{file}, {where}: the folder {folder!r} is named twice; keep one")
        names[folder] = name
    return names


def _line_pairs(file: Path, text: str) -> list[tuple[str, str, str]]:
    pairs = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        folder, equals, name = line.partition("=")
        if not equals:
            raise DataError(
                f"{file}, line {number}: no '=' in {line!r}; write 'folder_name = readable name'"
            )
        pairs.append((f"line {number}", normalize(folder.strip()), normalize(name.strip())))
    return pairs


def _json_pairs(file: Path, text: str) -> list[tuple[str, str, str]]:
    try:
        # A plain json.loads would keep only the last of two equal keys.
        raw = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the class names file {file} is not valid JSON: {error}") from error
    pairs = []
    if not isinstance(raw, list) or not all(isinstance(pair, tuple) for pair in raw):
        raise DataError(
            f'the class names file {file} should hold one object, such as {{"cat_01": "cat"}}'
        )
    for folder, name in raw:
        if not isinstance(name, str):
            raise DataError(
                f"{file}, entry {folder!r}: the name must be a string, not {type(name).__name__}"
            )
        pairs.append((f"entry {folder!r}", normalize(folder.strip()), normalize(name.strip())))
    return pairs
