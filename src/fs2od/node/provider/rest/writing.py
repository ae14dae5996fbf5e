"""Files and directories made, written and removed. Bodies are written as they arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fs2od.node.http import Answer, Call, Endpoint, created, done
from fs2od.node.provider.access import Located, Need
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.writing import Place
from fs2od.node.provider.writing.places import names_of, require_name
from fs2od.onedata import errors, wire
from fs2od.storage import Chunk, Kind

__all__ = ["endpoints"]

_KINDS: Mapping[str, Kind | None] = {"REG": Kind.FILE, "DIR": Kind.DIRECTORY, "LNK": None, "SYMLNK": None}
_LARGEST_NUMBER = 2**63 - 1


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of this noun."""
    writing = provider.writing

    async def content(call: Call) -> Answer:
        def write(body: Iterable[Chunk]) -> None:
            offset = _offset(call)
            file = writing.located_to_put(call.caller, call.path("id"))
            if offset is None:
                writing.put(file, body)
            else:
                writing.put_at(file, body, offset)

        await provider.bodies.taken_in(call.request, write)
        return done()

    async def child(call: Call) -> Answer:
        def find() -> Place:
            name = _last(call, "name")
            if name is None:
                raise errors.missing("name")
            require_name(name)
            return writing.places.below(call.caller, call.path("id"), [name])

        return await make(call, find)

    async def at_path(call: Call) -> Answer:
        def find() -> Place:
            names, parents = names_of(call.path("path")), _flag(call, "create_parents")
            return writing.places.below(call.caller, call.path("id"), names, with_parents=parents)

        return await make(call, find)

    async def make(call: Call, find: Callable[[], Place]) -> Answer:
        def write(body: Iterable[Chunk]) -> Located:
            return _make(provider, call, find, body)

        found = await provider.bodies.taken_in(call.request, write)
        location = f"{provider.record.url}/api/v3/oneprovider/data/{found.file_id}"
        return created(location, wire.FileCreated(file_id=found.file_id))

    def remove(call: Call) -> Answer:
        writing.remove(provider.access.locate_private(call.caller, call.path("id"), Need.REMOVE))
        return done()

    def remove_at_path(call: Call) -> Answer:
        top = provider.access.locate_private(call.caller, call.path("id"), Need.LOOK)
        writing.remove(provider.access.locate_below(top, "/".join(names_of(call.path("path"))), Need.REMOVE))
        return done()

    return [
        Endpoint("PUT", "/data/{id}/content", "update_file_content", content, takes_body=False),
        Endpoint("POST", "/data/{id}/children", "create_file", child, takes_body=False),
        Endpoint("PUT", "/data/{id}/path/{path:path}", "create_file_at_path", at_path, takes_body=False),
        Endpoint("DELETE", "/data/{id}", "remove_file", remove),
        Endpoint("DELETE", "/data/{id}/path/{path:path}", "remove_file_at_path", remove_at_path),
    ]


def _make(provider: Oneprovider, call: Call, find: Callable[[], Place], body: Iterable[Chunk]) -> Located:
    writing, settings = provider.writing, provider.zone.settings
    kind = _kind(call)
    mode = _mode(call, settings.directory_mode if kind is Kind.DIRECTORY else settings.file_mode)
    offset = _offset(call)
    updates = _flag(call, "update_existing")
    where = find()
    if kind is Kind.DIRECTORY:
        return writing.make_directory(where, mode=mode)
    if updates and where.existing is not None:
        file = provider.access.below(where.directory, where.existing)
        file = writing.located_to_put(call.caller, file.file_id)
        if offset is None:
            writing.put(file, body)
        else:
            writing.put_at(file, body, offset)
        return file
    return writing.make_file(where, body, mode=mode, offset=offset or 0)


def _kind(call: Call) -> Kind:
    given = _last(call, "type") or "REG"
    if given not in _KINDS:
        raise errors.not_allowed("type", _KINDS)
    kind = _KINDS[given]
    if kind is None:
        raise errors.error_of("notSupported", "Links cannot be made here.")
    return kind


def _mode(call: Call, default: int) -> int:
    given = _last(call, "mode")
    return default if given is None else wire.PermissionsChange(mode=given).permissions()


def _offset(call: Call) -> int | None:
    given = _last(call, "offset")
    if given is None:
        return None
    try:
        number = int(given) if given.isascii() else None
    except ValueError:
        number = None
    if number is None:
        raise errors.bad_value("Integer", "offset", "must be an integer")
    if number < 0:
        raise errors.bad_value("TooLow", "offset", "must be at least 0", limit=0)
    if number > _LARGEST_NUMBER:
        raise errors.bad_value("TooHigh", "offset", f"must be at most {_LARGEST_NUMBER}", limit=_LARGEST_NUMBER)
    return number


def _flag(call: Call, key: str) -> bool:
    given = (_last(call, key) or "false").lower()
    if given not in ("true", "false"):
        raise errors.bad_value("Boolean", key, "must be a boolean")
    return given == "true"


def _last(call: Call, key: str) -> str | None:
    given = call.values(key)
    return given[-1] if given else None
