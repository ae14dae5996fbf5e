"""Parts, sums and seal of one dataset: written down first, then published, then noted as done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fs2od.facility.hashing._sidecar import Foreign, Sidecar
from fs2od.facility.hashing._store import Begun, State, Store
from fs2od.manifests import BrokenPart, dump_seal, parse_part, seal_over

__all__ = ["MOST_FILES", "Publisher", "is_due"]

MOST_FILES = 25_000
"""So many files stand in one part at most: it is made in memory."""

_FEWEST_FILES = 256
_MOST_DOUBLINGS = 20


def is_due(state: State, waiting: int, waited: timedelta, first_within: timedelta) -> bool:
    """Say whether another part is worth while: each listing half as many again, or having waited twice as long; pure.

    So a dataset has a number of parts that grows with the logarithm of its files, and with that of its duration.
    """
    if waiting >= min(max(_FEWEST_FILES, state.listed // 2), MOST_FILES):
        return True
    return waiting > 0 and waited >= first_within * (1 << min(state.parts, _MOST_DOUBLINGS))


@dataclass
class Publisher:
    """Publishes what the store knows of one dataset. Every method may be repeated after any failure."""

    dataset: int
    store: Store
    sidecar: Sidecar
    clock: Callable[[], datetime]

    def prepare(self) -> None:
        """Make the folders, take over what an earlier journal published, and finish a part that was begun.

        Raises:
            NotWritable: The dataset's folder may not be written to.
            Foreign: The sidecar holds what we did not write.
            SidecarTrouble: The file system refused, such as for want of space.
        """
        self.sidecar.prepare()
        if not self.store.state(self.dataset).taken_over:
            self._take_over()
        begun = self.store.begun_part(self.dataset)
        if begun is not None:
            self._finish(begun)

    def publish(self, *, most_files: int = MOST_FILES) -> bool:
        """Publish one part of what waits; `False`: nothing does.

        Raises:
            Foreign: Somebody else published a part.
            SidecarTrouble: The file system refused, such as for want of space.
        """
        begun = self.store.begin_part(self.dataset, most_files, self.clock())
        if begun is None:
            return False
        self._finish(begun)
        return True

    def may_seal(self) -> bool:
        """Say whether a seal may appear now.

        Onedata knows the name of an earlier one: who reads it there would find the new one, and look for parts in vain until they
        are imported. A first one has no name there before a scan that finds the parts as well.
        """
        state = self.store.state(self.dataset)
        return not state.is_unsealed or self.store.parts_imported(self.dataset) >= state.parts

    def seal(self) -> bool:
        """Publish the list of all checksums, and then the seal; `False`: the seal fits already.

        Raises:
            SidecarTrouble: The file system refused, such as for want of space.
        """
        state = self.store.state(self.dataset)
        files, size_bytes = self.store.sums(self.dataset)
        if not state.parts or state.sealed_parts == state.parts:
            return False
        seal = seal_over(self.store.part_hashes(self.dataset), files=files, size_bytes=size_bytes)
        self.sidecar.publish_sums(self.store.sums_lines(self.dataset))
        self.sidecar.publish_seal(dump_seal(seal))
        said = f"checksums of {files} files published, in {seal.parts} parts, and sealed"
        self.store.note_sealed(self.dataset, seal.parts, said, self.clock())
        return True

    def _finish(self, begun: Begun) -> None:
        self.sidecar.unseal()
        self.sidecar.publish_part(begun.number, begun.content)
        self.store.finish_part(self.dataset, begun.number)

    def _take_over(self) -> None:
        known = len(self.store.part_hashes(self.dataset))
        numbers = self.sidecar.part_numbers()
        if numbers != list(range(1, len(numbers) + 1)):
            raise Foreign("the sidecar's parts have gaps between them: move the folder away")
        for number in numbers[known:]:
            try:
                part = parse_part(self.sidecar.read_part(number) or b"")
            except BrokenPart as error:
                raise Foreign(f"part {number} of the sidecar is broken ({error}): move the folder away") from error
            if part.number != number:
                raise Foreign(f"part {number} of the sidecar says that it is another one: move the folder away")
            self.store.take_over(self.dataset, part)
        self.store.note_taken_over(self.dataset)
