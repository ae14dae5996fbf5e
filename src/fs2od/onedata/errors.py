"""What a service, or the way to it, answered: one tree for the client that reads errors and the node that writes them.

```text
OnedataError
|-- ConnectionLost        no answer arrived; the call may still have taken effect   (transient)
|-- MalformedAnswer       the answer does not fit the protocol: report it to us
`-- ServiceError          the service answered with an error document: `error_id`, `status`, `details`
    |-- Unauthorized        401  get a new token
    |-- Forbidden           403  the token's owner lacks a privilege
    |-- NotFound            404
    |-- Conflict            409  it is there already
    |-- Rejected            400  the request cannot be fulfilled as it is
    |   `-- PosixError      400  a file operation failed; `errno` is its lower-case name, and says the exit code
    |-- ServiceFault        500, 501 and what else has no id of ours: report it to the service's operator
    `-- Busy                503 and 429: try again after `retry_after_s`             (transient)
```

Ids, statuses and details keys are Onedata 21.02's; the REST contract's section on errors lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from fs2od.errors import Fs2odError

__all__ = [
    "STATUS_OF",
    "Busy",
    "Conflict",
    "ConnectionLost",
    "Forbidden",
    "MalformedAnswer",
    "NotFound",
    "OnedataError",
    "PosixError",
    "Rejected",
    "ServiceError",
    "ServiceFault",
    "Unauthorized",
    "already_exists",
    "bad_data",
    "bad_path",
    "bad_token",
    "bad_value",
    "error_of",
    "forbidden",
    "from_document",
    "missing",
    "not_found",
    "posix",
    "unauthorized",
]

type_json = Mapping[str, Any]

_400 = [
    "badAudienceToken",
    "badBasicCredentials",
    "badData",
    "badIdpAccessToken",
    "badMessage",
    "badToken",
    "badValueBoolean",
    "badValueCaveat",
    "badValueEmpty",
    "badValueFilePath",
    "badValueFloat",
    "badValueIdNotFound",
    "badValueIdentifier",
    "badValueIdentifierOccupied",
    "badValueInteger",
    "badValueInviteType",
    "badValueJSON",
    "badValueListNotAllowed",
    "badValueListOfStrings",
    "badValueName",
    "badValueNotAllowed",
    "badValueNotInRange",
    "badValueOctal",
    "badValueString",
    "badValueToken",
    "badValueTokenType",
    "badValueTooHigh",
    "badValueTooLow",
    "cannotRemoveLastOwner",
    "dirStatsDisabledForSpace",
    "dirStatsNotReady",
    "autoStorageImportNotSupported",
    "invalidQosExpression",
    "inviteTokenConsumerInvalid",
    "inviteTokenSubjectNotAuthorized",
    "inviteTokenTargetIdInvalid",
    "inviteTokenUsageLimitReached",
    "malformedData",
    "missingAtLeastOneValue",
    "missingRequiredValue",
    "notAnAccessToken",
    "notAnIdentityToken",
    "notAnInviteToken",
    "notSupported",
    "posix",
    "quotaExceeded",
    "relationDoesNotExist",
    "requiresAutoStorageImportMode",
    "requiresImportedStorage",
    "requiresNonImportedStorage",
    "requiresPosixCompatibleStorage",
    "requiresReadonlyStorage",
    "spaceNotSupportedBy",
    "storageInUse",
    "storageTestFailed",
    "tokenCaveatUnknown",
    "tokenCaveatUnverified",
    "tokenInvalid",
    "tokenRevoked",
    "tokenServiceForbidden",
    "tokenSubjectInvalid",
    "tokenTimeCaveatRequired",
    "transferAlreadyEnded",
    "transferNotEnded",
    "badServiceToken",
    "badConsumerToken",
]
STATUS_OF: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(_400, 400)
    | {"unauthorized": 401}
    | dict.fromkeys(("forbidden", "userNotSupported", "protectedGroup", "userBlocked"), 403)
    | {"notFound": 404}
    | dict.fromkeys(("alreadyExists", "relationAlreadyExists", "spaceAlreadySupportedWithImportedStorage"), 409)
    | {"internalServerError": 500, "notImplemented": 501}
    | dict.fromkeys(("serviceUnavailable", "timeout", "temporaryFailure", "unregisteredOneprovider"), 503)
    | {"tooManyRequests": 429}
)
"""Every error id that we write, with its HTTP status."""

# Not permitted, not found, and refused for what is there or for want of room; others are the service's trouble.
_EXIT_CODES: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(("eacces", "eperm", "erofs"), 5)
    | dict.fromkeys(("enoent", "enotdir"), 6)
    | dict.fromkeys(("eexist", "eisdir", "enotempty", "enametoolong", "einval", "efbig", "enospc", "edquot"), 7)
)


class OnedataError(Fs2odError):
    """A service, or the way to it, did not do what was asked."""

    exit_code = 4


class ConnectionLost(OnedataError):
    """No answer arrived. The call may still have taken effect; only an idempotent one may simply be repeated."""


class MalformedAnswer(OnedataError):
    """The answer does not fit the protocol."""


class ServiceError(OnedataError):
    """The service answered with an error document.

    Attributes:
        error_id: Onedata's id of the error, such as "badValueName".
        status: The HTTP status.
        details: Facts whose keys depend on the id. Never a secret.
        request_id: What the answer's X-Request-Id header held, for the service's operator.
        retry_after_s: How long the service asked us to wait.
    """

    status_default: ClassVar[int] = 400

    def __init__(
        self,
        error_id: str,
        description: str,
        *,
        details: type_json | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(description)
        self.error_id = error_id
        self.description = description
        self.details: type_json = MappingProxyType(dict(details or {}))
        self.status = status if status is not None else STATUS_OF.get(error_id, self.status_default)
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.exit_code = _EXIT_CODES.get(str(self.details.get("errno", "")), self.exit_code)

    def document(self) -> dict[str, Any]:
        """Return the body that a service sends: `{"error": {id, description, details?}}`."""
        return {"error": self.inner()}

    def inner(self) -> dict[str, Any]:
        """Return what stands under "error", which is also how one error is nested in another's details."""
        inner: dict[str, Any] = {"id": self.error_id, "description": self.description}
        if self.details:
            inner["details"] = dict(self.details)
        return inner


