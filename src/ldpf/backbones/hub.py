"""Where a backbone's files come from: the package, a folder, or the Hugging Face hub."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ldpf.backbones.families import FAMILIES, BackboneFamily, Checkpoint, find_family
from ldpf.errors import BackboneError
from ldpf.utils.failures import is_of_storage
from ldpf.utils.paths import full_path
from ldpf.utils.text import did_you_mean, first_line
from ldpf.utils.ways import setting

log = logging.getLogger("ldpf")

BUNDLED = {"nano": Path(__file__).parent.parent / "demo" / "nano"}
"""Backbones that come with the package, by name."""

_REQUEST_TIMEOUT_S = 10.0
_SMALL_FILES = ["*.json", "*.txt", "*.model"]
"""Configuration and tokenizer."""
_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
_OLD_HUB_ID = re.compile(r"^[\w.-]+$")
"""Language models of the hub's first years, such as `roberta-base`."""


def resolve_folder(name_or_folder: str | Path) -> Path:
    """Find or fetch the folder of a backbone.

    A name of a bundled backbone wins, then an existing folder, then a hub id `owner/name`, with
    `owner/name@revision` for a fixed revision. A complete copy in the hub's local cache is used
    without asking the network, so a run can be repeated offline.

    Raises:
        BackboneError: there is no such folder, or the hub cannot be reached or has no such model.
    """
    name = str(name_or_folder)
    if name in BUNDLED:
        return BUNDLED[name]
    folder = full_path(name, "backbone")
    if name and folder.is_dir():
        return folder
    if name and folder.exists():
        raise BackboneError(
            f"The backbone {name!r} is a file; give the folder it lies in "
            "(config.json, model.safetensors, tokenizer and preprocessor files)."
        )
    repo, _, revision = name.partition("@")
    if not _HUB_ID.match(repo) or name.startswith((".", "/", "~")):
        raise BackboneError(_unknown_name(name))
    return _from_hub(repo, revision or None)


def _unknown_name(name: str) -> str:
    return (
        f"There is no backbone {name!r}: it is neither a bundled one ({', '.join(BUNDLED)}), nor a "
        "folder here, nor a hub id like 'openai/clip-vit-base-patch16'."
        f"{did_you_mean(name, BUNDLED)}"
    )


def _from_hub(repo: str, revision: str | None) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download

    if (cached := _cached(repo, revision)) is not None:
        return cached
    label = repo if revision is None else f"{repo}@{revision}"
    with _hub_errors(repo, revision):
        info = HfApi().model_info(
            repo, revision=revision, timeout=_REQUEST_TIMEOUT_S, files_metadata=True
        )
        names = [entry.rfilename for entry in info.siblings or []]
        sizes = {entry.rfilename: entry.size or 0 for entry in info.siblings or []}

        def fetch(weights: list[str]) -> Path:
            folder = snapshot_download(
                repo,
                revision=revision,
                allow_patterns=[*_SMALL_FILES, *weights],
                etag_timeout=_REQUEST_TIMEOUT_S,
            )
            return Path(folder)

        # The small files say which weights to fetch, and whether the family is supported at all.
        checkpoint = Checkpoint(label, fetch([]), frozenset(names))
        weights = find_family(checkpoint).weight_files(names, label)
        size = sum(sizes.get(name, 0) for name in weights) / 1e6
        log.info(
            "downloading %s (revision %s)%s, once: it is kept in %s",
            repo,
            info.sha,
            f", {size:,.1f} MB" if size else "",
            constants.HF_HUB_CACHE,
        )
        return fetch(weights)


def small_files(name_or_folder: str | Path, mark: str) -> Path:
    """The folder with configuration and tokenizer of a model, without its weights.

    Args:
        name_or_folder: a folder, or a hub id, with `@revision` for a fixed one. What is in the
            hub's local cache is used without asking the network.
        mark: name of a file that must be in the cache for its copy to be used.

    Raises:
        BackboneError: there is no such folder, or the hub cannot be reached or has no such model.
    """
    return hub_file(name_or_folder, mark, with_it=_SMALL_FILES).parent


