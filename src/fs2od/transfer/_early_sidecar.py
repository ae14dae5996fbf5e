"""What a complete dataset says of itself, asked for by name while its root is still being listed: far away, to list its way takes long."""

from __future__ import annotations

import contextlib
import io
from functools import partial
from typing import TYPE_CHECKING, Callable, Final, Iterator

from fs2od.errors import Fs2odError
from fs2od.manifests import MANIFEST, SEAL, SIDECAR, BrokenPart, Seal, parse_seal, part_name
from fs2od.transfer._ahead import Ahead
from fs2od.transfer._answers import DataAddress, unpacked
from fs2od.transfer._errors import MalformedAnswer, NotFound
from fs2od.transfer._tar import ROOM_BESIDE, TarStream

if TYPE_CHECKING:
    from fs2od.transfer._dataset import Dataset

__all__ = ["EarlySidecar"]

_PARTS: Final = tuple(part_name(number) for number in range(1, 17))
_MOST_BYTES: Final = 64 << 20


class EarlySidecar:
    """The seal and the first parts of a manifest, as far as an fs2od node gives them in bulk. What does not come is no failure.

    Nothing here is known to be whole: it counts once the seal fits to the parts.
    """

    def __init__(self, shared: Dataset, address: Callable[[], DataAddress | None]) -> None:
        """Ask for them.

        Args:
            shared: The dataset.
            address: Returns where its files are to be had in bulk; may wait, and raise.
        """
        self._shared = shared
        self._address = address
        self._seal = Ahead(partial(self._brought, SIDECAR, (SEAL,)))
        self._parts = Ahead(partial(self._brought, f"{SIDECAR}/{MANIFEST}", _PARTS))

    def seal(self) -> Seal | None:
        """Return what the seal says, once it has come; None where there is none, or where it speaks of more parts than were asked for."""
        with contextlib.suppress(BrokenPart):
            seal = parse_seal(self._seal.result().get(SEAL, b""))
            return seal if seal.parts <= len(_PARTS) else None
        return None

    def read(self, name: str) -> bytes:
        """Return the bytes of the seal or of a part, once they have come; once, for they are not kept.

        Raises:
            NotFound: They have not, or are not here any more.
        """
        found = (self._seal if name == SEAL else self._parts).result().pop(name, None)
        if found is None:
            raise NotFound(f"{name} did not come early")
        return found

    def _brought(self, folder: str, names: tuple[str, ...]) -> dict[str, bytes]:
        brought: dict[str, bytes] = {}
        with contextlib.suppress(Fs2odError):
            address = self._address()
            if address is None or len(names) > address.bulk_paths:
                return brought
            # Compressed, the manifest of a small dataset comes in one round trip instead of three.
            with self._shared.bulk(address, [f"{folder}/{name}" for name in names], gzip=True) as answer:
                data, is_packed = answer.read_all(_MOST_BYTES), answer.header("content-type") == "application/gzip"
            brought.update(_files(unpacked(data, _MOST_BYTES) if is_packed else data, folder))
        return brought


def _files(data: bytes, folder: str) -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes of the files of one folder in a TAR, up to where it ends or is cut off."""
    source = io.BytesIO(data)

    def read(view: memoryview) -> None:
        if source.readinto(view) < len(view):
            raise MalformedAnswer("an archive is not whole")

    def skip(count: int) -> None:
        source.seek(count, io.SEEK_CUR)

    stream = TarStream(read, skip)
    for member in stream.members():
        if member.size_bytes > len(data):
            return
        above, _, name = member.name.rpartition("/")
        if above == folder and member.is_file:
            yield name, bytes(stream.take(memoryview(bytearray(member.size_bytes + ROOM_BESIDE))))
