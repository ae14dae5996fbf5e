"""Transfers that really run: replication, eviction and migration, cancelled, run again, taken up after a restart."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from tests.node.replication.scenes import FILES, Scene, open_scene

from fs2od.errors import StorageBusy
from fs2od.node.replication.callbacks import call_back
from fs2od.onedata.ids import TransferId
from fs2od.storage import PosixStorage, Seen
from fs2od.testing.world import wait_until


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_scene(tmp_path) as opened:
        yield opened


async def order(scene: Scene, kind: str, path: str = "", **changes: str) -> str:
    centre, facility = scene.centre.node_provider.record.id, scene.world.node.provider.record.id
    ends = {
        "replication": {"replicatingProviderId": centre},
        "eviction": {"evictingProviderId": centre},
        "migration": {"replicatingProviderId": centre, "evictingProviderId": facility},
    }
    file = scene.world.id_of(scene.dataset, path)
    body = {"type": kind, "dataSourceType": "file", "fileId": file} | ends[kind] | changes
    answer = await scene.world.provider.post("/transfers", json=body, headers=scene.owner.headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["transferId"])


async def seen(scene: Scene, transfer: str) -> dict[str, Any]:
    answer = await scene.centre.provider.get(f"/transfers/{transfer}", headers=scene.owner.headers)
    found: dict[str, Any] = answer.json()
    return found


async def listed(scene: Scene, state: str) -> list[str]:
    path = f"/spaces/{scene.dataset.space}/transfers"
    answer = await scene.world.provider.get(path, params={"state": state}, headers=scene.owner.headers)
    found: list[str] = answer.json()["transfers"]
    return found


async def test_a_replication_is_scheduled_runs_and_says_what_it_did(scene: Scene) -> None:
    transfer = await order(scene, "replication")
    before = await seen(scene, transfer)
    statuses = ("transferStatus", "replicationStatus", "evictionStatus", "effectiveJobStatus")
    assert [before[key] for key in statuses] == ["scheduled", "scheduled", "skipped", "scheduled"]
    assert (before["startTime"], before["finishTime"]) == (0, 0)
    assert (await listed(scene, "waiting"), await listed(scene, "ongoing")) == ([transfer], [])
    scene.tick()
    after = await seen(scene, transfer)
    assert [after[key] for key in statuses] == ["completed", "completed", "skipped", "completed"]
    size = sum(map(len, FILES.values()))
    counts = ("filesToProcess", "filesProcessed", "filesReplicated", "bytesReplicated", "filesFailed")
    assert [after[key] for key in counts] == [3, 3, 3, size, 0]
    assert 0 < after["scheduleTime"] <= after["startTime"] <= after["finishTime"]
    assert await listed(scene, "ended") == [transfer]
    assert scene.copies() == FILES


async def test_a_single_file_is_replicated_alone(scene: Scene) -> None:
    transfer = await order(scene, "replication", "deep/b.mrc")
    scene.tick()
    assert (await seen(scene, transfer))["filesReplicated"] == 1
    assert set(scene.copies()) == {"deep/b.mrc"}


async def test_a_file_of_this_second_or_of_a_clock_ahead_is_transferred(scene: Scene) -> None:
    ahead_s = scene.moments.now_s() + 3600
    os.utime(scene.dataset.folder / "a.mrc", (ahead_s, ahead_s))
    scene.world.rescan(scene.dataset.space)
    transfer = await order(scene, "replication", "a.mrc")
    scene.tick()
    found = await seen(scene, transfer)
    assert (found["transferStatus"], found["filesReplicated"]) == ("completed", 1)


async def test_an_eviction_takes_the_copies_and_nothing_else(scene: Scene) -> None:
    await order(scene, "replication")
    scene.tick()
    transfer = await order(scene, "eviction", "deep")
    scene.tick()
    found = await seen(scene, transfer)
    assert (found["transferStatus"], found["evictionStatus"], found["filesEvicted"]) == ("completed", "completed", 1)
    assert set(scene.copies()) == set(FILES) - {"deep/b.mrc"}
    assert (scene.dataset.folder / "deep" / "b.mrc").read_bytes() == FILES["deep/b.mrc"]


async def test_an_eviction_never_takes_the_last_good_copy(scene: Scene) -> None:
    await order(scene, "replication")
    scene.tick()
    (scene.dataset.folder / "a.mrc").unlink()  # no scan has noticed
    (scene.dataset.folder / "deep" / "b.mrc").write_bytes(b"other")
    transfer = await order(scene, "eviction")
    scene.tick()
    found = await seen(scene, transfer)
    assert (found["evictionStatus"], found["filesEvicted"], found["filesFailed"]) == ("failed", 1, 2)
    assert set(scene.copies()) == {"a.mrc", "deep/b.mrc"}


async def everywhere(scene: Scene) -> Path:
    """Let a second site have copies as well, and return where they are; nobody asks for any of them any more."""
    other = scene.world.site("other").node_provider
    storage = scene.world.also_support(scene.dataset.space, other)
    requirement = await scene.require("anyStorage", 3)
    scene.look()
    assert await scene.status(requirement) == "fulfilled"
    await scene.world.provider.delete(f"/qos_requirements/{requirement}", headers=scene.owner.headers)
    place = other.storages.get(storage).place
    assert isinstance(place, Path)
    return place / scene.dataset.space


async def test_an_eviction_looks_itself_whether_another_site_has_the_file(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = await everywhere(scene)
    for path in FILES:
        (scene.dataset.folder / path).unlink()  # no scan has noticed
    (elsewhere / "a.mrc").unlink()
    other = bytes(reversed(FILES["deep/b.mrc"]))
    (elsewhere / "deep" / "b.mrc").write_bytes(other)
    transfer = await order(scene, "eviction")
    scene.tick()
    found = await seen(scene, transfer)
    assert (found["evictionStatus"], found["filesEvicted"], found["filesFailed"]) == ("failed", 1, 2)
    assert set(scene.copies()) == {"a.mrc", "deep/b.mrc"}
    assert "the copy of 'a.mrc'" in caplog.text
    assert (elsewhere / "empty").read_bytes() == b""


async def test_an_eviction_takes_no_copy_while_nobody_can_look_at_the_others(scene: Scene) -> None:
    elsewhere = await everywhere(scene)
    away = elsewhere.parent.with_name("away")
    scene.dataset.folder.rename(scene.dataset.folder.with_name("home is away"))
    elsewhere.parent.rename(away)
    transfer = await order(scene, "eviction")
    scene.tick()
    assert (await seen(scene, transfer))["filesFailed"] == len(FILES)
    assert scene.copies() == FILES
    away.rename(elsewhere.parent)
    transfer = await order(scene, "eviction")
    scene.tick()
    assert (await seen(scene, transfer))["filesEvicted"] == len(FILES)
    assert scene.copies() == {}


async def test_an_eviction_leaves_what_a_requirement_asks_for(scene: Scene) -> None:
    requirement = await scene.require(f"storageId={scene.storage}", path="deep")
    await order(scene, "replication")
    scene.tick()
    transfer = await order(scene, "eviction")
    scene.tick()
    found = await seen(scene, transfer)
    assert (found["transferStatus"], found["filesEvicted"], found["filesFailed"]) == ("failed", 2, 1)
    assert set(scene.copies()) == {"deep/b.mrc"}
    assert await scene.status(requirement) == "fulfilled"


async def test_imported_data_is_never_evicted(scene: Scene) -> None:
    transfer = await order(scene, "migration")
    assert (await seen(scene, transfer))["transferStatus"] == "failed"
    facility = scene.world.node.provider.record.id
    transfer = await order(scene, "eviction", evictingProviderId=facility)
    assert (await seen(scene, transfer))["evictionStatus"] == "failed"
    scene.tick()
    assert {str(path.relative_to(scene.dataset.folder)) for path in scene.dataset.folder.rglob("*.mrc")} == {
        "a.mrc", "deep/b.mrc",
    }  # fmt: skip


async def test_a_migration_between_two_sites_copies_first_and_then_takes_away(scene: Scene) -> None:
    await order(scene, "replication")
    scene.tick()
    other = scene.world.site("other")
    scene.world.also_support(scene.dataset.space, other.node_provider)
    ends = {
        "replicatingProviderId": other.node_provider.record.id,
        "evictingProviderId": scene.centre.node_provider.record.id,
    }
    transfer = await order(scene, "migration", **ends)
    scene.tick()
    found = await seen(scene, transfer)
    statuses = ("transferStatus", "replicationStatus", "evictionStatus")
    assert [found[key] for key in statuses] == ["completed"] * 3
    assert (found["filesReplicated"], found["filesEvicted"]) == (3, 3)
    assert scene.copies() == {}


async def test_a_transfer_that_waits_is_cancelled_and_run_again(scene: Scene) -> None:
    transfer = await order(scene, "replication")
    again = await scene.world.provider.post(f"/transfers/{transfer}/rerun", headers=scene.owner.headers)
    assert again.json()["error"]["id"] == "transferNotEnded"
    answer = await scene.world.provider.delete(f"/transfers/{transfer}", headers=scene.owner.headers)
    assert answer.status_code == 204
    assert (await seen(scene, transfer))["transferStatus"] == "aborting"
    scene.tick()
    assert (await seen(scene, transfer))["transferStatus"] == "cancelled"
    assert scene.copies() == {}
    again = await scene.world.provider.post(f"/transfers/{transfer}/rerun", headers=scene.owner.headers)
    scene.tick()
    assert (await seen(scene, again.json()["transferId"]))["transferStatus"] == "completed"
    assert (await seen(scene, transfer))["rerunId"] == again.json()["transferId"]


async def test_only_who_ordered_it_or_may_cancel_cancels(scene: Scene) -> None:
    member = scene.world.person("Member Example")
    scene.world.join_space(scene.dataset.space, member)
    transfer = await order(scene, "replication")
    answer = await scene.world.provider.delete(f"/transfers/{transfer}", headers=member.headers)
    assert answer.status_code == 403


async def test_a_transfer_waits_for_a_storage_that_is_away_and_the_log_says_so(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    mount = scene.folder.parent
    mount.rename(mount.with_name("away"))
    transfer = await order(scene, "replication")
    scene.tick()
    assert (await seen(scene, transfer))["transferStatus"] == "replicating"
    assert f"transfer {transfer} to storage " in caplog.text
    mount.with_name("away").rename(mount)
    scene.moments.forward(60)
    scene.tick()
    assert (await seen(scene, transfer))["transferStatus"] == "completed"


async def test_a_transfer_gives_up_after_a_day_in_which_nothing_came_and_not_before(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, busy = PosixStorage.write, {"a.mrc", "deep/b.mrc", "empty"}

    def refuse(storage: PosixStorage, path: str, chunks: Iterable[bytes], *, replace: bool = True) -> Seen:
        if path in busy:
            raise StorageBusy("not now")
        return write(storage, path, chunks, replace=replace)

    monkeypatch.setattr(PosixStorage, "write", refuse)
    transfer = await order(scene, "replication")
    scene.tick()
    busy.discard("a.mrc")
    for hours in (20, 20, 3):
        assert (await seen(scene, transfer))["transferStatus"] == "replicating"
        scene.moments.forward(hours * 3600)
        scene.tick()
    assert (await seen(scene, transfer))["transferStatus"] == "replicating"
    scene.moments.forward(2 * 3600)
    scene.tick()
    found = await seen(scene, transfer)
    assert (found["transferStatus"], found["filesReplicated"], found["filesFailed"]) == ("failed", 1, 2)


async def test_a_transfer_whose_file_changed_since_the_scan_has_failed_for_it(scene: Scene) -> None:
    (scene.dataset.folder / "a.mrc").write_bytes(b"another one")
    transfer = await order(scene, "replication")
    scene.tick()
    found = await seen(scene, transfer)
    assert (found["transferStatus"], found["filesReplicated"], found["filesFailed"]) == ("failed", 2, 1)


def test_who_asked_is_told_of_the_end() -> None:
    told: list[bytes] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        call_back(f"http://127.0.0.1:{server.server_port}/done?x=1", TransferId("t1"), trusted={"127.0.0.1"})
        thread.join(30)
    wait_until(lambda: told == [b'{"transferId": "t1"}'], 60)


# A status, and the hello of a TLS server, each with more to come.
@pytest.mark.parametrize(
    ("scheme", "says"), [("http", b"H"), ("https", b"\x16\x03\x03\x3f\xff\x02\x00\x3f\x00\x03\x03")]
)
def test_who_is_told_holds_nobody_by_answering_byte_by_byte(scheme: str, says: bytes) -> None:
    over = threading.Event()

    def drip() -> None:
        connected, _ = listening.accept()
        with connected, suppress(OSError):
            for byte in chain(says, repeat(0x20)):
                connected.sendall(bytes([byte]))
                if over.wait(0.02):
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip)
        thread.start()
        address = f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/"
        try:
            with pytest.raises(OSError, match=r".*"):
                call_back(address, TransferId("t1"), trusted={"127.0.0.1"}, within_s=0.5)
        finally:
            over.set()
            thread.join(30)


NO_ADDRESSES = (
    "http://host.example:99999/", "http://host.example:0/", "http://host.example:port/", f"http://{'x' * 70}.example/",
    "http://a..example/", "http://[::1/", "http://host.example/a b", "http://host.example/\u00e4", "http:///", "file:///x",
    "http://user@host.example/",
)  # fmt: skip


@pytest.mark.parametrize("address", NO_ADDRESSES)
async def test_a_callback_that_can_be_no_address_is_refused(scene: Scene, address: str) -> None:
    body = {"type": "replication", "dataSourceType": "file", "fileId": scene.dataset.root, "callback": address}
    body["replicatingProviderId"] = scene.centre.node_provider.record.id
    answer = await scene.world.provider.post("/transfers", json=body, headers=scene.owner.headers)
    assert (answer.status_code, answer.json()["error"]["id"]) == (400, "badData")


async def test_callbacks_that_were_taken_before_and_are_no_addresses_disturb_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    transfers = [await order(scene, "replication", callback="http://host.example/") for _ in NO_ADDRESSES]
    with scene.world.node.zone.database.writing() as db:
        for transfer, address in zip(transfers, NO_ADDRESSES, strict=True):
            db.execute(
                "UPDATE transfer SET document = json_set(document, '$.callback', ?) WHERE id = ?", (address, transfer)
            )
    scene.tick()
    assert [(await seen(scene, transfer))["transferStatus"] for transfer in transfers] == ["completed"] * len(transfers)
    assert caplog.text.count("nobody could be told of the end of transfer") == len(transfers)
    assert "unexpectedly" not in caplog.text


async def test_a_callback_never_reaches_what_only_this_machine_can(scene: Scene) -> None:
    for address in ("http://127.0.0.1:1/", "http://localhost:1/", "http://169.254.0.1/", "http://[::1]:1/"):
        with pytest.raises(PermissionError):
            call_back(address, TransferId("t1"), trusted=())
    transfer = await order(scene, "replication", callback="http://127.0.0.1:1/")
    scene.tick()
    assert (await seen(scene, transfer))["transferStatus"] == "completed"
