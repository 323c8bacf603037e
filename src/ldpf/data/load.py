"""From what a person types to a dataset."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ldpf.data.boxes import split_box, with_boxes
from ldpf.data.class_names import class_names_for
from ldpf.data.columns import parse_columns
from ldpf.data.dataset import ImageDataset
from ldpf.data.datasets.base import NamedDataset
from ldpf.data.datasets.listing import list_named_dataset
from ldpf.data.datasets.metadata_table import METADATA, list_metadata, recognize_metadata
from ldpf.data.datasets.recognize import FoundDataset, recognize_dataset
from ldpf.data.embeddings import EmbeddedImages, has_embeddings, list_embeddings
from ldpf.data.groups import ALONE, groups_from_paths
from ldpf.data.image_folder import Listing, list_folders
from ldpf.data.images import BadImage, bad_images_message
from ldpf.data.manifest import list_manifest
from ldpf.data.odd_names import say_odd_names
from ldpf.data.reading_names import readable_name, refuse_twins
from ldpf.data.saved_datasets import is_saved_dataset, unpack_saved_dataset
from ldpf.data.tables import MANIFEST_ENDINGS
from ldpf.data.tar_shards import (
    name_without_ending,
    require_labels,
    tar_shards,
    unpack_tar_shards,
)
from ldpf.errors import DataError, SettingsError
from ldpf.utils.cache_dir import cache_root
from ldpf.utils.paths import full_path, missing_path_error
from ldpf.utils.text import count, quoted, some
from ldpf.utils.ways import named, setting

log = logging.getLogger("ldpf")

CLASS_NAMES_FILE = "class_names.txt"


def load_dataset(
    source: str | Path,
    *,
    layout: str = "auto",
    class_names: Path | None = None,
    skip_bad: bool = False,
    cache_dir: Path | None = None,
    benchmark: str = "auto",
    group_by: str | None = None,
    columns: str | Mapping[str, str] | None = None,
    margin: float = 0.0,
) -> ImageDataset:
    """List a dataset: a folder, a manifest, or the drawn demo set.

    Only names are read and no image is opened; `extract_features` and `check_dataset` find bad
    files.

    Args:
        source: One of

            - a folder of `domain/class/image` or `class/image` (domains unknown), see `layout`;
            - a manifest, `.csv`, `.tsv`, `.jsonl`, `.parquet` or `.pq`, with columns path and label
              and optionally domain, split (train, val, test) and group;
            - embeddings computed elsewhere, without any image: a Parquet manifest with a column
              embedding, an array .npy with a manifest of the same name beside it, or a folder as
              clip-retrieval writes it; see `ldpf.data.embeddings.list_embeddings`;
            - a folder that Hugging Face's `save_to_disk` wrote; its pictures are unpacked once,
              into the cache;
            - tar shards in webdataset's layout, one or a folder of them, see
              `ldpf.data.tar_shards`; unpacked in the same way;
            - the string "demo": a small drawn set, made once in the cache. Write "./demo" for a
              folder of that name.
        layout: "auto" tells the two folder layouts apart by their depth; "domain/class" and "class"
            select one, and then images may also be deeper. For folders only.
        class_names: A file with lines `folder_name = readable name` (or one JSON object) for
            classes whose folder names are not readable. Without it, a file
            `class_names.txt` beside the data (in the folder, or next to the manifest) is used if
            there is one. Names not given there come from the folders: `alarm_clock` becomes
            "alarm clock".
        skip_bad: Leave out the files a manifest lists that do not exist, instead of stopping, and
            record them in `skipped`.
        cache_dir: Where the demo set is kept; default `ldpf.utils.cache_dir.cache_root()`.
        benchmark: "auto" recognizes the folders of a named data set (PACS, DomainNet ...), in the
            layouts in circulation, and gives it its official domain and class names and its
            published splits, which the log says; a name ("mini-domainnet") insists on it; "none"
            reads the folders as any others. With a `layout` other than "auto" nothing is
            recognized by itself.
        group_by: A regular expression that finds in each path what must stay on one side of a
            split, such as the burst in `cat/burst07_003.jpg`; see
            `ldpf.data.groups.groups_from_paths`. None for the column `group` of a manifest.
        columns: Names of a manifest's columns, if they are not path, label, domain, split and
            group: "path=filename,label=class", or a mapping.
        margin: How far to extend the boxes of a manifest on every side, as a share of the box's
            width or height.

    Raises:
        DataError: There is no such file or folder, or what it holds cannot be used; see
            `ldpf.data.image_folder.list_folders`, `ldpf.data.manifest.list_manifest` and
            `ldpf.data.class_names.class_names_for`.
        SettingsError: An unknown layout or data set; or `group_by` is no regular expression, finds
            nothing, or is given in addition to a column `group`.
    """
    named_columns = parse_columns(columns)
    if source == "demo":  # a str only: Path("demo") is a folder of that name
        root, name = _demo_folder(cache_dir), "demo"
    else:
        root = full_path(source).absolute()
        _check_can_be_asked_for(root)
        name = root.resolve().name
        if not root.exists():
            raise missing_path_error(root)

    splits, embeddings = None, None
    missing: Sequence[BadImage] = ()
    found, tabled = None, None
    walked = root if root.is_dir() and source != "demo" else None
    saved_name = None
    if walked is not None and is_saved_dataset(root):
        root = unpack_saved_dataset(root, cache_dir or cache_root(), named_columns)
        walked, saved_name, named_columns = None, name, {}
    beside = root if root.is_dir() else root.parent
    if source != "demo" and tar_shards(root):
        packed, name = root, name_without_ending(root) if root.is_file() else name
        root = unpack_tar_shards(packed, cache_dir or cache_root(), named_columns)
        require_labels(packed, root)
        walked, saved_name, named_columns = None, name, {}
    embedded = source != "demo" and has_embeddings(root)
    if root.is_dir() and not embedded and (benchmark != "auto" or layout == "auto"):
        tabled = recognize_metadata(root, benchmark)
    if tabled is not None:
        listing, splits, missing = _list_tabled(root, tabled, skip_bad=skip_bad)
    elif embedded:
        listing, splits, embeddings = list_embeddings(root, named_columns)
        walked = None
        if root.is_file():
            root, name = root.parent, root.stem
    elif root.is_dir():
        if benchmark != "auto" or (layout == "auto" and source != "demo"):
            found = recognize_dataset(root, benchmark)
        if found is None:
            listing = list_folders(root, layout)
        else:
            listing, splits, missing = _list_found(found, skip_bad=skip_bad)
    elif root.suffix.lower() in MANIFEST_ENDINGS:
        listing, splits, missing = list_manifest(
            root, skip_bad=skip_bad, columns=named_columns, margin=margin
        )
        root, name = root.parent, root.stem if saved_name is None else saved_name
    else:
        spreadsheet = root.suffix.lower() in (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")
        if spreadsheet:
            raise DataError(f"{root} is a spreadsheet; open it and save it as CSV")
        raise DataError(
            f"{root} is a file but not a manifest ({', '.join(MANIFEST_ENDINGS)}); "
            "give a folder of images (unpack an archive first), a manifest, or embeddings (.npy)"
        )

    if margin and not any(split_box(path)[1] for path in listing.paths):
        with_boxes((), None, margin, root)  # says that there is nothing to widen
    names_file = Path(class_names) if class_names is not None else beside / CLASS_NAMES_FILE
    if class_names is None and not names_file.is_file():
        names_file = None
        if found is None and all(folder.isdecimal() for folder in listing.classes):
            warnings.warn(
                f"the classes of {source} are called by numbers ({', '.join(listing.classes[:3])}, "
                "...), which says nothing to a text encoder; name them in "
                f"{beside / CLASS_NAMES_FILE} with lines such as '0 = cat'",
                stacklevel=2,
            )
    if found is None and names_file == root / CLASS_NAMES_FILE:
        listing.left_out.endings.subtract([Path(CLASS_NAMES_FILE).suffix])  # it is read
    listing.left_out.say(root)
    empty = {path.rpartition("/")[2] for path in listing.empty}
    named = tabled if found is None else found.dataset
    names = class_names_for(
        listing.classes,
        names_file,
        also_known=empty if found is None else found.dataset.classes,
        defaults=readable_name if named is None else named.class_name,
    )
    way_out = f"say what it shows in {CLASS_NAMES_FILE}, with a line such as 'c0 = cat'"
    say_odd_names(names, "class", way_out)
    say_odd_names(listing.domain_names, "domain", "give it another name")
    way_out = "give them different names, or one if they are the same"
    refuse_twins(listing.domain_names, listing.domain_names, "domain", way_out)
    dataset = ImageDataset(
        name=name,
        root=root,
        paths=listing.paths,
        labels=listing.labels,
        class_names=names,
        domains=listing.domains,
        domain_names=listing.domain_names,
        splits=splits,
        groups=_groups(listing, root, group_by),
        walked=walked,
    )
    if embeddings is not None:
        dataset = EmbeddedImages(**vars(dataset), embeddings=embeddings)
    return dataset.without(missing)


def _groups(listing: Listing, root: Path, group_by: str | None) -> np.ndarray | None:
    if group_by is None:
        return listing.groups
    if listing.groups is not None:
        raise SettingsError(
            f"groups are given twice: by the column 'group' of the manifest in {root}, and by "
            f"{setting('group_by', group_by)}; leave one out"
        )
    groups = groups_from_paths(listing.paths, group_by)
    alone = int((groups == ALONE).sum())
    log.info(
        "groups: %s%s",
        count(len(np.unique(groups[groups != ALONE])), "group"),
        f"; {count(alone, 'image')} that {named('group_by')} does not match are alone"
        if alone
        else "",
    )
    return groups


def _list_found(
    found: FoundDataset, *, skip_bad: bool
) -> tuple[Listing, np.ndarray | None, Sequence[BadImage]]:
    """A recognized data set's listing and splits; says in the log what they come from."""
    listed = list_named_dataset(found)
    if listed.missing and not skip_bad:
        assert listed.lists is not None
        total = len(listed.listing.paths) + len(listed.missing)
        raise DataError(
            f"{bad_images_message(listed.missing, total, listed.lists.folder)}\n"
            "(The split lists name them. Unpack the archives again, or move the lists away.)"
        )
    text = f"recognized {found.dataset.title}: official domains and readable class names are used"
    if listed.lists is not None:
        text += f", with the split lists of {listed.lists.folder}"
        if listed.unlisted:
            text += f" ({listed.unlisted:,} images that they do not name are left out)"
    elif listed.splits is not None:
        text += ", with the splits its folders give"
    if listed.listing.empty:
        shown = some(listed.listing.empty, limit=5)
        warnings.warn(
            f"left out {len(listed.listing.empty)} folders without images: {shown}", stacklevel=3
        )
    log.info("%s; %s reads the folders as they are", text, setting("benchmark", "none"))
    return listed.listing, listed.splits, listed.missing


