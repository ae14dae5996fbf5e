"""What is no answer of an S3 store, whatever its status: portals, proxies and gateways say other things with a 200.

Nothing may be concluded from these: an empty page is no empty directory, and what was not copied must not be removed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.parsers import ResponseParserError

from fs2od.errors import StorageBusy

__all__ = ["judge_answers"]

# What each store says; "a.b" is b within a. Of a listing that has nothing at least one of these is said.
_MUST_SAY: Mapping[str, tuple[str, ...]] = {
    "HeadObject": ("ContentLength", "ETag", "LastModified"),
    "GetObject": ("ContentLength", "ETag", "LastModified"),
    "PutObject": ("ETag",),
    "CopyObject": ("CopyObjectResult.ETag",),
    "CreateMultipartUpload": ("UploadId",),
    "UploadPart": ("ETag",),
    "UploadPartCopy": ("CopyPartResult.ETag",),
    "CompleteMultipartUpload": ("ETag",),
}
_SAID_OF_OBJECTS = ("Key", "Size", "ETag", "LastModified")
_SAID_BY_LISTINGS = ("IsTruncated", "KeyCount", "Name", "Contents", "CommonPrefixes")
# A listing that goes on says where: else it would end in the middle, and look whole.
_GOES_ON: Mapping[str, str] = {
    "ListObjectsV2": "NextContinuationToken",
    "ListParts": "NextPartNumberMarker",
    "ListMultipartUploads": "NextKeyMarker",
}
# Stores repeat the prefix that was asked for as it stands, also where XML knows no such character.
_NOT_IN_XML = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|fff[ef])|0*(?:[0-8]|1[124-9]|2\d|3[01]|6553[45]));",
    re.IGNORECASE,
)


def judge_answers(client: Any, shown: str) -> None:  # noqa: ANN401 - the library makes its classes at run time
    """Let a client of the library raise `StorageBusy` for what is no answer of an S3 store, at `shown` for people."""
    ask = client._make_api_call  # noqa: SLF001 - it has no open way; one that is gone ends here, before any request

    def judged(operation: str, told: Any) -> Any:  # noqa: ANN401 - the library's words
        try:
            answer = ask(operation, told)
        except (ResponseParserError, ValueError) as error:
            raise _no_answer(operation, shown) from error
        if not _is_answer(operation, answer):
            raise _no_answer(operation, shown)
        return answer

    client._make_api_call = judged  # noqa: SLF001 - as above
    # The library's own look for errors in the body comes before handlers of "s3.…", and after those of "*.…".
    client.meta.events.register("before-parse.*.ListObjectsV2", _made_readable)


def _no_answer(operation: str, shown: str) -> StorageBusy:
    said = f"what answers for {shown} does not speak as an S3 store does ({operation}): look what stands before it"
    return StorageBusy(f"{said}; it is tried again later")


def _is_answer(operation: str, answer: Mapping[str, Any]) -> bool:
    goes_on = _GOES_ON.get(operation)
    if goes_on is not None and answer.get("IsTruncated") and not answer.get(goes_on):
        return False
    if operation == "ListObjectsV2":
        objects = answer.get("Contents", ())
        return any(name in answer for name in _SAID_BY_LISTINGS) and all(
            name in found for found in objects for name in _SAID_OF_OBJECTS
        )
    return all(_says(answer, name) for name in _MUST_SAY.get(operation, ()))


def _says(answer: Mapping[str, Any], name: str) -> bool:
    outer, _, inner = name.rpartition(".")
    where = answer.get(outer) if outer else answer
    return isinstance(where, Mapping) and inner in where  # Ceph says an empty tag of what it has just completed


def _made_readable(response_dict: dict[str, Any], **_: object) -> None:
    if isinstance(response_dict.get("body"), bytes):
        response_dict["body"] = _NOT_IN_XML.sub(b"?", response_dict["body"])
