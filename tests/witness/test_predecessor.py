"""The calls of two older programs, replayed with plain requests over TLS: an importer's registration, and a download.

Source: the REST contract §4. Nothing sleeps: whatever a call needs has to be there when the call before it is answered.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from fs2od.testing.world import Dataset, ServedWorld, wait_until, write_files

pytestmark = pytest.mark.witness
TIMEOUT_S = 10
GRANTED = ["space_view", "space_view_privileges", "space_read_data", "space_add_support"]


class Caller:
    """Calls as the importer does: its header in lower case, and JSON read out of every body that is not empty."""

    def __init__(self, world: ServedWorld) -> None:
        settings = world.node.settings
        self.zone = f"{settings.zone_url}/api/v3/onezone/"
        self.provider = f"{settings.provider_url}/api/v3/oneprovider/"
        self.panel = f"{settings.provider_url}/api/v3/onepanel/"
        self.session = requests.Session()
        self.session.verify = str(world.ca)
        self.session.trust_env = False
        self.session.headers["x-auth-token"] = world.administrator.token.reveal()

    def call(self, method: str, url: str, body: object = None) -> requests.Response:
        """Make one call. A call without a body says nothing about its type."""
        answer = self.session.request(method, url, json=body, timeout=TIMEOUT_S, allow_redirects=False)
        if answer.content:
            answer.json()
        return answer

    def get(self, url: str) -> dict[str, Any]:
        answer = self.call("GET", url)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def caller(served: ServedWorld) -> Iterator[Caller]:
    found = Caller(served)
    with found.session:
        yield found


def location(answer: requests.Response, word: str) -> str:
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"].split(word)[1]


def importer_settings(caller: Caller) -> tuple[str, str, str]:
    """Return the ids that the importer is configured with: its managing group, its parent group, its user."""
    manager = location(
        caller.call("POST", f"{caller.zone}user/groups", {"name": "managers", "type": "team"}), "groups/"
    )
    parent = location(caller.call("POST", f"{caller.zone}user/groups", {"name": "users", "type": "team"}), "groups/")
    return manager, parent, caller.get(f"{caller.zone}user")["userId"]


def register(caller: Caller, folder: Path) -> dict[str, str]:
    """Make every call of the importer's registration, in its order."""
    manager, parent, user = importer_settings(caller)
    answer = caller.call("POST", f"{caller.zone}groups/{manager}/spaces", {"name": "dataset_1"})
    assert answer.content == b""
    space = location(answer, "spaces/")
    assert int(space, 18) >= 0
    kind: dict[str, Any] = {"inviteToken": {"inviteType": "supportSpace", "spaceId": space, "parameters": {}}}
    body: dict[str, Any] = {"type": kind, "caveats": [{"type": "time", "validUntil": int(time.time()) + 120}]}
    answer = caller.call("POST", f"{caller.zone}user/tokens/temporary", body)
    assert answer.status_code == 201
    token = answer.json()["token"]
    new = {"type": "posix", "mountPoint": str(folder), "importedStorage": True, "readonly": True, "timeout": 60}
    answer = caller.call("POST", f"{caller.panel}provider/storages", {"dataset_1": new})
    assert answer.status_code == 200
    storage = answer.json()["dataset_1"]["id"]
    config = {
        "continuousScan": True, "scanInterval": 10, "detectModifications": False, "detectDeletions": False, "maxDepth": 99,
    }  # fmt: skip
    body = {"token": token, "size": 10_485_760, "storageId": storage}
    body["storageImport"] = {"mode": "auto", "autoStorageImportConfig": config}
    answer = caller.call("POST", f"{caller.panel}provider/spaces", body)
    assert location(answer, "provider/spaces/") == answer.json()["id"] == space
    answer = caller.call("POST", f"{caller.zone}groups/{parent}/children", {"name": "dataset_1", "type": "team"})
    group = location(answer, "children/")
    kind = {"inviteToken": {"inviteType": "userJoinGroup", "groupId": group, "usageLimit": "infinity"}}
    body = {"name": "token for dataset_1", "type": kind}
    answer = caller.call("POST", f"{caller.zone}users/{user}/tokens/named", body)
    assert answer.status_code == 201
    invite = answer.json()
    again = caller.call("POST", f"{caller.zone}users/{user}/tokens/named", body)
    assert (again.status_code, again.json()["error"]["details"]["key"]) == (400, "name")
    answer = caller.call("PUT", f"{caller.zone}spaces/{space}/groups/{group}", {"privileges": GRANTED})
    assert answer.ok
    root = caller.get(f"{caller.provider}spaces/{space}")["fileId"]
    answer = caller.call("POST", f"{caller.provider}shares", {"name": "dataset_1", "fileId": root})
    assert answer.status_code == 201
    share = answer.json()["shareId"]
    url = caller.get(f"{caller.provider}shares/{share}")["publicUrl"]
    assert root == caller.get(f"{caller.provider}spaces/{space}")["fileId"]
    assert caller.get(f"{caller.zone}spaces/{space}/shares") == {"shares": [share]}
    shared_root = caller.get(f"{caller.provider}shares/{share}")["rootFileId"]
    assert caller.call("PATCH", f"{caller.provider}shares/{share}", {"description": f"# Data\n{url}"}).ok
    metadata = {"Project": {"Name": "ribosome", "Nested": [1, 2.5, None]}}
    assert caller.call("PUT", f"{caller.provider}data/{root}/metadata/json", metadata).ok
    answer = caller.call("POST", f"{caller.panel}provider/spaces/{space}/storage-import/auto/force-start")
    assert answer.status_code in (204, 409)
    return {
        "space": space, "storage": storage, "group": group, "root": root, "share": share, "shared_root": shared_root,
        "url": url, "token_id": invite["tokenId"], "invite": invite["token"], "user": user,
    }  # fmt: skip


