"""What an S3 store or the way to it says, as errors that a person or a caller can act on."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import botocore.exceptions as given
import urllib3.exceptions as under

from fs2od.errors import Fs2odError, StorageBusy, StorageError, StorageFull, StorageMissing, StorageRefused

_GONE = {"NoSuchKey", "NoSuchUpload", "404", "NotFound"}
_FULL = {"QuotaExceeded", "StorageFull", "InsufficientCapacity", "XMinioStorageFull", "507"}
_TAKEN = {"PreconditionFailed", "412"}
_BUSY = {
    "SlowDown", "ServiceUnavailable", "Busy", "InternalError", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict",
    "TooManyRequests", "Throttling", "ThrottlingException",
}  # fmt: skip
_REFUSED = {"AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId", "UserSuspended", "ExpiredToken", "Forbidden"}
_SKEWED = "RequestTimeTooSkewed"


class NotKnown(StorageError):
    """The store does not know this kind of request, or a condition in it."""


@contextmanager
def mapped(where: str, path: str) -> Iterator[None]:
    """Turn what the library raises about `path` into our errors. `where` is the bucket, for people."""
    try:
        yield
    except given.ClientError as error:
        raise _of_answer(where, path, error) from error
    except given.SSLError as error:
        said = f"{where} shows a certificate that is not trusted: name its authority with --store-ca"
        raise StorageError(said) from error
    except (given.ParamValidationError, given.InvalidEndpointDiscoveryConfigurationError) as error:
        raise StorageError(f"{path!r} cannot be named in {where}") from error
    except (given.HTTPClientError, given.ConnectionError, given.IncompleteReadError, under.HTTPError) as error:
        raise StorageBusy(f"{where} does not answer ({type(error).__name__}); it is tried again later") from error
    except given.BotoCoreError as error:
        raise StorageError(f"{where} cannot be used ({type(error).__name__}): check its settings") from error


def _of_answer(where: str, path: str, error: given.ClientError) -> Fs2odError | OSError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _GONE:
        return FileNotFoundError(errno.ENOENT, "no such entry", path)
    if code in _TAKEN:
        return FileExistsError(errno.EEXIST, "a file has this name", path)
    return _refusal(where, path, code, status)


def _refusal(where: str, path: str, code: str, status: int) -> StorageError:
    refusal = StorageError(f"{where} refused {path!r} ({code or status})")
    if code == "NoSuchBucket":
        refusal = StorageMissing(f"{where} is not there: make the bucket, or correct its name")
    elif code in _FULL:
        refusal = StorageFull(f"the quota of {where} is used up: make room or raise it")
    elif code == _SKEWED:
        refusal = StorageError(f"the clocks of {where} and this machine differ too much: set them")
    elif code == "NotImplemented" or status == 501:
        refusal = NotKnown(f"{where} does not know how to do this with {path!r} ({code or status})")
    elif code in _BUSY or status >= 500 or status == 429:
        refusal = StorageBusy(f"{where} is busy ({code or status}); it is tried again later")
    elif code in _REFUSED or status in (401, 403):
        refusal = StorageRefused(f"{where} refuses our credentials or this operation ({code or status}): correct them")
    return refusal
