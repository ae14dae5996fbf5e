"""Runs of pieces: as one answer, for whoever reads on, and no longer."""

import hashlib
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from fs2od.manifests import PIECE_BYTES
from fs2od.mount import BlockStore
from fs2od.mount._fetching import Fetching
from fs2od.mount._promises import Promises
from fs2od.mount._states import FileState
from fs2od.mount._waiting import Waiting
from fs2od.testing.world import wait_until
from fs2od.transfer import Dataset, Entry, EntryKind

DATA = random.Random(7).randbytes(6 * PIECE_BYTES)
DATA += DATA[2 * PIECE_BYTES : 3 * PIECE_BYTES] + b"end"
ENTRY = Entry("a.mrc", EntryKind.FILE, "id", size_bytes=len(DATA), mtime_s=1)
LONGEST_S = 30.0
_STEP = 300_001


class Service:
    """Sends parts of one file; the first `wrong` answers with one byte changed, and none beyond `held` before it is let."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.closed: list[int] = []
        self.wrong = 0
        self.held = len(DATA)
        self.let = threading.Event()

    def stream(self, _: Entry, start: int, count: int, **_more: bool) -> Iterator[memoryview]:
        self.asked.append((start, count))
        is_wrong, self.wrong = self.wrong > 0, self.wrong - 1
        at, end = start, start + count
        try:
            while at < end:
                if at >= self.held:
                    assert self.let.wait(LONGEST_S)
                part = bytearray(DATA[at : min(at + _STEP, end)])
                part[0] ^= is_wrong
                yield memoryview(part)
                at += len(part)
        finally:
            self.closed.append(at)


class Manifest:
    """Knows the sums of the file from the beginning."""

    def want(self) -> None:
        pass

    def wait(self, *_: object) -> None:
        pass

    def is_read(self) -> bool:
        return True

    def checksums(self, *_: object) -> tuple[str, ...]:
        return tuple(
            hashlib.sha256(DATA[start : start + PIECE_BYTES]).hexdigest() for start in range(0, len(DATA), PIECE_BYTES)
        )


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BlockStore]:
    store = BlockStore(tmp_path / "c", limit_bytes=2 << 30)
    yield store
    store.close()


@pytest.fixture
def fetching(service: Service, store: BlockStore) -> Iterator[Fetching]:
    ending = threading.Event()
    fetching = Fetching(
        cast("Dataset", service), store, Waiting(0.0, ending), identity="d", promises=cast("Promises", Manifest())
    )
    yield fetching
    ending.set()
    service.let.set()
    fetching.close()


def part(number: int) -> bytes:
    return DATA[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]


def piece(fetching: Fetching, state: FileState, number: int) -> bytes | None:
    brought = fetching.piece(state, number).result(LONGEST_S)
    return fetching.at_hand(brought.key, 0, PIECE_BYTES)


def test_pieces_that_follow_each_other_come_as_one_answer(service: Service, fetching: Fetching) -> None:
    state = FileState(("a.mrc",), ENTRY)
    service.held = PIECE_BYTES
    assert fetching.read_on(state, 0, 8, lambda: True, is_ahead=False) == 8
    assert piece(fetching, state, 0) == part(0)  # while the others are still on their way
    service.let.set()
    assert [piece(fetching, state, number) for number in range(1, 8)] == list(map(part, range(1, 8)))
    assert service.asked == [(0, len(DATA))]


def test_what_is_wrong_or_here_comes_alone_or_not_at_all(service: Service, fetching: Fetching) -> None:
    state = FileState(("a.mrc",), ENTRY)
    service.wrong = 1
    assert fetching.read_on(state, 0, 3, lambda: True, is_ahead=False) == 3
    assert [piece(fetching, state, number) for number in range(3)] == list(map(part, range(3)))
    assert service.asked == [(0, 3 * PIECE_BYTES), *((number * PIECE_BYTES, PIECE_BYTES) for number in range(3))]
    # What is alike is kept once.
    assert part(6) == part(2)
    assert fetching.read_on(state, 0, 8, lambda: True, is_ahead=True) == 8
    assert [piece(fetching, state, number) for number in (7, 3, 4, 5)] == list(map(part, (7, 3, 4, 5)))
    assert sorted(service.asked[4:]) == [(3 * PIECE_BYTES, 3 * PIECE_BYTES), (7 * PIECE_BYTES, 3)]


def test_whoever_goes_elsewhere_lets_go_what_nobody_waits_for(service: Service, fetching: Fetching) -> None:
    state, reads_on = FileState(("a.mrc",), ENTRY), threading.Event()
    reads_on.set()
    service.held = 2 * PIECE_BYTES
    fetching.read_on(state, 0, 8, reads_on.is_set, is_ahead=False)
    assert piece(fetching, state, 1) == part(1)
    reads_on.clear()
    wanted = fetching.piece(state, 3)
    service.let.set()
    wanted.result(LONGEST_S)
    wait_until(lambda: len(service.closed) == len(service.asked), LONGEST_S)
    assert max(service.closed) < 6 * PIECE_BYTES
    assert piece(fetching, state, 7) == part(7)  # whoever comes back gets it


def test_what_somebody_wants_far_behind_comes_by_another_connection(service: Service, fetching: Fetching) -> None:
    state = FileState(("a.mrc",), ENTRY)
    service.held = 0
    fetching.read_on(state, 0, 8, lambda: True, is_ahead=False)
    wait_until(lambda: len(service.asked) == 1, LONGEST_S)
    last = fetching.piece(state, 7)
    wait_until(lambda: len(service.asked) == 2, LONGEST_S)
    assert service.asked[1] == (7 * PIECE_BYTES, 3)
    service.let.set()
    assert last.result(LONGEST_S).start == 7 * PIECE_BYTES
    assert piece(fetching, state, 6) == part(6)