def folder_with(served: ServedWorld, files: dict[str, bytes]) -> Path:
    folder = served.folder / "acquired"
    folder.mkdir()
    write_files(folder, files)
    return folder


def nodes_below(caller: Caller, file_id: str) -> list[tuple[str, str, str]]:
    """Return (type, name, mode) of everything below, read as the importer does before it changes modes."""
    attributes = caller.get(f"{caller.provider}data/{file_id}")
    found = [(attributes["type"].lower(), attributes["name"], attributes["mode"])]
    if attributes["type"].lower() == "dir":
        url = f"{caller.provider}data/{file_id}/children?attribute=file_id&attribute=name&limit=1000&offset=0"
        page = caller.get(url)
        assert page["isLast"] is True
        for node in page["children"]:
            found += nodes_below(caller, node["file_id"])
        assert caller.call("PUT", f"{caller.provider}data/{file_id}", {"mode": "0777"}).status_code == 204
    return found


def test_the_importers_registration_works_without_waiting(served: ServedWorld, caller: Caller) -> None:
    made = register(caller, folder_with(served, {"a.txt": b"x"}))
    assert made["url"] == f"{served.node.settings.zone_url}/share/{made['share']}"
    blair = served.person("Blair Example")
    headers = {"x-auth-token": blair.token.reveal()}
    body = {"token": made["invite"]}
    answer = caller.session.post(f"{caller.zone}user/groups/join", json=body, headers=headers, timeout=TIMEOUT_S)
    assert location(answer, "groups/") == made["group"]
    seen = caller.session.get(f"{caller.provider}spaces", headers=headers, timeout=TIMEOUT_S).json()
    assert [space["spaceId"] for space in seen] == [made["space"]]


