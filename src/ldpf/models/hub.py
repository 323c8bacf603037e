"""Models on the Hugging Face hub: the model folder as it is, with a card."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import ModelCard, ModelHubMixin

from ldpf.errors import BackboneError, ModelError
from ldpf.models.card import license_in, model_card
from ldpf.models.folder import CONFIG
from ldpf.utils.failures import is_of_storage
from ldpf.utils.files import write_text
from ldpf.utils.json_files import read_json, write_json
from ldpf.utils.paths import full_path
from ldpf.utils.text import first_line

if TYPE_CHECKING:
    from typing import Self

    from ldpf.backbones import Backbone

FILES = ("config.json", "model.safetensors", "README.md")
"""What is taken from a repository; anything else in it is left there."""

_REQUEST_TIMEOUT_S = 10.0
_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")


class HubSharing(ModelHubMixin, library_name="ldpf"):
    """`save_pretrained`, `from_pretrained` and `push_to_hub` for a class with `save` and `load`.

    A shared model is a model folder (`model.safetensors` and `config.json`, nothing pickled) with a
    card, README.md. Each loads the other's.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # The mixin's own would keep a copy of the arguments, and scikit-learn's estimators hold
        # nothing but their parameters before they are fitted.
        return object.__new__(cls)

    def save_pretrained(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        save_directory: str | Path,
        *,
        repo_id: str | None = None,
        push_to_hub: bool = False,
        overwrite: bool = False,
        config: dict[str, Any] | None = None,
        model_card_kwargs: dict[str, Any] | None = None,
        **push_to_hub_kwargs: Any,
    ) -> str | None:
        """Write a model folder with a card; a README.md that is there already stays as it is.

        Args:
            save_directory: the folder.
            repo_id: where to push it; default the folder's name.
            push_to_hub: whether to upload it as well, see `push_to_hub`.
            overwrite: replace another model in the folder, see `save`.
            config, model_card_kwargs: for the mixin only; the folder says everything itself.
            push_to_hub_kwargs: passed to `push_to_hub`.

        Returns:
            The address of the commit on the hub, or None.

        Raises:
            ModelError: the folder holds other files and no model, or the hub refuses.
        """
        folder = self.save(save_directory, overwrite=overwrite)  # type: ignore[attr-defined]
        _leave_out_command(folder)
        if not (folder / "README.md").exists():
            write_text(folder / "README.md", str(self.generate_model_card()))
        if not push_to_hub:
            return None
        return self.push_to_hub(repo_id or folder.name, **push_to_hub_kwargs)

    def push_to_hub(self, repo_id: str, **kwargs: Any) -> str:
        """Upload the model folder with its card to the hub.

        Args:
            repo_id: `owner/name`, or `name` among your own; it is made where there is none.
            kwargs: `private`, `token`, `branch`, `commit_message`, `create_pr` and the like, see
                `huggingface_hub.ModelHubMixin.push_to_hub`.

        Returns:
            The address of the commit.

        Raises:
            ModelError: the hub cannot be reached, or refuses.
            NotFittedError: there is nothing to share yet.
        """
        name = self._config()["backbone"]["name"]  # type: ignore[attr-defined]
        if full_path(name).is_dir():
            warnings.warn(
                f"This model's backbone is the folder {name!r}, which others do not have and whose "
                "path they will see; they have to give their own with from_pretrained(..., "
                "backbone=...). A backbone named by its hub id is found by itself.",
                stacklevel=2,
            )
        with _hub_messages(repo_id, "uploaded"):
            return super().push_to_hub(repo_id, **kwargs)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        backbone: str | Path | Backbone | None = None,
        force_download: bool = False,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        revision: str | None = None,
    ) -> Self:
        """A fitted classifier from a model folder, or from the hub.

        Args:
            pretrained_model_name_or_path: a folder, or `owner/name` on the hub.
            backbone: a loaded one, or where it is; None for where it was in training.
            force_download, token, cache_dir, local_files_only, revision: for the download, as in
                `huggingface_hub.snapshot_download`.

        Raises:
            ModelError: there is no such model, the hub cannot be reached, or the model is damaged
                or belongs to another backbone.
            BackboneError: its backbone cannot be loaded.
        """
        folder = full_path(pretrained_model_name_or_path)
        if not folder.is_dir():
            folder = _download(
                str(pretrained_model_name_or_path),
                revision=revision,
                force_download=force_download,
                token=token,
                cache_dir=cache_dir,
                local_files_only=local_files_only,
            )
        try:
            return cls.load(folder, backbone)  # type: ignore[attr-defined]
        except BackboneError as error:
            if backbone is not None:
                raise
            raise BackboneError(
                f"{error} The model {str(pretrained_model_name_or_path)!r} was trained with it; "
                "give its folder or name with backbone=..."
            ) from error

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """README.md: classes, data, numbers, limits, and the license of the backbone."""
        config = self._config()  # type: ignore[attr-defined]
        return model_card(config, license_in(full_path(config["backbone"]["name"])))