class Unauthorized(ServiceError):
    """The token is missing, invalid, expired, revoked or not meant for this: get a new one."""

    exit_code = 5
    status_default = 401


class Forbidden(ServiceError):
    """The token's owner lacks a privilege."""

    exit_code = 5
    status_default = 403


class NotFound(ServiceError):
    """It does not exist, or the caller may not know that it does."""

    exit_code = 6
    status_default = 404


class Conflict(ServiceError):
    """It is there already, or under way already."""

    status_default = 409


class Rejected(ServiceError):
    """The request cannot be fulfilled as it is."""


class PosixError(Rejected):
    """A file operation failed."""

    @property
    def errno(self) -> str:
        """The lower-case name, such as "enoent"."""
        return str(self.details.get("errno", ""))


class ServiceFault(ServiceError):
    """Something is wrong inside the service: report it to its operator."""

    status_default = 500


class Busy(ServiceError):
    """The service cannot answer now: try again after `retry_after_s`, or a moment."""

    status_default = 503


_CLASS_OF: Mapping[int, type[ServiceError]] = {
    401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 400: Rejected, 416: Rejected, 413: Rejected, 503: Busy, 429: Busy,
}  # fmt: skip


def error_of(error_id: str, description: str, details: type_json | None = None) -> ServiceError:
    """Return the error of an id that `STATUS_OF` knows, as the class that its status belongs to."""
    kind = PosixError if error_id == "posix" else _CLASS_OF.get(STATUS_OF[error_id], ServiceFault)
    return kind(error_id, description, details=details)


def from_document(
    status: int, document: object, *, request_id: str | None = None, retry_after_s: float | None = None
) -> ServiceError:
    """Return the error that an answer's status and JSON body tell; a body that tells nothing still gives its status."""
    inner = document.get("error") if isinstance(document, dict) else None
    inner = inner if isinstance(inner, dict) else {}
    error_id = str(inner.get("id", "unknown"))
    details = inner.get("details")
    kind = PosixError if error_id == "posix" else _CLASS_OF.get(status, ServiceFault)
    return kind(
        error_id,
        str(inner.get("description", f"the service answered with HTTP status {status}")),
        details=details if isinstance(details, dict) else None,
        status=status,
        request_id=request_id,
        retry_after_s=retry_after_s,
    )