def test_the_importers_later_runs_work(served: ServedWorld, caller: Caller) -> None:
    made = register(caller, folder_with(served, {"a.txt": b"x" * 100, "b/c.txt": b"y"}))
    space, supports = made["space"], f"{caller.panel}provider/spaces"
    info = f"{supports}/{space}/storage-import/auto/info"
    assert space in caller.get(supports)["ids"]
    wait_until(lambda: caller.get(info)["status"] in ("completed", "aborted", "failed"), 20)
    assert caller.get(info)["status"] == "completed"
    details = caller.get(f"{supports}/{space}")
    assert details["importedStorage"]
    assert details["storageImport"]["autoStorageImportConfig"]["continuousScan"] is True
    answer = caller.call("PATCH", f"{supports}/{space}", {"autoStorageImportConfig": {"continuousScan": False}})
    assert (answer.status_code, answer.content) == (204, b"")
    assert caller.call("POST", f"{supports}/{space}/storage-import/auto/force-start").status_code in (204, 409)
    wait_until(lambda: caller.get(info)["status"] == "completed", 20)
    assert sorted(nodes_below(caller, made["root"])) == [
        ("dir", "b", "775"), ("dir", "dataset_1", "775"), ("reg", "a.txt", "664"), ("reg", "c.txt", "664"),
    ]  # fmt: skip
    occupied = caller.get(f"{supports}/{space}")["spaceOccupancy"]
    assert occupied == 101
    assert caller.call("PATCH", f"{supports}/{space}", {"size": max(occupied, 1_048_576)}).ok
    for switch in (False, True):
        assert caller.call("PATCH", f"{supports}/{space}", {"dirStatsServiceEnabled": switch}).ok
    here = caller.get(f"{caller.provider}configuration")["providerId"]
    order = {"type": "replication", "dataSourceType": "file", "fileId": made["root"], "replicatingProviderId": here}
    transfer = caller.call("POST", f"{caller.provider}transfers", order).json()["transferId"]
    assert caller.get(f"{caller.provider}transfers/{transfer}")["replicationStatus"] == "completed"
    assert caller.get(f"{caller.provider}spaces/{space}/transfers")["nextPageToken"] is None
    assert caller.call("GET", f"{caller.provider}transfers/{'f' * 32}").status_code == 404
    assert caller.get(f"{caller.zone}providers/{here}")["domain"] == served.node.settings.provider_domain
    assert space in caller.get(f"{caller.zone}providers/{here}/spaces")["spaces"]


def test_the_importer_undoes_what_it_made(served: ServedWorld, caller: Caller) -> None:
    made = register(caller, folder_with(served, {}))
    by_name = caller.get(f"{caller.zone}users/{made['user']}/tokens/named/name/token for dataset_1")
    assert by_name["id"] == made["token_id"]
    gone = [
        (f"{caller.provider}shares/{made['share']}", 204),
        (f"{caller.zone}tokens/named/{made['token_id']}", 204),
        (f"{caller.panel}provider/spaces/{made['space']}", 204),
        (f"{caller.panel}provider/spaces/{made['space']}", 404),
        (f"{caller.panel}provider/storages/{made['storage']}", 204),
        (f"{caller.zone}groups/{made['group']}", 204),
        (f"{caller.zone}spaces/{made['space']}", 204),
    ]
    for url, status in gone:
        assert caller.call("DELETE", url).status_code == status, url
    for url in (
        f"{caller.zone}tokens/named/{made['token_id']}",
        f"{caller.panel}provider/storages/{made['storage']}",
        f"{caller.zone}spaces/{made['space']}",
    ):
        assert caller.call("GET", url).status_code == 404, url
    answer = caller.call("GET", f"{caller.provider}spaces/{made['space']}")
    assert (answer.status_code, "error" in answer.json()) == (403, True)


