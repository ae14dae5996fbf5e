"""Hosts and cables: what is entered is there, late is late, cut is cut, and nothing is left behind."""

from __future__ import annotations

import socket
import subprocess
import threading
import time

import pytest

from fs2od.testing.hosts import Cable, Host, Network


def devices() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


def connected(one: Host, other: Host) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection between two hosts."""
    with other.entered():
        listening = socket.create_server((other.address, 0))
    with listening, one.entered():
        mine = socket.create_connection(listening.getsockname(), timeout=30)
        theirs, _ = listening.accept()
    theirs.settimeout(30)
    return mine, theirs


def received(end: socket.socket, count: int) -> bytes:
    """Return so many bytes; with a time limit, one call to the kernel returns what has come."""
    with end.makefile("rb") as file:
        return file.read(count)


def test_what_a_host_sends_is_late_by_its_cable() -> None:
    with Network() as network:
        near, far = network.host(), network.host(Cable(delay_ms=50))
        mine, theirs = connected(near, far)
        with mine, theirs:
            began = time.monotonic()
            theirs.sendall(b"x")
            assert mine.recv(1) == b"x"
            assert time.monotonic() - began >= 0.045


@pytest.mark.parametrize("cable", [Cable(), Cable(delay_ms=1, loss_percent=1, megabits_s=50)])
def test_a_cut_loses_what_is_sent_and_a_connection_goes_on_after_it(cable: Cable) -> None:
    with Network() as network:
        near, far = network.host(), network.host(cable)
        mine, theirs = connected(near, far)
        with mine, theirs:
            with far.cut():
                theirs.sendall(b"meanwhile")
                mine.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    mine.recv(1)
            mine.settimeout(30)
            assert received(mine, 9) == b"meanwhile"


@pytest.mark.parametrize("cable", [Cable(megabits_s=800), Cable(delay_ms=1, megabits_s=800)])
def test_a_cable_that_is_slowed_carries_less_in_both_directions(cable: Cable) -> None:
    content = bytes(400_000)
    with Network() as network:
        mine, theirs = connected(network.host(), far := network.host(cable))
        with mine, theirs, far.slowed(1):
            for sender, receiver in ((mine, theirs), (theirs, mine)):
                began = time.monotonic()
                sending = threading.Thread(target=sender.sendall, args=(content,))
                sending.start()
                receiver.settimeout(60)
                assert received(receiver, len(content)) == content
                sending.join()
                # 64 kB pass at once.
                assert time.monotonic() - began > 2


def test_what_a_host_sends_is_counted() -> None:
    with Network() as network:
        near, far = network.host(), network.host()
        mine, theirs = connected(near, far)
        with mine, theirs:
            before = near.sent_bytes(), far.sent_bytes()
            theirs.sendall(b"x" * 50_000)
            assert len(received(mine, 50_000)) == 50_000
            assert far.sent_bytes() - before[1] > 50_000
            assert near.sent_bytes() - before[0] < 50_000


def test_processes_and_threads_are_where_they_were_started_and_others_are_not() -> None:
    with Network() as network:
        host = network.host()
        said: list[str] = []

        def look() -> None:
            done = subprocess.run(["ip", "-br", "address"], capture_output=True, text=True, check=True)
            said.append(done.stdout)

        with host.entered():
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
        look()
    inside, outside = said
    assert host.address in inside
    assert host.address not in outside


def test_nothing_is_left_where_it_was_plugged_in() -> None:
    # Not in the machine's own namespace: browsers of other tests break their connections off when its devices change.
    with Network(addresses="10.231.78.{}") as around, around.host().entered():
        before = devices()
        with Network() as network:
            here, far = network.here(), network.host(Cable(delay_ms=1))
            mine, theirs = connected(here, far)
            mine.close()
            theirs.close()
            assert devices() != before
        assert devices() == before
