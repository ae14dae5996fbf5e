"""Onedata's published API descriptions as a judge of answers: right status, right form, right keys.

The descriptions are OpenAPI 2 files that are not part of this project; whoever uses this hands in their folder.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema

from fs2od.onedata.errors import STATUS_OF

__all__ = ["Description", "Operation", "compact", "judge_error", "judge_keys"]

_METHODS = ("get", "put", "post", "patch", "delete")
# What the descriptions say otherwise than the services do: values that are null on the wire …
_NULLABLE = {
    "Share": ("handleId",),
    "FileAttributes": ("conflictingName", "parentFileId", "size", "symlinkValue", "archiveRecallRootFileId"),
    "FileAttributesBase": ("conflictingName", "parentFileId", "size", "symlinkValue", "archiveRecallRootFileId"),
    "DirectoryChildren": ("nextPageToken",),
    "RecursiveFileList": ("nextPageToken",),
    "InferAccessTokenScopeResponse": ("validUntil", "dataAccessScope"),
    "VerifyTokenResponse": ("ttl",),
    "TransferStatus": ("rerunId", "callback", "replicatingProviderId", "evictingProviderId"),
    "AutoStorageImportInfo": ("status",),
    "Configuration": ("name",),
    "UserProtectedInfo": ("username", "login", "alias"),
    "User": ("username",),
}
# … keys that are absent in some states …
_ABSENT = {("AutoStorageImportInfo", "start"), ("AutoStorageImportInfo", "stop")}
# … and success statuses, as (operation, status on the wire): status in the description.
_STATUS = {
    ("onezone/create_space_for_group", 201): 204,
    ("onezone/add_space_user", 201): 204,
    ("onezone/add_group_to_space", 201): 204,
}
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "str": str, "int": int, "bool": bool, "list": list, "object": dict, "number": (int, float),
}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One operation of a description: its method, its path below the API's base, and the schemas of each status and of its body."""

    name: str
    method: str
    path: str
    schemas: Mapping[int, Mapping[str, Any] | None]
    queries: frozenset[str] = frozenset()
    body: Mapping[str, Any] | None = None

    def takes(self, method: str, path: str, queries: Collection[str] = ()) -> bool:
        """Say whether a request, its path below the API's base, is one of this operation.

        Only paths of files have slashes in a parameter, and what may follow a shared file's id need not be there.
        """
        shape = self.path.replace("/{subpath}", "(/.+)?").replace("{path}", ".+")
        fits = re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", shape), path) is not None
        # What filters a listing is published as a body, and the services take it from the query as well.
        knows_queries = "legacy_options" in self.queries or self.queries.issuperset(queries)
        return fits and self.method == method and knows_queries

    def url(self, *parameters: str) -> str:
        """Return the path with its parameters filled in, in their order."""
        values = iter(parameters)
        return re.sub(r"\{[^}]+\}", lambda _: next(values), self.path)


