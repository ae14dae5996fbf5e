"""Sharing: joins per second, requests with a narrowed token against a bare one, and one user's thousands of datasets."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from bench.report import Section, median

from fs2od.node.running import Node, open_node
from fs2od.node.settings import NodeSettings
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.catalogue import Choice, Summary
from fs2od.node.zone.memberships import GROUP_USER, SPACE_GROUP
from fs2od.onedata import privileges
from fs2od.onedata.ids import UserId
from fs2od.onedata.tokens import (
    Caveat,
    DataPath,
    DataReadonly,
    Interface,
    InviteToken,
    InviteType,
    Ip,
    Service,
    Time,
    Token,
)

__all__ = ["measure"]

_THREADS = 8


def measure(folder: Path, *, quick: bool) -> list[Section]:
    with open_node(NodeSettings(folder / "joins", "zone.test", "provider.test")) as node:
        joins = _joins(node, people=200 if quick else 2000)
    with open_node(NodeSettings(folder / "tokens", "zone.test", "provider.test")) as node:
        tokens = _tokens(node, seconds=1 if quick else 5)
    sizes = (100, 500) if quick else (500, 1000, 2500, 5000)
    with open_node(NodeSettings(folder / "datasets", "zone.test", "provider.test")) as node:
        datasets = _datasets(node, sizes, rounds=3 if quick else 9)
    return [joins, tokens, datasets]


def _joins(node: Node, *, people: int) -> Section:
    section = Section(
        "joins",
        "Joins",
        f"{people:,} people use one invite, each once, from one thread and from {_THREADS}; every join is one transaction on disk.",
        ("", "joins/s", "slowest, ms"),
    )
    zone = node.zone
    for threads in (1, _THREADS):
        host = Caller(zone.users.add("Host Example"))
        group = zone.groups.create(host, "members")
        invite = zone.invite_book.make(host, InviteToken(InviteType.USER_JOIN_GROUP, group), uses=people).token
        callers = [Caller(zone.users.add(f"Guest {number}")) for number in range(people)]
        took: list[float] = []

        def join(caller: Caller, invite: Token = invite, took: list[float] = took) -> None:
            began = time.perf_counter()
            zone.invites.join(caller, invite, InviteType.USER_JOIN_GROUP, peer_ip=None)
            took.append(time.perf_counter() - began)

        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(join, callers))
        rate = people / (time.perf_counter() - began)
        section.row(f"{threads} thread{'s' if threads > 1 else ''}", f"{rate:.0f}", f"{max(took) * 1000:.0f}")
    return section


def _tokens(node: Node, *, seconds: float) -> Section:
    section = Section(
        "tokens",
        "Requests by kind of token",
        "How often a second one thread finds out who shows a token, before anything else is done for the request.",
        ("", "per second", "bare = 1"),
    )
    zone = node.zone
    user = zone.users.add("Alex Example")
    space = zone.spaces.create_for_user(Caller(user), "space")
    few: list[Caveat] = [Time(2**33), DataReadonly(), DataPath((f"/{space}/a",))]
    many: list[Caveat] = [*few, Service(("ozw-onezone",)), Interface("rest"), Ip(("127.0.0.0/8", "::1"))]
    long: list[Caveat] = [Time(2**33), DataPath(tuple(f"/{space}/folder {number}" for number in range(500)))]
    kinds: dict[str, list[Caveat]] = {
        "bare": [],
        "3 caveats": few,
        "6 caveats": many,
        "a path caveat of 500 paths": long,
    }
    first = 0.0
    for number, (name, caveats) in enumerate(kinds.items()):
        text = zone.tokens.issue_named(user, f"token {number}", caveats=caveats).token.reveal()
        rate = _rate(partial(_authenticate, node, text), seconds)
        first = first or rate
        section.row(name, f"{rate:.0f}", f"{rate / first:.2f}")
    return section


def _authenticate(node: Node, text: str) -> None:
    node.zone.credentials.authenticate(text, service="ozw-onezone", peer_ip=ip_address("127.0.0.1"), data_access=True)


def _rate(work: Callable[[], None], seconds: float) -> float:
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        work()
        count += 1
    return count / (time.perf_counter() - began)


def _datasets(node: Node, sizes: tuple[int, ...], *, rounds: int) -> Section:
    section = Section(
        "datasets",
        "The datasets of one user",
        f"A user is in one group for each dataset, as the facility makes them; {rounds} rounds, medians. Effective spaces are "
        "listed with their names; a page of them is what /datasets asks for: fifty of all, sorted, with what is known of each; "
        "one right is judged in the last space; memory is what the process has at most.",
        ("datasets", "list, ms", "a page, ms", "a right, µs", "memory, MB"),
    )
    zone = node.zone
    host = zone.users.add("Host Example", zone_privileges=privileges.ZONE_ADMIN)
    user, made = zone.users.add("Alex Example"), 0
    for size in sizes:
        while made < size:
            _add_dataset(node, host, user, made)
            made += 1
        lists, shelves, rights = [], [], []
        for _ in range(rounds):
            began = time.perf_counter()
            spaces = zone.rights.effective_spaces(user)
            names = [zone.spaces.known(space).name for space in spaces]
            lists.append(time.perf_counter() - began)
            assert len(names) == size
            began = time.perf_counter()
            assert zone.catalogue.shelf(Caller(user), Choice()).total == size
            shelves.append(time.perf_counter() - began)
            began = time.perf_counter()
            zone.rights.require_space(Caller(user), spaces[-1], "space_read_data")
            rights.append(time.perf_counter() - began)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        times = (f"{median(lists) * 1e3:.0f}", f"{median(shelves) * 1e3:.0f}", f"{median(rights) * 1e6:.0f}")
        section.row(f"{size:,}", *times, f"{memory:.0f}")
    return section


def _add_dataset(node: Node, host: UserId, user: UserId, number: int) -> None:
    zone, caller = node.zone, Caller(host)
    group = zone.groups.create(caller, f"members {number}")
    space = zone.spaces.create_for_user(caller, f"dataset {number}")
    zone.memberships.add(SPACE_GROUP, space, group, {"space_view", "space_read_data"})
    zone.memberships.add(GROUP_USER, group, user, privileges.GROUP_MEMBER)
    zone.catalogue.note(
        space, Summary(f"Dataset {number}", "complete", "Example", "Krios", number, number * 1000, number)
    )
