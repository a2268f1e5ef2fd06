"""What went wrong between this machine and the hub, as one sentence and a next step.

The one place that knows the exceptions of huggingface_hub; everything else sees `ClibdError`.
"""

from __future__ import annotations

import difflib
import errno

from clibd_cli.core.errors import ClibdError
from clibd_cli.models.cards import HubFile
from clibd_cli.models.hub_download import endpoint, transport_error


def hub_failures() -> tuple[type[BaseException], ...]:
    """The exceptions that mean a failure on the way, and not a mistake in this program."""
    from huggingface_hub.errors import HFValidationError

    return (transport_error(), OSError, HFValidationError)


def is_unreachable(error: BaseException) -> bool:
    """Whether the hub could not be asked at all, so that the copy in the cache may serve."""
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
    )

    if isinstance(error, HfHubHTTPError):
        return _status(error) == 429 or _status(error) >= 500
    away = (OfflineModeIsEnabled, LocalEntryNotFoundError, transport_error())
    return isinstance(error, away)


def explain(error: BaseException, file: HubFile, name: str) -> ClibdError:
    """The error to show for `error`, which stopped the fetching of `file` for the model `name`."""
    from huggingface_hub import errors

    by_hand = f"If you have the file: clibd models add FILE --name {name}"
    what = f"{file.path} of {file.repo}"
    page = f"{endpoint() or 'https://huggingface.co'}/{file.repo}"
    if isinstance(error, errors.GatedRepoError):
        return ClibdError(
            f"{file.repo} is only for those who accepted its terms",
            f"Accept them at {page}, log in with `hf auth login` or HF_TOKEN. {by_hand}",
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return ClibdError(
            f"{file.repo} is not on the hub, or it is private ({what} was asked for)",
            f"If it is private, log in with `hf auth login` or HF_TOKEN. {by_hand}",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        newest = f"clibd models add hf:{file.repo}/{file.path} --name {name}"
        return ClibdError(
            f"{file.repo} has no revision {file.revision} any more ({what} was asked for)",
            f"For the file as it is today: {newest}. {by_hand}",
        )
    if isinstance(error, errors.HfHubHTTPError):
        return _explain_status(error, file, by_hand)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return ClibdError(
            f"{what} is not in the cache, and HF_HUB_OFFLINE forbids fetching it",
            f"Unset HF_HUB_OFFLINE, or fetch it on a machine with a network. {by_hand}",
        )
    if isinstance(error, OSError) and not isinstance(error, errors.LocalEntryNotFoundError):
        return _explain_disk(error, what, by_hand)
    if isinstance(error, errors.HFValidationError):
        return ClibdError(f"{file.repo!r} cannot be a repository of the hub", by_hand)
    return ClibdError(
        f"{what} could not be fetched from {page}: {_first_line(error)}",
        "Check the network (HTTPS_PROXY, HF_ENDPOINT) and run the command again: it goes on where "
        f"it stopped. {by_hand}",
    )


def _explain_status(error: BaseException, file: HubFile, by_hand: str) -> ClibdError:
    """An answer of the hub that is neither the file nor a missing repository or revision."""
    status = _status(error)
    if status == 404:
        close = _similar_files(file)
        there = f"; it holds {', '.join(close)}" if close else ""
        use = f"clibd models add hf:{file.repo}/PATH --name NAME" if close else ""
        return ClibdError(
            f"{file.repo} has no file {file.path} at revision {file.revision}{there}",
            f"{use + '. ' if use else ''}{by_hand}",
        )
    if status in (401, 403):
        return ClibdError(
            f"the hub refused {file.path} of {file.repo} ({status})",
            f"Log in with `hf auth login`, or check HF_TOKEN. {by_hand}",
        )
    return ClibdError(
        f"the hub answered {status} for {file.path} of {file.repo}",
        f"Run the command again later. {by_hand}",
    )


def _explain_disk(error: OSError, what: str, by_hand: str) -> ClibdError:
    from huggingface_hub import constants

    if error.errno == errno.ENOSPC:
        return ClibdError(
            f"the disk is full: {what} does not fit into {constants.HF_HUB_CACHE}",
            "Make room, or set HF_HOME to a folder on a larger disk, and run the command again.",
        )
    return ClibdError(
        f"{what} could not be fetched into {constants.HF_HUB_CACHE}: {_first_line(error)}",
        f"Run the command again; HF_HOME moves the cache elsewhere. {by_hand}",
    )


def _similar_files(file: HubFile) -> list[str]:
    """The paths in the repository that look most like the one that is missing, if it will tell."""
    from huggingface_hub import HfApi

    try:
        facts = HfApi(endpoint=endpoint()).model_info(file.repo, revision=file.revision)
        paths = [sibling.rfilename for sibling in facts.siblings or []]
    except hub_failures():
        return []
    return difflib.get_close_matches(file.path, paths, n=3, cutoff=0.3)


def _status(error: BaseException) -> int:
    status: int = error.response.status_code  # type: ignore[attr-defined]
    return status


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
