"""Who reaches which page of a dataset's members, in one table; and forms that others send, and names that are traps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.portal.members_scene import Scene, open_members_scene
from tests.portal.signing_in import ORIGIN, Person

from fs2od.node.http.routing import Route
from fs2od.node.zone.memberships import SPACE_GROUP
from fs2od.node.zone.offers import Offer
from fs2od.onedata.ids import UserId
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.portal.public import public_pages

# One letter for each outcome: + let in, 1 led to the sign-in, 3 for members only, 4 not there.
# One column for each who asks.
COLUMNS = ("guest", "stranger", "administrator", "member", "owner", "manager")

Params = Mapping[str, str]


@dataclass
class Hall:
    """The scene with people of every standing in it, and fresh things to change."""

    scene: Scene

    def __post_init__(self) -> None:
        world = self.scene.world
        people = (
            None,
            world.person("Stranger"),
            world.administrator,
            self.scene.mary,
            self.scene.olive,
            self.scene.facility,
        )
        self.browsers = {name: self.scene.browser(who) for name, who in zip(COLUMNS, people, strict=True)}
        self.count = 0

    def invite(self) -> Params:
        kind = InviteToken(InviteType.USER_JOIN_GROUP, self.scene.members)
        return {"invite": self.scene.zone.invite_book.make(self.scene.olive.caller, kind).id}

    def user(self) -> Params:
        self.count += 1
        return {"user": self.scene.joins(f"Somebody {self.count}")}

    def share(self) -> Params:
        return {"share": self.scene.world.share(self.scene.olive, self.scene.dataset)}

    def site(self) -> str:
        """Return a site that takes requests, and waits for none of this dataset's."""
        zone, provider = self.scene.zone, self.scene.world.node.provider.record.id
        zone.offers.set(self.scene.world.administrator.caller, provider, Offer(accepts=True))
        with zone.database.writing() as db:
            db.execute("UPDATE support SET size = 1000000")
            db.execute("DELETE FROM support_request")
        return provider

    def nothing(self) -> Params:
        return {}

    def somebody(self, column: str) -> Person:
        """Return the browser; of whoever leaves, one that is in again."""
        return self.browsers[column]


Make = Callable[[Hall], Params]

TABLE: dict[tuple[str, str], tuple[str, Make, Mapping[str, str]]] = {
    ("GET", "/space/{id}"): ("133+++", Hall.nothing, {}),
    ("GET", "/space/{id}/people"): ("133+++", Hall.nothing, {}),
    ("GET", "/space/{id}/people/{user}/remove"): ("1333+3", Hall.user, {}),
    ("POST", "/space/{id}/people/{user}/remove"): ("1333+3", Hall.user, {}),
    ("POST", "/space/{id}/people/{user}/role"): ("1333+3", Hall.user, {"role": "owner"}),
    ("POST", "/space/{id}/people/invites"): ("1333+3", Hall.nothing, {"uses": "2", "days": "2"}),
    ("POST", "/space/{id}/people/invites/{invite}/renew"): ("1334+4", Hall.invite, {}),
    ("GET", "/space/{id}/people/invites/{invite}/end"): ("1334+4", Hall.invite, {}),
    ("POST", "/space/{id}/people/invites/{invite}/end"): ("1334+4", Hall.invite, {"memberships": "1"}),
    ("GET", "/space/{id}/links"): ("133+++", Hall.nothing, {}),
    ("POST", "/space/{id}/link-rule"): ("13333+", Hall.nothing, {"audience": "public"}),
    ("GET", "/space/{id}/links/new"): ("1333++", Hall.nothing, {}),
    ("POST", "/space/{id}/links/new"): ("1333++", Hall.nothing, {"name": "new link"}),
    ("GET", "/space/{id}/links/{share}"): ("1333++", Hall.share, {}),
    ("POST", "/space/{id}/links/{share}"): ("1333++", Hall.share, {"name": "renamed"}),
    ("GET", "/space/{id}/links/{share}/end"): ("1333++", Hall.share, {}),
    ("POST", "/space/{id}/links/{share}/end"): ("1333++", Hall.share, {}),
    ("GET", "/space/{id}/compute"): ("133+++", Hall.nothing, {}),
    ("POST", "/space/{id}/compute/use"): ("1333++", Hall.nothing, {"gigabytes": "5"}),
    ("POST", "/space/{id}/compute/drop"): ("1333++", Hall.nothing, {"site": "0"}),
    ("POST", "/space/{id}/compute/withdraw"): ("133444", Hall.nothing, {"request": "0"}),
    ("POST", "/space/{id}/compute/support-token"): ("1333++", Hall.nothing, {}),
    ("POST", "/space/{id}/compute/job"): ("133+++", Hall.nothing, {"name": "job", "hours": "72"}),
    ("GET", "/space/{id}/activity"): ("133+++", Hall.nothing, {}),
    # This is a dataset. Results are removed by whom they belong to: see test_results.
    ("GET", "/space/{id}/remove"): ("133333", Hall.nothing, {}),
    ("POST", "/space/{id}/remove"): ("133333", Hall.nothing, {}),
    ("GET", "/space/{id}/leave"): ("133+++", Hall.nothing, {}),
    # Whoever manages datasets is in through a group that has others, too.
    ("POST", "/space/{id}/leave"): ("133++3", Hall.nothing, {}),
}
ROUTES = sorted(TABLE)


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    with open_members_scene(tmp_path) as scene:
        yield Hall(scene)