class Downloader:
    """Downloads a share as the download script does: no token, redirects followed by hand for listings."""

    def __init__(self, world: ServedWorld) -> None:
        self.zone = world.node.settings.zone_url
        self.session = requests.Session()
        self.session.verify = str(world.ca)
        self.session.trust_env = False

    def data(self, file_id: str, noun: str = "") -> str:
        return f"{self.zone}/api/v3/onezone/shares/data/{file_id}{noun}"

    def attributes(self, file_id: str) -> dict[str, Any]:
        answer = self.session.get(self.data(file_id), timeout=TIMEOUT_S)
        found: dict[str, Any] = answer.json()
        return found

    def children(self, file_id: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask with the same method, headers and body again wherever the answer leads."""
        url = self.data(file_id, "/children")
        while True:
            answer = self.session.request("GET", url, json=body, timeout=TIMEOUT_S, allow_redirects=False)
            if answer.status_code not in (301, 302, 303, 307, 308):
                found: dict[str, Any] = answer.json()
                return found
            url = answer.headers["Location"]

    def tree(self, file_id: str) -> dict[str, str]:
        """Return the ids of all files by their paths."""
        found: dict[str, str] = {}
        page = self.children(file_id)
        while True:
            for child in page["children"]:
                child_id = child["file_id"]
                if self.attributes(child_id)["type"].upper() == "DIR":
                    found |= {f"{child['name']}/{path}": below for path, below in self.tree(child_id).items()}
                else:
                    found[child["name"]] = child_id
            if page["isLast"] or not page["nextPageToken"]:
                return found
            page = self.children(file_id, {"token": page["nextPageToken"]})

    def content(self, file_id: str, target: Path) -> None:
        """Go on where an earlier try broke off; after 416 compare the sizes."""
        already = target.stat().st_size if target.exists() else 0
        headers = {"Range": f"bytes={already}-"} if already else {}
        answer = self.session.get(self.data(file_id, "/content"), headers=headers, timeout=TIMEOUT_S, stream=True)
        if answer.status_code == 416:
            whole = self.session.get(self.data(file_id, "/content"), timeout=TIMEOUT_S, stream=True)
            assert int(whole.headers["Content-Length"]) == already
            whole.close()
            return
        assert answer.status_code == (206 if already else 200)
        assert int(answer.headers["Content-Length"]) >= 0
        with target.open("ab") as file:
            for chunk in answer.iter_content(1000):
                file.write(chunk)


def shared(served: ServedWorld, files: dict[str, bytes]) -> tuple[Dataset, str]:
    alex = served.person()
    dataset = served.dataset(alex, files)
    return dataset, served.node.zone.shares.public(served.share(alex, dataset)).root_file_id


def test_the_download_script_gets_a_share_whole_and_goes_on_where_it_broke_off(served: ServedWorld) -> None:
    files = {"a.bin": bytes(range(256)) * 40, "deep/er/b.txt": b"text", "deep/empty": b"", "ü ?#%.txt": b"odd"}
    _, root = shared(served, files)
    script = Downloader(served)
    with script.session:
        configuration = script.session.get(f"{script.zone}/api/v3/onezone/configuration", timeout=TIMEOUT_S).json()
        assert configuration["version"].split(".")[0] == "21"
        attributes = script.attributes(root)
        assert (attributes["type"], attributes["size"]) == ("DIR", sum(map(len, files.values())))
        found = script.tree(root)
        assert set(found) == set(files)
        for number, (path, content) in enumerate(sorted(files.items())):
            target = served.folder / f"got {number}"
            if len(content) > 1:
                target.write_bytes(content[: len(content) // 2])
            script.content(found[path], target)
            assert target.read_bytes() == content
            if content:
                script.content(found[path], target)
                assert target.read_bytes() == content


def test_the_download_script_reads_long_listings_page_by_page(served: ServedWorld) -> None:
    names = {f"{number:04}.txt": b"" for number in range(1001)}
    _, root = shared(served, names)
    script = Downloader(served)
    with script.session:
        page = script.children(root)
        assert (len(page["children"]), page["isLast"]) == (1000, False)
        rest = script.children(root, {"token": page["nextPageToken"]})
        assert [child["name"] for child in rest["children"]] == ["1000.txt"]
        assert rest["isLast"] is True


def test_the_download_script_is_told_what_is_gone(served: ServedWorld) -> None:
    dataset, root = shared(served, {"a.txt": b"x"})
    script = Downloader(served)
    with script.session:
        file_id = script.tree(root)["a.txt"]
        (dataset.folder / "a.txt").unlink()
        served.rescan(dataset.space)
        assert script.attributes(file_id)["error"]["details"] == {"errno": "enoent"}
        answer = script.session.get(script.data(file_id, "/content"), timeout=TIMEOUT_S)
        assert '"errno":"enoent"' in answer.text
