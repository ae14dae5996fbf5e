"""The facility's side: onboarding, a look that finds nothing new, and how long new data takes to be seen."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from bench.report import Section, median

from fs2od.client import Connection
from fs2od.configuration import Configuration
from fs2od.facility import Facility
from fs2od.onedata.tokens import Token
from fs2od.testing.system import System

__all__ = ["measure"]

_METADATA = "Sample: {{Name: Sample {number}}}\nUser: {{Email: alex@example.org}}\n"


class _Counter:
    """Counts requests and adds up how long each took, from leaving to the head of its answer."""

    def __init__(self) -> None:
        self.requests = 0

    def before_request(self, method: str, operation: str) -> None:
        self.requests += 1

    def after_response(self, method: str, operation: str, status: int) -> None:
        pass


def measure(folder: Path, *, quick: bool) -> list[Section]:
    """Return the tables of this benchmark."""
    with System(folder) as node:
        node.start_node()
        onboarding = _onboarding(folder, node, [10] if quick else [10, 100])
        look = _look(folder, node, [100] if quick else [200, 2000])
    with System(_made(folder / "visible")) as system:
        visible = _visible(system, 3 if quick else 15)
    return [onboarding, look, visible]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _datasets(watched: Path, count: int) -> None:
    for number in range(count):
        dataset = watched / f"dataset_{number:05}"
        dataset.mkdir(parents=True)
        (dataset / "movie.mrc").write_bytes(b"m" * 1000)
        (dataset / "SPA.yml").write_text(_METADATA.format(number=number))


def _configuration(home: Path, node: System, watched: Path) -> Configuration:
    document = {
        "onedata": {
            "zone": node.facts["zone"],
            "provider": node.facts["provider"],
            "ca_file": node.facts["ca"],
            "token_file": node.facts["admin_token_file"],
            "provision": True,
        },
        "facility": {"contact": "desk@example.org"},
        "mail": {"sender": "desk@example.org", "folder": str(home / "outbox")},
        "watch": [{"path": str(watched), "settle": "0s", "quiet": "24h"}],
    }
    return Configuration.model_validate_json(json.dumps(document))


def _facility(home: Path, node: System, watched: Path, counter: _Counter) -> Facility:
    ca = Path(node.facts["ca"])

    def connect(token: Token) -> Connection:
        return Connection(token=token, ca_file=ca, observer=counter)

    return Facility(_configuration(home, node, watched), data=home / "state", connect=connect)


async def _announce_all(facility: Facility, outbox: Path, count: int) -> float:
    began = time.perf_counter()
    async with facility.opened() as one_pass:
        while len(list(outbox.glob("*.eml"))) < count:
            await one_pass()
            await asyncio.sleep(0.05)
    return time.perf_counter() - began


def _onboarding(folder: Path, node: System, counts: list[int]) -> Section:
    section = Section(
        key="onboarding",
        title="Onboarding",
        how="New datasets of two files each, from the first look to the last mail in the outbox, at the node over TLS, eight "
        "at a time, against the bare calls of the contract's import flow (14 a dataset) made one after another by httpx in the "
        "same run, without recovery, journal, descriptions, permissions or mail.",
        columns=("datasets", "requests a dataset", "fs2od, s", "bare calls, s", "ratio"),
    )
    for count in counts:
        home = _made(folder / f"onboarding-{count}")
        _datasets(home / "watched", count)
        counter = _Counter()
        facility = _facility(home, node, home / "watched", counter)
        ours = asyncio.run(_announce_all(facility, home / "outbox", count))
        bare_home = home / "bare"
        _datasets(bare_home, count)
        bare = _bare(node, sorted(bare_home.iterdir()))
        section.row(count, f"{counter.requests / count:.1f}", f"{ours:.2f}", f"{bare:.2f}", f"{ours / bare:.2f}")
    return section


def _bare(node: System, datasets: list[Path]) -> float:
    zone = f"{node.facts['zone']}/api/v3/onezone"
    provider, panel = (f"{node.facts['provider']}/api/v3/{name}" for name in ("oneprovider", "onepanel"))
    verify = ssl.create_default_context(cafile=node.facts["ca"])
    token = Path(node.facts["admin_token_file"]).read_text().strip()
    with httpx.Client(verify=verify, headers={"X-Auth-Token": token}, timeout=60) as http:

        def call(method: str, url: str, **body: object) -> httpx.Response:
            return http.request(method, url, json=body or None).raise_for_status()

        user = call("GET", f"{zone}/user").json()["userId"]
        parent = (
            call("POST", f"{zone}/groups", name=f"bare {len(datasets)}", type="team")
            .headers["Location"]
            .split("groups/")[1]
        )
        began = time.perf_counter()
        for dataset in datasets:
            name = f"{dataset.name}-bare{len(datasets)}"
            space = call("POST", f"{zone}/groups/{parent}/spaces", name=name).headers["Location"].split("spaces/")[1]
            invite = {"inviteToken": {"inviteType": "supportSpace", "spaceId": space}}
            until = [{"type": "time", "validUntil": int(time.time()) + 120}]
            support = call("POST", f"{zone}/user/tokens/temporary", type=invite, caveats=until).json()["token"]
            storage = {"type": "posix", "mountPoint": str(dataset), "importedStorage": True, "readonly": True}
            made = call("POST", f"{panel}/provider/storages", **{name: storage}).json()[name]["id"]
            call("POST", f"{panel}/provider/spaces", token=support, size=10**12, storageId=made)
            for kind in ("owners", "members"):
                child = call("POST", f"{zone}/groups/{parent}/children", name=f"{name} {kind}", type="team")
                group = child.headers["Location"].split("children/")[1]
                joining = {"inviteToken": {"inviteType": "userJoinGroup", "groupId": group}}
                call("POST", f"{zone}/users/{user}/tokens/named", name=f"{name} {kind}", type=joining)
                call("PUT", f"{zone}/spaces/{space}/groups/{group}", privileges=["space_view", "space_read_data"])
            root = call("GET", f"{provider}/spaces/{space}").json()["fileId"]
            share = call("POST", f"{provider}/shares", name=name, fileId=root).json()["shareId"]
            call("GET", f"{provider}/shares/{share}")
            call("PATCH", f"{provider}/shares/{share}", description="described")
        return time.perf_counter() - began


def _look(folder: Path, node: System, counts: list[int]) -> Section:
    section = Section(
        key="look",
        title="A look that finds nothing new",
        how="One look at known datasets that have not changed: median of five. The plain walk is `find -maxdepth 2 -printf`, which "
        "prints the same times and sizes.",
        columns=("known datasets", "fs2od, s", "requests", "find, s", "ratio"),
    )
    for count in counts:
        home = _made(folder / f"look-{count}")
        _datasets(home / "watched", count)
        counter = _Counter()
        ours, requests = asyncio.run(
            _looks(_facility(home, node, home / "watched", counter), home / "outbox", count, counter)
        )
        find = median(_find(home / "watched") for _ in range(5))
        section.row(count, f"{ours:.3f}", requests, f"{find:.3f}", f"{ours / find:.1f}")
    return section


async def _looks(facility: Facility, outbox: Path, count: int, counter: _Counter) -> tuple[float, int]:
    async with facility.opened() as one_pass:
        while len(list(outbox.glob("*.eml"))) < count:
            await one_pass()
        for _ in range(3):
            await asyncio.sleep(5.5)
            await one_pass()
        before = counter.requests
        spent = []
        for _ in range(5):
            began = time.perf_counter()
            await one_pass()
            spent.append(time.perf_counter() - began)
        return median(spent), counter.requests - before


def _find(folder: Path) -> float:
    began = time.perf_counter()
    command = ["find", str(folder), "-maxdepth", "2", "-printf", "%p %s %T@ %C@ %i\\n"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _visible(system: System, times: int) -> Section:
    section = Section(
        key="visible",
        title="From the last byte written to visible through the link",
        how="A file is written into a dataset that is being acquired; the share's public listing is asked every 20 ms until it shows "
        "the file whole. An import is asked for at most every five seconds.",
        columns=("files", "median, s", "fastest, s", "slowest, s"),
    )
    system.start()
    dataset = system.watched / "live"
    dataset.mkdir()
    (dataset / ".running").touch()
    (dataset / "SPA.yml").write_text(_METADATA.format(number=1))
    link = system.wait_for_mail().link
    with _public_root(system, link) as (http, children):
        spent = []
        for number in range(times):
            time.sleep(1.7)  # a stride that does not keep step with the imports
            spent.append(_seen_after(http, children, dataset / f"movie_{number:03}.mrc"))
    section.row(times, f"{median(spent):.2f}", f"{min(spent):.2f}", f"{max(spent):.2f}")
    return section


@contextmanager
def _public_root(system: System, link: str) -> Iterator[tuple[httpx.Client, str]]:
    share = link.rpartition("/")[2]
    verify = ssl.create_default_context(cafile=system.facts["ca"])
    with httpx.Client(verify=verify, follow_redirects=True, timeout=30) as http:
        zone = f"{system.facts['zone']}/api/v3/onezone"
        root = http.get(f"{zone}/shares/{share}/public").raise_for_status().json()["rootFileId"]
        yield http, f"{zone}/shares/data/{root}/children?attribute=name&attribute=size"


def _seen_after(http: httpx.Client, children: str, file: Path) -> float:
    with file.open("wb") as handle:
        handle.write(os.urandom(200_000))
        handle.flush()
        os.fsync(handle.fileno())
    began = time.perf_counter()
    while time.perf_counter() - began < 60:
        listed = {each["name"]: each["size"] for each in http.get(children).raise_for_status().json()["children"]}
        if listed.get(file.name) == 200_000:
            return time.perf_counter() - began
        time.sleep(0.02)
    sys.exit(f"{file.name} was not seen within a minute")