def _leave_out_command(folder: Path) -> None:
    """Others need not see which folders of this machine the training named."""
    file = folder / CONFIG
    config = read_json(file, "the config of the model", "save it again", error=ModelError)
    named = [config["provenance"].pop(key, None) for key in ("command", "data_source")]
    if any(named):
        write_json(file, config)


def _download(name: str, *, revision: str | None, **options: Any) -> Path:
    """The folder of a hub model in the local cache, fetched if it is not there."""
    from huggingface_hub import snapshot_download

    if not _HUB_ID.match(name) or name.startswith((".", "~")):
        raise ModelError(
            f"There is no model {name!r}: it is neither a folder here nor a hub id like "
            "'owner/name'."
        )
    label = name if revision is None else f"{name}@{revision}"
    with _hub_messages(label, "downloaded"):
        folder = snapshot_download(
            name,
            revision=revision,
            allow_patterns=list(FILES),
            etag_timeout=_REQUEST_TIMEOUT_S,
            **options,
        )
    return Path(folder)


@contextmanager
def _hub_messages(label: str, done: str) -> Iterator[None]:
    """Turn what the hub's client raises into one sentence."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalTokenNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except HFValidationError as error:
        raise ModelError(
            f"{label!r} is no name for a model on the hub; it looks like 'owner/name'."
        ) from error
    except LocalTokenNotFoundError as error:
        raise ModelError(
            f"The model {label!r} was not {done}: the hub asks who you are; set HF_TOKEN or run "
            "'hf auth login'."
        ) from error
    except GatedRepoError as error:
        raise ModelError(
            f"The model {label!r} is gated: accept its terms on its hub page, then set HF_TOKEN or "
            "run 'hf auth login'."
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(f"There is no such revision of the model {label!r} on the hub.") from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"The hub has no model {label!r} that you may see; check the spelling, or set HF_TOKEN "
            "if it is private."
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status not in (401, 403):
            raise ModelError(_unreachable(label, done, error)) from error
        raise ModelError(
            f"The model {label!r} was not {done}: the hub, or a proxy before it, refused (HTTP "
            f"status {status}); check that HF_TOKEN holds a token that may do this, and "
            "HTTPS_PROXY and HF_ENDPOINT."
        ) from error
    except (OSError, RuntimeError) as error:
        if is_of_storage(error):
            raise ModelError(
                f"The model {label!r} was not {done}, because files cannot be stored on this "
                f"machine ({first_line(error)}); make room, or set HF_HOME to a place that can be "
                "written."
            ) from error
        raise ModelError(_unreachable(label, done, error)) from error
    except Exception as error:  # the hub client's own transport errors share no public base
        if type(error).__module__.split(".")[0] in {"httpx", "httpx2", "httpcore", "requests"}:
            raise ModelError(_unreachable(label, done, error)) from error
        raise


def _unreachable(label: str, done: str, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"The model {label!r} was not {done}, because the hub could not be reached "
        f"({reason[:160]}). Behind a proxy or mirror set HTTPS_PROXY or HF_ENDPOINT; without any "
        "network a model folder can be copied, and loaded by its path."
    )