def _list_tabled(
    root: Path, dataset: NamedDataset, *, skip_bad: bool
) -> tuple[Listing, np.ndarray, Sequence[BadImage]]:
    """The listing, splits and missing files of a data set with a table; the log says which."""
    listed = list_metadata(root, dataset)
    total = len(listed.listing.paths)
    if listed.missing and (not skip_bad or len(listed.missing) == total):
        raise DataError(bad_images_message(listed.missing, total, root / METADATA))
    log.info(
        "recognized %s: domains, groups and splits of %s are used%s; %s reads the "
        "folders as they are",
        dataset.title,
        METADATA,
        f", {count(listed.left_out, 'row')} of other splits left out" if listed.left_out else "",
        setting("benchmark", "none"),
    )
    return listed.listing, listed.splits, listed.missing


def _check_can_be_asked_for(path: Path) -> None:
    """Refuse a path that the operating system cannot even look for; one that is missing is fine."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:  # a name that is too long, links in a circle, no permission
        raise DataError(
            f"{quoted(str(path), 120)} cannot be read ({error.strerror or error}); give another "
            "place"
        ) from error


def _demo_folder(cache_dir: Path | None) -> Path:
    from ldpf.demo.dataset import demo_folder  # draws pictures: not needed by anybody else

    if Path("demo").is_dir():
        warnings.warn(
            "'demo' is the drawn demo set; for the folder of that name here, write './demo'",
            stacklevel=3,
        )
    return demo_folder(cache_dir)
