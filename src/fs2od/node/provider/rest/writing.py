"""Files and directories made, written and removed. Bodies are written as they arrive."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping

from fs2od.node.http import Answer, Call, Endpoint, created, done, json_answer
from fs2od.node.provider.access import Located, Need
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.writing import Arrived, Place, Written
from fs2od.node.provider.writing.places import names_of, require_name
from fs2od.node.zone.callers import Caller
from fs2od.onedata import errors, wire
from fs2od.onedata.wire.results import FileChecksum, FileUpload, UploadBeginning
from fs2od.storage import Chunk, Kind

__all__ = ["endpoints"]

_KINDS: Mapping[str, Kind | None] = {"REG": Kind.FILE, "DIR": Kind.DIRECTORY, "LNK": None, "SYMLNK": None}
_WAIT_S = 5.0
_LARGEST_NUMBER = 2**63 - 1


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of this noun."""
    writing = provider.writing

    async def content(call: Call) -> Answer:
        def write(body: Iterable[Chunk]) -> Written:
            return _put(provider, call.caller, call.path("id"), body, _offset(call))

        return said(done(), await provider.bodies.taken_in(call.request, write))

    async def child(call: Call) -> Answer:
        def find() -> Place:
            given = call.file_names("name")
            if not given:
                raise errors.missing("name")
            name = given[-1]
            require_name(name)
            return writing.places.below(call.caller, call.path("id"), [name])

        return await make(call, find)

    async def at_path(call: Call) -> Answer:
        def find() -> Place:
            names, parents = names_of(call.file_path()), _flag(call, "create_parents")
            return writing.places.below(call.caller, call.path("id"), names, with_parents=parents)

        return await make(call, find)

    async def make(call: Call, find: Callable[[], Place]) -> Answer:
        def write(body: Iterable[Chunk]) -> Written:
            return _make(provider, call, find, body)

        made = await provider.bodies.taken_in(call.request, write)
        file_id = made.located.file_id
        location = f"{provider.record.url}/api/v3/oneprovider/data/{file_id}"
        return said(created(location, wire.FileCreated(file_id=file_id)), made)

    def said(answer: Answer, written: Written) -> Answer:
        if written.sha256 is not None and not provider.zone.settings.plain:
            digest = b64encode(bytes.fromhex(written.sha256)).decode()
            answer.headers["Repr-Digest"] = f"sha-256=:{digest}:"
        return answer

    def checksum(call: Call) -> Answer:
        located = provider.access.locate(call.caller, call.path("id"))
        if located.entry.kind is not Kind.FILE:
            raise errors.posix("eisdir" if located.entry.kind is Kind.DIRECTORY else "einval")
        return json_answer(_checksum(provider, located))

    def upload(call: Call) -> Answer:
        located, wanted = writing.located_to_put(call.caller, call.path("id")), call.read(UploadBeginning)
        require_name(wanted.name)
        if wanted.size_bytes < 1:
            raise errors.bad_value("TooLow", "sizeBytes", "must be at least 1", limit=1)
        return json_answer(_upload(writing.begin_arrival(located, wanted.name, wanted.size_bytes)))

    def remove(call: Call) -> Answer:
        writing.remove(provider.access.locate_private(call.caller, call.path("id"), Need.REMOVE))
        return done()

    def remove_at_path(call: Call) -> Answer:
        top = provider.access.locate_private(call.caller, call.path("id"), Need.LOOK)
        writing.remove(provider.access.locate_below(top, "/".join(names_of(call.file_path())), Need.REMOVE))
        return done()

    is_plain = provider.zone.settings.plain
    beyond = [
        Endpoint("GET", "/fs2od/data/{id}/checksum", "fs2od_get_checksum", checksum),
        Endpoint("PUT", "/fs2od/data/{id}/upload", "fs2od_begin_upload", upload),
    ]
    return [
        *([] if is_plain else beyond),
        Endpoint("PUT", "/data/{id}/content", "update_file_content", content, takes_body=False),
        Endpoint("POST", "/data/{id}/children", "create_file", child, takes_body=False),
        Endpoint("PUT", "/data/{id}/path/{path:path}", "create_file_at_path", at_path, takes_body=False),
        Endpoint("DELETE", "/data/{id}", "remove_file", remove),
        Endpoint("DELETE", "/data/{id}/path/{path:path}", "remove_file_at_path", remove_at_path),
    ]


def _make(provider: Oneprovider, call: Call, find: Callable[[], Place], body: Iterable[Chunk]) -> Written:
    writing, settings = provider.writing, provider.zone.settings
    kind = _kind(call)
    mode = _mode(call, settings.directory_mode if kind is Kind.DIRECTORY else settings.file_mode)
    offset = _offset(call)
    updates = _flag(call, "update_existing")
    where = find()
    if kind is Kind.DIRECTORY:
        return Written(writing.make_directory(where, mode=mode))
    if updates and where.existing is not None:
        there = provider.access.below(where.directory, where.existing)
        return _put(provider, call.caller, there.file_id, body, offset)
    return writing.make_file(where, body, mode=mode, offset=offset or 0)


def _put(provider: Oneprovider, caller: Caller, file: str, body: Iterable[Chunk], offset: int | None) -> Written:
    located = provider.writing.located_to_put(caller, file)
    return provider.writing.put(located, body) if offset is None else provider.writing.put_at(located, body, offset)


def _checksum(provider: Oneprovider, located: Located) -> FileChecksum:
    """Return what is known of a file's checksum; where nothing is and it can be computed, that is done now."""
    known = provider.checksums.of(located.space, located.entry)
    if known is not None:
        return FileChecksum(status="known", size_bytes=known.size_bytes, sha256=known.sha256.hex())
    unknown = FileChecksum(status="unknown", size_bytes=located.entry.size_bytes)
    if located.share is not None or located.support.imported:
        return unknown
    reading = provider.writing.read_again(located, wait_s=_WAIT_S)
    if reading is None or (reading.has_ended and reading.sha256 is None):
        return unknown
    if reading.sha256 is not None:
        return FileChecksum(status="known", size_bytes=reading.size_bytes, sha256=reading.sha256)
    return FileChecksum(status="computing", size_bytes=reading.size_bytes, done_bytes=reading.read_bytes)


def _upload(arrived: Arrived) -> FileUpload:
    upload, there = arrived.upload, arrived.parts
    parts = tuple(there[number].sha256.hex() if number in there else None for number in range(upload.count))
    return FileUpload(size_bytes=upload.size_bytes, part_bytes=upload.part_bytes, parts=parts)


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