def posix(errno: str) -> ServiceError:
    """Return a failed file operation, by the errno's lower-case name."""
    return error_of("posix", f"Operation failed with POSIX error: {errno}.", {"errno": errno})


def not_found() -> ServiceError:
    """Return the answer for what does not exist."""
    return error_of("notFound", "The resource could not be found.")


def forbidden(hint: str | None = None) -> ServiceError:
    """Return the answer for a caller who is known but may not."""
    said = "You are not authorized to perform this operation."
    return error_of("forbidden", f"{said} {hint}" if hint else said, {"hint": hint} if hint else None)


def unauthorized(cause: ServiceError | None = None) -> ServiceError:
    """Return the answer for a caller who is not known; `cause` says what was wrong with the token that was shown."""
    if cause is None:
        return error_of("unauthorized", "You must authenticate yourself to perform this operation.")
    said = f"Authentication failed: {cause.description}"
    return error_of("unauthorized", said, {"authError": cause.inner()})


def already_exists() -> ServiceError:
    """Return the answer for what exists already, or is under way already."""
    return error_of("alreadyExists", "Such resource already exists.")


def relation_already_exists(child_type: str, child: str, parent_type: str, parent: str) -> ServiceError:
    """Return the answer for a membership or support that is there already."""
    details = {"childType": child_type, "childId": child, "parentType": parent_type, "parentId": parent}
    return error_of("relationAlreadyExists", f"The {child_type} already belongs to that {parent_type}.", details)


def relation_does_not_exist(child_type: str, child: str, parent_type: str, parent: str) -> ServiceError:
    """Return the answer for a membership or support that is not there."""
    details = {"childType": child_type, "childId": child, "parentType": parent_type, "parentId": parent}
    return error_of("relationDoesNotExist", f"The {child_type} does not belong to that {parent_type}.", details)


def missing(key: str) -> ServiceError:
    """Return the answer for a required key that is not there."""
    return error_of("missingRequiredValue", f"Missing required value: {key}.", {"key": key})


def bad_value(kind: str, key: str, said: str, **facts: object) -> ServiceError:
    """Return a `badValue…` error: `bad_value("Name", "name", "…")` is badValueName with details.key "name"."""
    return error_of(f"badValue{kind}", f"Bad value: provided {key!r} {said}.", {"key": key, **facts})


def not_allowed(key: str, allowed: Iterable[str], *, is_list: bool = False) -> ServiceError:
    """Return the answer for a word outside its closed set."""
    error_id = "badValueListNotAllowed" if is_list else "badValueNotAllowed"
    listed = sorted(allowed)
    return error_of(
        error_id, f"Bad value: provided {key!r} must be of: {', '.join(listed)}.", {"key": key, "allowed": listed}
    )


def bad_data(key: str, cause: ServiceError | None = None) -> ServiceError:
    """Return the answer for a value that cannot be understood at all."""
    details: dict[str, Any] = {"key": key} | ({"specificError": cause.inner()} if cause else {})
    return error_of("badData", f"Bad value: provided {key!r} could not be understood.", details)


def bad_token(cause: ServiceError | None = None) -> ServiceError:
    """Return badValueToken for a token given in a body under "token", with the reason nested."""
    cause = cause or error_of("badToken", "Provided token could not be understood by the server.")
    details = {"key": "token", "tokenError": cause.inner()}
    return error_of("badValueToken", f"Bad value: provided 'token' is not a valid token ({cause.description})", details)


def bad_path() -> ServiceError:
    """Return the answer for a path that no file can have."""
    return error_of("badValueFilePath", "Bad value: provided file path is invalid.")


def malformed_data() -> ServiceError:
    """Return the answer for a body that is no JSON object."""
    return error_of("malformedData", "Provided data could not be understood by the server.")