class Description:
    """One service's description. Operations are named "service/operationId"."""

    def __init__(self, folder: Path, service: str) -> None:
        self.service = service
        self._document = _load(folder / f"{service}-21.02.7.json")
        self.operations = {found.name: found for found in self._operations()}

    def judge(self, operation: str, answer: httpx.Response) -> None:
        """Hold an answer to what is published for its status.

        Raises:
            AssertionError: The status is not published, or there is a body where none belongs.
            jsonschema.ValidationError: The body has another form.
        """
        if answer.status_code >= 400:
            return  # errors have one shape everywhere, see `judge_error`; their statuses are published incompletely
        schemas = self.operations[operation].schemas
        status = _STATUS.get((operation, answer.status_code), answer.status_code)
        assert status in schemas, f"{operation} answered {answer.status_code}, which is not published"
        schema = schemas[status]
        if schema is None or schema.get("type") == "string":
            return
        self.validate(schema, answer.json())

    def validate(self, schema: Mapping[str, Any], document: object) -> None:
        """Hold JSON values to a schema of this description.

        Raises:
            jsonschema.ValidationError: They have another form.
        """
        whole = {**schema, "definitions": self._document["definitions"]}
        jsonschema.Draft4Validator(whole).validate(document)

    def knows(self, method: str, path: str, queries: Collection[str] = (), document: object = None) -> bool:
        """Say whether a request, its path below the API's base, is a published one with published parameters.

        What it sends as JSON, the `document`, has to fit as well.
        """
        return any(
            operation.takes(method, path, queries) and self._fits(document, operation.body)
            for operation in self.operations.values()
        )

    def _fits(self, document: object, schema: Mapping[str, Any] | None) -> bool:
        # Any JSON is called a string.
        if document is None or schema is None or schema.get("type") == "string":
            return True
        try:
            self.validate(schema, document)
        except jsonschema.ValidationError:
            return False
        return True

    def _queries(self, parameters: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        for each in parameters:
            found = self._document["parameters"][each["$ref"].rpartition("/")[2]] if "$ref" in each else each
            if found["in"] == "query":
                yield found["name"]

    def _operations(self) -> list[Operation]:
        return [
            Operation(
                f"{self.service}/{found['operationId']}",
                method.upper(),
                path,
                {
                    int(status): answer.get("schema")
                    for status, answer in found["responses"].items()
                    if status.isdigit()
                },
                frozenset(self._queries([*found.get("parameters", ()), *methods.get("parameters", ())])),
                next((each["schema"] for each in found.get("parameters", ()) if each.get("in") == "body"), None),
            )
            for path, methods in self._document["paths"].items()
            for method, found in methods.items()
            if method in _METHODS
        ]


def judge_error(answer: httpx.Response, error_id: str | None = None, **details: object) -> dict[str, Any]:
    """Hold an error answer to Onedata's one shape, and return its details.

    Args:
        answer: The answer.
        error_id: What the error has to be, if that matters.
        details: What its details have to hold, among others.

    Raises:
        AssertionError: It is another error, or no error document.
    """
    assert answer.headers["content-type"] == "application/json", answer.headers
    document = answer.json()
    assert answer.text == compact(document)
    assert set(document) == {"error"}, document
    error = document["error"]
    assert {"id", "description"} <= set(error) <= {"id", "description", "details"}, error
    assert isinstance(error["description"], str)
    assert error["description"]
    assert error_id in (None, error["id"]), error
    assert STATUS_OF.get(error["id"], 400) == answer.status_code, (error, answer.status_code)
    found: dict[str, Any] = error.get("details", {})
    assert found.items() >= details.items(), error
    return found


def judge_keys(document: Mapping[str, Any], keys: Mapping[str, str]) -> None:
    """Require keys with their kinds: "str", "int", "bool", "list", "object", "number", each with "?" if null may stand there.

    Raises:
        AssertionError: A key is missing or of another kind.
    """
    for key, kind in keys.items():
        assert key in document, f"{key} is missing in {sorted(document)}"
        value = document[key]
        if value is None:
            assert kind.endswith("?"), f"{key} is null"
            continue
        expected = _KINDS[kind.rstrip("?")]
        assert isinstance(value, expected), f"{key} is {value!r}"
        assert kind.startswith("bool") or not isinstance(value, bool), f"{key} is {value!r}"


def compact(document: object) -> str:
    """Return JSON without blanks, as every answer has to be."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


@cache
def _load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    document["definitions"] = _corrected(document["definitions"])
    return document


def _corrected(definitions: dict[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(definitions)
    for name in ("AdminPrivileges", "SpacePrivileges", "SpaceManagerPrivileges", "GroupPrivileges"):
        if name in found:
            del found[name]["items"]["enum"]  # lacks some, such as oz_tokens_manage and those for archives
    if token := found.get("ListPageToken"):
        found["ListPageToken"] = {"anyOf": [token, {"type": "null"}]}
    if kind := found.get("TokenPropertyTokenType"):
        del kind["enum"]  # pseudo-code instead of values
        found["InviteTokenPropertyUsageLimit"] = {"oneOf": [{"type": "integer"}, {"enum": ["infinity"]}]}
    for name, definition in found.items():
        for part in (definition, *definition.get("allOf", ())):
            _correct(name, part)
    return found


def _correct(name: str, definition: dict[str, Any]) -> None:
    properties = definition.get("properties", {})
    for key in _NULLABLE.get(name, ()):
        if key in properties:
            properties[key] = {"anyOf": [properties[key], {"type": "null"}]}
    if "required" in definition:
        definition["required"] = [key for key in definition["required"] if (name, key) not in _ABSENT]
