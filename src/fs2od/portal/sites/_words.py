"""Why something was refused, in one sentence for whoever administers a site."""

from __future__ import annotations

from fs2od.node.zone.refusals import SENTENCES, Refusal, refusal_of
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.tokens import Token
from fs2od.portal._language import Language
from fs2od.portal._sentences import sentence

__all__ = ["of_token", "why"]

_BY_ID = {
    "badValueTooHigh": sentence("No storage is as large as that."),
    "badValueIdNotFound": sentence("Choose one of the storages."),
    "missingRequiredValue": sentence("Choose one of the storages."),
    "notSupported": sentence("Somebody answered this request before you."),
    "relationAlreadyExists": sentence(
        "This site supports the dataset already: change the size of that support instead."
    ),
    "storageInUse": sentence("This storage holds the files of one dataset, and can support no other."),
    "temporaryFailure": sentence(
        "What this storage had of the dataset is still being removed: try again in some minutes."
    ),
    "spaceAlreadySupportedWithImportedStorage": sentence(
        "The dataset has a storage of this kind already, and can have only one."
    ),
}


def why(error: ServiceError, language: Language) -> str | None:
    """Return the sentence for an error about a support; None if it is of another kind."""
    limit = error.details.get("limit")
    if error.error_id == "badValueTooLow" and isinstance(limit, int):
        least = language.bytes(limit)
        return sentence(
            "That is too small: it must be at least %(size)s, for no support may be smaller than what it holds.",
            size=least,
        )
    return _BY_ID.get(error.error_id)


def of_token(error: ServiceError, token: Token | None, language: Language, *, domain: str) -> str:
    """Return the sentence for an error about a support token, or what was said with it."""
    return why(error, language) or language.text(SENTENCES[refusal_of(error, token, domain=domain)])


def is_of_token(error: ServiceError) -> bool:
    """Say whether it is the token that is refused, and not what was said with it."""
    return error.error_id not in _BY_ID and refusal_of(error) is not Refusal.OTHER
