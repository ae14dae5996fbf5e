"""The part of CDMI 1.1.1 that moves files and directories, and says so in its capabilities.

Sources: the REST contract §2.10 and §10 of the semantics; the REST API itself has no way to move.
"""

from __future__ import annotations

from typing import Any

from fs2od.node.http import Answer, Call, Endpoint, json_answer
from fs2od.node.provider.access import Located, Need
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.writing.places import names_of
from fs2od.node.zone.callers import Caller
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Kind

__all__ = ["endpoints"]

_VERSIONS = ("1.1.1", "1.1")
_BY_ID = "cdmi_objectid"
_CAPABILITIES = {
    "": {"cdmi_object_move_from_local": "true", "cdmi_security_access_control": "true"},
    "container": {"cdmi_move_container": "true"},
    "dataobject": {"cdmi_move_dataobject": "true"},
}


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints below /cdmi."""

    def capabilities(call: Call) -> Answer:
        name = call.request.path_params.get("kind", "")
        if name not in _CAPABILITIES:
            raise errors.not_found()
        document = {
            "objectType": "application/cdmi-capability",
            "objectName": f"{name}/" if name else "cdmi_capabilities/",
            "parentURI": "/cdmi_capabilities/" if name else "/",
            "capabilities": _CAPABILITIES[name],
            "children": [] if name else ["container/", "dataobject/"],
            "childrenrange": "" if name else "0-1",
        }
        return _cdmi(document, "application/cdmi-capability")

    def put(call: Call) -> Answer:
        source = _source(call)
        # Beyond Onedata: a move that replaces nothing.
        condition = call.request.headers.get("If-None-Match", "").strip()
        replaces = provider.zone.settings.plain or condition != "*"
        space, names = _space_and_names(provider, call.caller, call.file_path())
        where = provider.writing.places.at(call.caller, space, names)
        moved = provider.writing.move(_found(provider, call.caller, source), where, replaces=replaces)
        return _moved(provider, moved)

    return [
        Endpoint("GET", "/cdmi_capabilities", "cdmi_get_capabilities", capabilities),
        Endpoint("GET", "/cdmi_capabilities/{kind}", "cdmi_get_capabilities_of", capabilities),
        Endpoint("PUT", "/{path:path}", "cdmi_put", put),
    ]


def _source(call: Call) -> str:
    kind = call.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in ("application/cdmi-object", "application/cdmi-container"):
        raise _only_moves()
    version = call.request.headers.get("X-CDMI-Specification-Version")
    if version is None:
        raise errors.missing("version")
    if not set(_VERSIONS) & {given.strip() for given in version.split(",")}:
        raise errors.not_allowed("version", _VERSIONS)
    source = call.document().get("move")
    if source is None:
        raise _only_moves()
    if not isinstance(source, str):
        raise errors.bad_value("String", "move", "must be a string")
    return source


def _only_moves() -> errors.ServiceError:
    return errors.error_of("notImplemented", "Of CDMI only the move of an object or a container is offered here.")


def _found(provider: Oneprovider, caller: Caller, source: str) -> Located:
    first, *rest = names_of(source)
    if first != _BY_ID:
        return provider.files.lookup(caller, "/".join([first, *rest]), Need.REMOVE)
    if not rest:
        raise errors.bad_path()
    top = provider.access.locate_private(caller, rest[0], Need.LOOK if rest[1:] else Need.REMOVE)
    return provider.access.locate_below(top, "/".join(rest[1:]), Need.REMOVE) if rest[1:] else top


def _space_and_names(provider: Oneprovider, caller: Caller, path: str) -> tuple[SpaceId, list[str]]:
    first, *names = names_of(path)
    if first == _BY_ID:
        raise _only_moves()
    return provider.files.lookup(caller, first).space, names


def _moved(provider: Oneprovider, located: Located) -> Answer:
    kind = "container" if located.entry.kind is Kind.DIRECTORY else "object"
    view = provider.files.view(located, with_shares=False, with_metadata=False)
    above, _, _ = located.path.rpartition("/")
    document: dict[str, Any] = {
        "objectType": f"application/cdmi-{kind}",
        "objectID": located.file_id,
        "objectName": f"{located.entry.name}/" if kind == "container" else located.entry.name,
        "parentURI": "/" + "".join(f"{name}/" for name in (located.space_name, above) if name),
        "parentID": view.parent or "",
        "capabilitiesURI": f"cdmi_capabilities/{'container' if kind == 'container' else 'dataobject'}/",
        "completionStatus": "Complete",
        "metadata": {},
    }
    return _cdmi(document, f"application/cdmi-{kind}", status=201)


def _cdmi(document: dict[str, Any], media_type: str, *, status: int = 200) -> Answer:
    answer = json_answer(document, status=status, headers={"X-CDMI-Specification-Version": _VERSIONS[0]})
    answer.headers["Content-Type"] = media_type
    return answer
