"""Who reaches which page of a site, in one table: its administrators, and nobody else's; and forms that others send."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from tests.portal.signing_in import ORIGIN, Person
from tests.portal.sites_scene import Centre, open_centre

from fs2od.node.http.routing import Route
from fs2od.node.zone import site_people
from fs2od.onedata import privileges
from fs2od.portal.public import public_pages

# One letter for each outcome: + let in, 1 led to the sign-in, 3 for administrators only, 4 not there.
# One column for each who asks: of the node's administrators none is one of this site.
COLUMNS = ("guest", "owner", "neighbour", "viewer", "administrator")

Params = Mapping[str, str]


@dataclass
class Hall:
    """The centre with everybody before its pages, and fresh things to change."""

    centre: Centre

    def __post_init__(self) -> None:
        scene = self.centre.scene
        neighbour = scene.world.person("Neighbour of another site")
        scene.world.site("elsewhere", administrator=neighbour)
        people = (None, scene.olive, neighbour, self.centre.vic, self.centre.ada)
        self.browsers = {name: scene.browser(who) for name, who in zip(COLUMNS, people, strict=True)}

    def nothing(self) -> Params:
        return {}

    def request(self) -> Params:
        zone = self.centre.scene.zone
        with zone.database.writing() as db:
            db.execute("DELETE FROM support_request")
            db.execute("DELETE FROM support WHERE provider = ?", (self.centre.id,))
        return {"request": self.centre.asked()}

    def space(self) -> Params:
        scene = self.centre.scene
        return {"space": self.centre.supports(scene.world.space(scene.olive))}

    def member(self) -> Params:
        world, cluster = self.centre.scene.world, self.centre.provider.record.cluster
        person = world.person("Lee Leaving")
        world.node.zone.users.join_cluster(person.id, cluster, privileges.CLUSTER_MEMBER)
        return {"user": person.id}

    def invite(self) -> Params:
        zone, cluster = self.centre.scene.zone, self.centre.provider.record.cluster
        made = site_people.invite(zone, self.centre.ada.caller, cluster, "viewer", timedelta(days=1))
        return {"invite": made.id}

    def storage(self) -> Params:
        return {"storage": self.centre.storage}


Make = Callable[[Hall], Params]

TABLE: dict[tuple[str, str], tuple[str, Make, Mapping[str, str]]] = {
    ("GET", "/sites/{id}"): ("133++", Hall.nothing, {}),
    ("POST", "/sites/{id}/requests/{request}/approve"): ("1333+", Hall.request, {"size": "1 TB"}),
    ("POST", "/sites/{id}/requests/{request}/decline"): ("1333+", Hall.request, {}),
    ("POST", "/sites/{id}/grant"): ("1333+", Hall.request, {"size": "1 TB"}),
    ("GET", "/sites/{id}/spaces"): ("133++", Hall.nothing, {}),
    ("GET", "/sites/{id}/spaces/{space}"): ("133++", Hall.space, {}),
    ("POST", "/sites/{id}/spaces/{space}"): ("1333+", Hall.space, {"size": "6 TB"}),
    ("GET", "/sites/{id}/spaces/{space}/end"): ("1333+", Hall.space, {}),
    ("POST", "/sites/{id}/spaces/{space}/end"): ("1333+", Hall.space, {}),
    ("GET", "/sites/{id}/storages"): ("133++", Hall.nothing, {}),
    ("POST", "/sites/{id}/storages/{storage}/try"): ("1333+", Hall.storage, {}),
    ("GET", "/sites/{id}/offer"): ("133++", Hall.nothing, {}),
    ("POST", "/sites/{id}/offer"): ("1333+", Hall.nothing, {"accepts": "1"}),
    ("GET", "/sites/{id}/people"): ("133++", Hall.nothing, {}),
    ("POST", "/sites/{id}/people/invites"): ("1333+", Hall.nothing, {"role": "viewer", "days": "7"}),
    ("POST", "/sites/{id}/people/invites/{invite}/end"): ("1333+", Hall.invite, {}),
    ("GET", "/sites/{id}/people/{user}/remove"): ("1333+", Hall.member, {}),
    ("POST", "/sites/{id}/people/{user}/remove"): ("1333+", Hall.member, {}),
}
ROUTES = sorted(TABLE)


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    with open_centre(tmp_path) as centre:
        yield Hall(centre)


def outcome(person: Person) -> str:
    if person.status == 401 or person.place.startswith("/sign-in"):
        return "1"
    return {403: "3", 404: "4"}.get(person.status, "+" if person.status < 400 else str(person.status))


async def ask(hall: Hall, column: str, method: str, path: str, form: Mapping[str, str], **how: str | None) -> str:
    person = hall.browsers[column]
    if method == "GET":
        await person.open(path)
        return outcome(person)
    await person.open("/join")
    (key,) = set(re.findall(r'name="form_key" value="([^"]*)"', person.page))
    more = {"storage": hall.centre.storage, "token": hall.centre.token()} if "storage" not in path else {}
    await person.send(path, {**more, **form, "form_key": key}, **how)
    return outcome(person)


def asked_at(hall: Hall, path: str, make: Make) -> str:
    return path.format(id=hall.centre.id, **make(hall))


def test_every_route_of_a_site_is_in_the_table(hall: Hall) -> None:
    node, found = hall.centre.scene.world.node, set()
    for route in public_pages(node.zone, node.provider):
        if isinstance(route, Route) and route.path.startswith("/sites/") and not route.path.endswith(".json"):
            found |= {(method, route.path) for method in route.methods or () if method != "HEAD"}
    assert found == set(TABLE)


async def test_each_page_is_reached_by_whom_the_table_says(hall: Hall) -> None:
    found = {}
    for method, path in ROUTES:
        _, make, form = TABLE[method, path]
        found[method, path] = "".join(
            [await ask(hall, column, method, asked_at(hall, path, make), form) for column in COLUMNS]
        )
    assert found == {route: row[0] for route, row in TABLE.items()}


async def test_a_twin_tells_no_more_than_its_page(hall: Hall) -> None:
    for method, path in ROUTES:
        expected, make, _ = TABLE[method, path]
        if method != "GET" or path.endswith("/remove"):  # what only asks has none
            continue
        for column, letter in zip(COLUMNS, expected, strict=True):
            person = hall.browsers[column]
            await person.open(f"{asked_at(hall, path, make)}.json")
            assert person.status == {"1": 401, "3": 403, "+": 200}[letter], (column, path)
            assert person.headers["Cache-Control"] == "no-store"


async def test_no_form_is_taken_from_elsewhere(hall: Hall) -> None:
    for method, path in ROUTES:
        _, make, form = TABLE[method, path]
        if method == "POST":
            asked = asked_at(hall, path, make)
            for how in ({"origin": "https://elsewhere.example"}, {"origin": ORIGIN, "site": "cross-site"}):
                assert await ask(hall, "administrator", method, asked, form, **how) == "3", (path, how)


async def test_strangers_cannot_tell_a_site_from_none(hall: Hall) -> None:
    owner = hall.browsers["owner"]
    pages = [(await owner.open(path)).replace(path, "") for path in (hall.centre.base, f"/sites/{'0' * 32}")]
    assert pages[0] == pages[1]


async def test_what_belongs_to_another_site_is_not_reached_through_one_s_own(hall: Hall) -> None:
    scene = hall.centre.scene
    ours, theirs = (f"/sites/{each}" for each in (scene.world.node.provider.record.id, hall.centre.id))
    request, space = hall.request()["request"], hall.centre.supports(scene.world.space(scene.olive))
    admin = scene.browser(scene.world.administrator)
    hall.browsers["admin"] = admin
    for path in (f"/requests/{request}/approve", f"/spaces/{space}/end", f"/storages/{hall.centre.storage}/try"):
        assert await ask(hall, "admin", "POST", ours + path, {"size": "1 TB"}) == "4", path
    assert space in hall.centre.provider.supports.every()
    assert await ask(hall, "administrator", "GET", f"{theirs}/spaces/{space}", {}) == "+"


@pytest.mark.parametrize("trap", ["<script>alert(1)</script>", "{{ 7 * 7 }}", "%(name)s %s %", "\u202egnp.exe"])
async def test_names_and_notes_are_only_shown(hall: Hall, trap: str) -> None:
    scene, administrator = hall.centre.scene, hall.browsers["administrator"]
    hall.centre.asked(note=trap)
    space = hall.centre.supports(scene.world.space(scene.olive))
    with scene.zone.database.writing() as db:
        db.execute("UPDATE space SET name = ?", (trap,))
        db.execute("UPDATE user SET full_name = ? WHERE id = ?", (trap, scene.olive.id))
        db.execute("UPDATE storage SET name = ?", (trap,))
        db.execute("UPDATE user SET full_name = ? WHERE id = ?", (trap, hall.centre.vic.id))
    out = f"/people/{hall.centre.vic.id}/remove"
    for path in ("", "/spaces", f"/spaces/{space}", f"/spaces/{space}/end", "/storages", "/offer", "/people", out):
        page = await administrator.open(f"{hall.centre.base}{path}")
        assert administrator.status == 200, path
        assert "<script>alert" not in page, path
        assert ">49<" not in page, path
