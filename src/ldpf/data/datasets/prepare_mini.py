"""mini-DomainNet as a folder of its own, from DomainNet and the lists splits_mini."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ldpf.data.datasets.materialize import Placement, place_all
from ldpf.data.datasets.mini_domainnet import mini_domainnet
from ldpf.data.datasets.recognize import recognize_dataset
from ldpf.data.datasets.split_lists import LabelCheck, ListedPlaces, read_list_folder
from ldpf.data.image_files import check_outside
from ldpf.data.images import BadImage, bad_images_message
from ldpf.errors import DataError
from ldpf.utils.paths import missing_path_error
from ldpf.utils.ways import setting
from ldpf.utils.writable import check_folder

_MINI = mini_domainnet()


@dataclass(frozen=True)
class MiniSummary:
    """What was made: files per domain, and how many listed files were left out as missing."""

    domain_images: dict[str, int]
    missing: int
    done_before: bool = False


def prepare_mini_domainnet(
    domainnet: Path,
    splits: Path,
    out: Path,
    *,
    skip_missing: bool = False,
    copy: bool = False,
    progress: bool = True,
) -> MiniSummary:
    """Make `clipart/umbrella/....jpg` ... and `splits_mini/clipart_train.txt` ...

    See `place_all` for how it is done and restarted. Images are not scaled.

    Args:
        domainnet: DomainNet's folder; only the four domains are needed.
        splits: The folder with `clipart_train.txt`, `clipart_test.txt` ...
        out: The new folder.
        skip_missing: Leave out listed images that are not there, instead of stopping.
        copy: Copy instead of linking.
        progress: Show a progress bar on stderr.

    Raises:
        SettingsError: `out` lies in `domainnet`, or see `place_all`.
        DataError: A folder does not hold what it should, a listed image is not there, or see
            `place_all`.
    """
    domainnet, splits, out = (p.expanduser().absolute() for p in (domainnet, splits, out))
    for folder in (domainnet, splits):
        if not folder.is_dir():
            raise missing_path_error(folder)
    check_outside(out, [domainnet])
    check_folder(out)
    found = recognize_dataset(domainnet, _MINI.name)
    assert found is not None  # a name is found, or an error
    lists = read_list_folder(splits, _MINI)
    folders = {domain: folder for folder, domain in found.domains.items()}
    for domain in _MINI.domains:
        if lists is None or domain not in lists.files:
            raise DataError(
                f"{splits} has no {domain}_train.txt; give the folder of the lists (splits_mini)"
            )
        if domain not in folders:
            raise DataError(f"{domainnet} has no folder {domain}; unpack {domain}.zip there")
    assert lists is not None
    check = LabelCheck(found, lists)
    placements: list[Placement] = []
    texts: dict[str, str] = {}
    missing: list[BadImage] = []
    counts: dict[str, int] = {}
    listed = 0
    for domain, folder in sorted(folders.items()):
        base, before = found.domain_folder(folder), len(placements)
        places, seen = ListedPlaces(found, lists, domain), set[str]()
        for split, rows in lists.rows(domain).items():
            check.see(rows)
            lines = []
            for path, label in rows:
                place = places.below_domain(path)
                listed += 1
                if not (base / place).is_file():
                    missing.append(BadImage(f"{folder}/{place}", "the file does not exist"))
                    continue
                lines.append(f"{domain}/{place} {label}\n")
                if place not in seen:
                    seen.add(place)
                    placements.append(Placement(base / place, f"{domain}/{place}"))
            texts[f"splits_mini/{domain}_{split}.txt"] = "".join(lines)
        counts[domain] = len(placements) - before
    if missing and (not skip_missing or not placements):
        raise DataError(
            bad_images_message(missing, listed, domainnet).rpartition("\n")[0]
            + f"\nUnpack all of DomainNet into {domainnet}, or leave these out with "
            f"{setting('skip_missing')}."
        )
    made = place_all(
        out,
        {
            "benchmark": _MINI.name,
            "domainnet": str(domainnet),
            "splits": str(splits),
            "files": len(placements),
        },
        placements,
        texts,
        {"domain_images": counts, "missing": len(missing)},
        copy=copy,
        progress=progress,
    )
    return MiniSummary(counts, len(missing), done_before=not made)
