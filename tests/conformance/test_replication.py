"""Shares, QoS, transfers and where data lies, as a provider answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

from fs2od.testing.world import World

Ask = Callable[..., Awaitable[httpx.Response]]


async def test_a_share_is_made_shown_changed_and_ended(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex, {"a.txt": b"x"})
    body = {"name": "share", "fileId": dataset.root, "description": "# Text"}
    made = await ask("oneprovider/create_share", alex, status=201, body=body)
    share = made.json()["shareId"]
    assert made.headers["Location"] == f"https://provider.test/api/v3/oneprovider/shares/{share}"
    seen = (await ask("oneprovider/get_share", alex, shid=share)).json()
    assert (seen["name"], seen["description"], seen["rootFileType"]) == ("share", "# Text", "DIR")
    assert seen["rootFileId"] == world.id_of(dataset, share=share)
    assert seen["publicUrl"] == f"https://zone.test/share/{share}"
    await ask("oneprovider/update_share", alex, status=204, body={"name": "new"}, shid=share)
    assert (await ask("oneprovider/get_share", alex, shid=share)).json()["name"] == "new"
    await ask("oneprovider/remove_share", alex, status=204, shid=share)
    await ask("oneprovider/get_share", alex, status=404, error="notFound", shid=share)
    body = {"name": "file", "rootFileId": world.id_of(dataset, "a.txt")}
    made = await ask("oneprovider/create_share", alex, status=201, body=body)
    seen = (await ask("oneprovider/get_share", alex, shid=made.json()["shareId"])).json()
    assert seen["rootFileType"] == "REG"


async def test_a_qos_requirement_is_judged(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex, {"a/b.txt": b"x"})
    ids = []
    for replicas, status in ((1, "fulfilled"), (2, "impossible")):
        body = {"fileId": dataset.root, "expression": "anyStorage", "replicasNum": replicas}
        made = await ask("oneprovider/add_qos_requirement", alex, status=201, body=body)
        assert "Location" in made.headers
        ids.append(made.json()["qosRequirementId"])
        seen = (await ask("oneprovider/get_qos_requirement", alex, qid=ids[-1])).json()
        assert (seen["status"], seen["replicasNum"], seen["fileId"]) == (status, replicas, dataset.root)
        log = (await ask("oneprovider/get_qos_requirement_audit_log", alex, qid=ids[-1])).json()
        assert log == {"isLast": True, "logEntries": []}
    file = world.id_of(dataset, "a/b.txt")
    summary = (await ask("oneprovider/get_file_qos_summary", alex, id=file)).json()
    assert summary == {"requirements": dict(zip(ids, ("fulfilled", "impossible"), strict=True)), "status": "impossible"}
    old = await world.provider.get(f"/data/{file}/qos_summary", headers=alex.headers)
    assert old.json() == summary
    await ask("oneprovider/remove_qos_requirement", alex, status=204, qid=ids[1])
    removed = await world.provider.delete(f"/qos-requirements/{ids[0]}", headers=alex.headers)
    assert (removed.status_code, removed.content) == (204, b"")
    summary = (await ask("oneprovider/get_file_qos_summary", alex, id=file)).json()
    assert summary == {"requirements": {}, "status": "fulfilled"}
    body = {"expression": f"storageId={dataset.storage} & providerId={world.node.provider.record.id}"}
    found = await ask("oneprovider/evaluate_qos_expression", alex, body=body, sid=dataset.space)
    assert [storage["id"] for storage in found.json()["matchingStorages"]] == [dataset.storage]
    body = {"expression": "geo=PL"}
    found = await ask("oneprovider/evaluate_qos_expression", alex, body=body, sid=dataset.space)
    assert found.json()["matchingStorages"] == []


async def test_a_transfer_is_taken_shown_and_run_again(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex, {"a.txt": b"x"})
    here = world.node.provider.record.id
    body = {"type": "replication", "dataSourceType": "file", "fileId": dataset.root, "replicatingProviderId": here}
    made = await ask("oneprovider/create_transfer", alex, status=201, body=body)
    transfer = made.json()["transferId"]
    assert made.headers["Location"].endswith(f"/transfers/{transfer}")
    seen = (await ask("oneprovider/get_transfer_status", alex, tid=transfer)).json()
    assert (seen["replicationStatus"], seen["transferStatus"], seen["rerunId"]) == ("completed", "completed", None)
    again = (await ask("oneprovider/rerun_transfer", alex, status=201, tid=transfer)).json()["transferId"]
    assert (await ask("oneprovider/get_transfer_status", alex, tid=transfer)).json()["rerunId"] == again
    await ask("oneprovider/cancel_transfer", alex, status=400, error="transferAlreadyEnded", tid=again)
    listed = (await ask("oneprovider/get_all_transfers", alex, sid=dataset.space)).json()
    assert listed == {"transfers": [], "nextPageToken": None}
    params = {"state": "ended", "limit": 1}
    first = (await ask("oneprovider/get_all_transfers", alex, params=params, sid=dataset.space)).json()
    params["page_token"] = first["nextPageToken"]
    rest = (await ask("oneprovider/get_all_transfers", alex, params=params, sid=dataset.space)).json()
    assert sorted(first["transfers"] + rest["transfers"]) == sorted([transfer, again])
    body |= {"type": "eviction", "evictingProviderId": here}
    only = (await ask("oneprovider/create_transfer", alex, status=201, body=body)).json()["transferId"]
    seen = (await ask("oneprovider/get_transfer_status", alex, tid=only)).json()
    assert (seen["evictionStatus"], seen["replicationStatus"]) == ("failed", "skipped")


async def test_it_is_told_where_data_lies(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex, {"a/b.txt": b"hello"})
    here = world.node.provider.record.id
    seen = (await ask("oneprovider/get_data_distribution", alex, id=world.id_of(dataset, "a/b.txt"))).json()
    storage = {"physicalSize": 5, "blocks": [[0, 5]]}
    assert seen["type"] == "REG"
    assert seen["distributionPerProvider"][here] == {
        "success": True,
        "virtualSize": 5,
        "distributionPerStorage": {dataset.storage: storage},
        "locationsPerStorage": {dataset.storage: "/a/b.txt"},
    }
    seen = (await ask("oneprovider/get_data_distribution", alex, id=dataset.root)).json()
    assert seen["type"] == "DIR"
    assert seen["distributionPerProvider"][here]["logicalSize"] == 5