def hub_file(name_or_folder: str | Path, file: str, *, with_it: Sequence[str] = ()) -> Path:
    """A small file of a model; it need not exist.

    Args:
        name_or_folder: as for `small_files`.
        file: its name. If it is in the hub's local cache, the network is not asked.
        with_it: patterns of further files to download.

    Raises:
        BackboneError: there is no such folder, or the hub cannot be reached or has no such model.
    """
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    name = str(name_or_folder)
    folder = full_path(name, "backbone")
    if folder.is_dir():
        return folder / file
    repo, _, revision = name.partition("@")
    if (not _HUB_ID.match(repo) and not _OLD_HUB_ID.match(repo)) or name.startswith(
        (".", "/", "~")
    ):
        raise BackboneError(_unknown_name(name))
    with _hub_errors(repo, revision or None):
        cached = try_to_load_from_cache(repo, file, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
        log.info("downloading %s of %s", file, name)
        snapshot = snapshot_download(
            repo,
            revision=revision or None,
            allow_patterns=[file, *with_it],
            etag_timeout=_REQUEST_TIMEOUT_S,
        )
        return Path(snapshot) / file


@contextmanager
def _hub_errors(repo: str, revision: str | None) -> Iterator[None]:
    """Say in one sentence what the hub, or the way to it, refuses."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    label = repo if revision is None else f"{repo}@{revision}"
    try:
        yield
    except HFValidationError as error:
        raise BackboneError(_unknown_name(label)) from error
    except GatedRepoError as error:
        raise BackboneError(
            f"The backbone {label!r} is gated: accept its terms on its hub page, then set HF_TOKEN "
            "or run 'hf auth login'."
        ) from error
    except RepositoryNotFoundError as error:
        raise BackboneError(
            f"The hub has no model {label!r} that you may see; check the spelling, or set HF_TOKEN "
            "if it is private."
        ) from error
    except RevisionNotFoundError as error:
        raise BackboneError(
            f"The model {repo!r} has no revision {revision!r}; leave out '@{revision}' for the "
            "newest."
        ) from error
    except HfHubHTTPError as error:
        if error.response.status_code not in (401, 403):
            raise BackboneError(_unreachable(label, error)) from error
        raise BackboneError(
            f"The hub, or a proxy before it, refused the backbone {label!r} (HTTP status "
            f"{error.response.status_code}); check that HF_TOKEN holds a valid token, or unset it, "
            "and HTTPS_PROXY and HF_ENDPOINT; or copy the model's folder here and give its path."
        ) from error
    except (OfflineModeIsEnabled, OSError, RuntimeError) as error:
        if is_of_storage(error):
            raise BackboneError(
                f"The backbone {label!r} cannot be stored on this machine ({first_line(error)}); "
                "make room, or set HF_HOME to a place that can be written."
            ) from error
        raise BackboneError(_unreachable(label, error)) from error
    except Exception as error:  # the hub client's own transport errors share no public base
        if type(error).__module__.split(".")[0] in {"httpx", "httpx2", "httpcore", "requests"}:
            raise BackboneError(_unreachable(label, error)) from error
        raise


def _cached(repo: str, revision: str | None) -> Path | None:
    """The complete copy of this revision in the hub's local cache, or None."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    families = [FAMILIES.make(name) for name in FAMILIES]
    try:
        configs = [
            try_to_load_from_cache(repo, name, revision=revision)
            for name in sorted({family.config_file for family in families})
        ]
    except HFValidationError:
        return None
    found = [config for config in configs if isinstance(config, str)]
    if not found:
        return None
    folder = Path(found[0]).parent
    try:
        family = find_family(Checkpoint.of(folder, repo))
    except BackboneError:  # the reason is given when it is loaded
        family = BackboneFamily()
    # An interrupted download leaves whole files, but not all of them.
    complete = all(any(any(folder.glob(name)) for name in group) for group in family.needed_files)
    return folder if complete else None


def _unreachable(label: str, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"The backbone {label!r} is not on this machine and the hub could not be reached "
        f"({reason[:160]}). Behind a proxy or mirror set HTTPS_PROXY or HF_ENDPOINT; where the "
        "model was downloaded before, set HF_HOME to that cache; without any network copy the "
        "model's folder here and give its path "
        f"({setting('backbone', './clip-vit-base-patch16')}). {setting('backbone', 'nano')} needs "
        "no network, but knows drawings only: enough to try commands, and of no use for photos."
    )