def filled(hall: Hall, path: str, params: Params) -> str:
    return path.format(id=hall.scene.space, **params)


def outcome(person: Person) -> str:
    if person.status == 303 and person.place.startswith("/sign-in"):
        return "1"
    return {403: "3", 404: "4"}.get(person.status, "+" if person.status < 400 else str(person.status))


def key_of(hall: Hall, person: Person) -> str:
    sessions = hall.scene.zone.accounts.sessions
    resumed = sessions.resume(person.client.cookies.get("__Host-fs2od") or "")
    return sessions.form_key(resumed.session.id) if resumed else ""


async def ask(hall: Hall, column: str, method: str, path: str, form: Mapping[str, str], **how: str | None) -> str:
    person = hall.browsers[column]
    if method == "GET":
        await person.open(path)
    else:
        choice = {"choice": f"member@{hall.scene.members}"} if path.endswith("/invites") else {}
        choice |= {"site": hall.site()} if path.endswith("/compute/use") else {}
        choice |= {"name": f"job of {column}"} if path.endswith("/compute/job") else {}
        await person.send(path, {**form, **choice, "form_key": key_of(hall, person)}, **how)
    return outcome(person)


def test_every_route_below_space_is_in_the_table(hall: Hall) -> None:
    node = hall.scene.world.node
    found = set()
    for route in public_pages(node.zone, node.provider):
        if isinstance(route, Route) and route.path.startswith("/space/") and not route.path.endswith(".json"):
            found |= {(method, route.path) for method in route.methods or () if method != "HEAD"}
    assert found == set(TABLE)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_each_page_is_reached_by_whom_the_table_says(hall: Hall, method: str, path: str) -> None:
    expected, make, form = TABLE[method, path]
    # Each asks for something of its own; who is let in, last.
    for column, letter in zip(COLUMNS, expected, strict=True):
        asked = filled(hall, path, make(hall))
        found = await ask(hall, column, method, asked, form)
        if method == "POST" and column == "guest":
            assert found == "3", (column, "a form of nobody's is none of ours")
            continue
        assert found == letter, (column, hall.browsers[column].page)
        person = hall.browsers[column]
        assert person.headers["Cache-Control"] == "no-store", column


@pytest.mark.parametrize(("method", "path"), [each for each in ROUTES if each[0] == "GET"])
async def test_a_twin_tells_no_more_than_its_page(hall: Hall, method: str, path: str) -> None:
    expected, make, _ = TABLE[method, path]
    statuses = {"1": {401}, "3": {403}, "4": {404}, "+": {200, 303}}
    for column, letter in zip(COLUMNS, expected, strict=True):
        person = hall.browsers[column]
        await person.open(filled(hall, path, make(hall)), accept="application/json")
        assert person.status in statuses[letter], (column, person.page)


@pytest.mark.parametrize(("method", "path"), [each for each in ROUTES if each[0] == "POST"])
async def test_a_form_from_elsewhere_changes_nothing(hall: Hall, method: str, path: str) -> None:
    _, make, form = TABLE[method, path]
    owner, asked = hall.browsers["owner"], filled(hall, path, make(hall))
    before = dump(hall)
    await owner.send(asked, {**form, "form_key": "0" * 32})
    assert owner.status == 403
    for how in ({"origin": "https://elsewhere.example"}, {"origin": ORIGIN, "site": "cross-site"}, {"origin": None}):
        assert await ask(hall, "owner", method, asked, form, **how) == "3", how
    assert dump(hall) == before


def dump(hall: Hall) -> list[tuple[object, ...]]:
    tables = ("group_user", "space_user", "named_token", "share", "share_rule", "space_rule", "activity")
    with hall.scene.zone.database.reading() as db:
        return [tuple(row) for table in tables for row in db.execute(f"SELECT * FROM {table}")]


async def test_strangers_cannot_tell_a_dataset_from_none(hall: Hall) -> None:
    stranger = hall.browsers["stranger"]
    pages = [await stranger.open(path) for path in (hall.scene.base, f"/space/{'0' * 32}", "/space/x'--")]
    assert (
        len(
            {
                page.replace(hall.scene.space, "").replace("0" * 32, "").replace("x&#39;--", "").replace("x%27--", "")
                for page in pages
            }
        )
        == 1
    )
    assert stranger.status == 403


TRAPS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "%(name)s %s %",
    "\u202egnp.exe",
    "a'b&amp;c",
]


@pytest.mark.parametrize("trap", TRAPS)
async def test_names_of_people_invites_and_files_are_only_shown(hall: Hall, trap: str) -> None:
    scene, owner = hall.scene, hall.browsers["owner"]
    user = scene.joins(trap, label=trap if trap.isprintable() else "plain")
    trapped = scene.zone.users.add(trap)
    with scene.zone.database.writing() as db:
        db.execute("UPDATE space SET description = ? WHERE id = ?", (trap, scene.space))
        db.execute("UPDATE share SET name = ?", (trap,))
        scene.zone.activity.note(db, scene.space, "link_made", actor=trapped, subject=trap)
    scene.world.share(scene.olive, scene.dataset, "sub", name="plain")
    with scene.zone.database.writing() as db:
        db.execute("UPDATE share SET name = ?", (trap,))
    (share,) = scene.zone.shares.of_space(scene.olive.caller, scene.space)
    invite = scene.zone.invite_book.of_target(scene.olive.caller, "group", scene.members)[0].id
    for path in (
        "",
        "/people",
        f"/people/{user}/remove",
        f"/people/invites/{invite}/end",
        "/links",
        f"/links/{share.id}",
        f"/links/{share.id}/end",
        "/activity",
    ):
        page = await owner.open(f"{scene.base}{path}")
        assert owner.status == 200, path
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        # A field to be changed holds the very name, and nothing beside it.
        assert "\u202e" not in re.sub(r'value="[^"]*"', "", page), path
        assert ">49<" not in page, path
        assert "script-src 'self'" in owner.headers["Content-Security-Policy"]


async def test_nobody_reaches_into_another_dataset_by_its_things(hall: Hall) -> None:
    """Ids of foreign invites, links and people below one's own dataset lead nowhere."""
    scene, owner = hall.scene, hall.browsers["owner"]
    neighbour = scene.world.person("Neighbour Example")
    other = scene.own_space(neighbour)
    share = scene.zone.shares.create(neighbour.caller, scene.provider_root(other), "dir", "theirs").id
    theirs = scene.zone.invite_book.make(neighbour.caller, InviteToken(InviteType.USER_JOIN_SPACE, other)).id
    for path in (
        f"/people/{neighbour.id}/remove",
        f"/people/invites/{theirs}/end",
        f"/links/{share}",
        f"/links/{share}/end",
    ):
        await owner.open(f"{scene.base}{path}")
        assert owner.status == 404, path
        assert await ask(hall, "owner", "POST", f"{scene.base}{path}", {"name": "taken over"}) in ("4", "3"), path
    assert scene.zone.shares.known(share).name == "theirs"
    assert not scene.zone.tokens.named(theirs).revoked


async def test_a_group_with_other_datasets_is_not_changed_from_this_one(hall: Hall) -> None:
    scene, owner = hall.scene, hall.browsers["owner"]
    lab = scene.world.group(scene.olive, "lab")
    pat = scene.world.person("Pat Example")
    scene.world.join_group(lab, pat)
    scene.zone.memberships.add(SPACE_GROUP, scene.space, lab, {"space_view", "space_read_data"})
    scene.zone.memberships.add(SPACE_GROUP, scene.own_space(scene.olive), lab, {"space_view"})
    page = await owner.open(f"{scene.base}/people")
    assert "Pat Example" in page
    assert f"/people/{pat.id}/remove" not in page
    assert f"member@{lab}" not in page
    assert await ask(hall, "owner", "POST", f"{scene.base}/people/{pat.id}/remove", {}) == "3"
    assert scene.is_in(UserId(pat.id))
