"""Who reaches which page, in one table: every page but those of a dataset's members and of a site, which have their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from tests.portal.signing_in import ORIGIN, Hall, Person, open_hall

from fs2od.node.apps import zone_app
from fs2od.node.http.routing import Route
from fs2od.node.zone.accounts import Proof
from fs2od.node.zone.link_rules import Rule
from fs2od.node.zone.memberships import GROUP_USER, SPACE_GROUP, SPACE_USER
from fs2od.onedata.ids import UserId
from fs2od.portal.public import public_pages
from fs2od.portal.signin import IdentityProvider, SignInSettings
from fs2od.testing.world import open_world

# One letter for each outcome: + let in or led on, 1 sign in first, 3 not for them, 4 not there, 0 what was sent makes no sense.
# One column for each who asks: a guest, somebody else, a member of the dataset and its group, whose token it is.
COLUMNS = ("guest", "stranger", "member", "owner")


@dataclass
class Scene:
    """A dataset with an open link and one for members, a group, and a token; and whoever comes."""

    hall: Hall
    people: dict[str, Person]
    ids: dict[str, str] = field(default_factory=dict)
    tokens: int = 0

    @classmethod
    async def made(cls, hall: Hall) -> Scene:
        people = {name: await hall.signed_in(f"{name}@example.org") for name in COLUMNS[1:]}
        scene = cls(hall, {"guest": hall.person(), **people})
        world, zone = hall.world, hall.node.zone
        facility = world.person("Facility Example")
        dataset = world.dataset(facility, {"sub/a.txt": b"a"})
        group = world.group(facility, "members")
        zone.memberships.add(SPACE_GROUP, dataset.space, group, {"space_view", "space_read_data"})
        zone.memberships.add(GROUP_USER, group, scene.user("member"), {"group_view"})
        zone.memberships.add(SPACE_USER, dataset.space, scene.user("owner"), {"space_view", "space_read_data"})
        open_, closed = world.share(facility, dataset, name="open"), world.share(facility, dataset, name="closed")
        zone.link_rules.set_for_share(facility.caller, closed, Rule("members"), label="")
        scene.ids = {"open": open_, "closed": closed, "group": group, "space": dataset.space}
        return scene

    def user(self, name: str) -> UserId:
        return self.hall.node.zone.accounts.sign_in(Proof.of_address(f"{name}@example.org"), sign_up="invited")

    def token(self) -> str:
        self.tokens += 1
        return self.hall.node.zone.tokens.issue_named(self.user("owner"), f"token {self.tokens}").id

    async def ask(self, who: str, method: str, path: str, form: Mapping[str, str]) -> str:
        person = self.people[who]
        if method == "GET":
            await person.open(path)
            return outcome(person)
        await person.open("/join")
        (key,) = set(re.findall(r'name="form_key" value="([^"]*)"', person.page))
        await person.send(path, {**form, "form_key": key})
        return outcome(person)


def outcome(person: Person) -> str:
    if person.status == 401 or person.place.startswith("/sign-in"):
        return "1"
    return {400: "0", 403: "3", 404: "4"}.get(person.status, "+" if person.status < 400 else str(person.status))


Fill = Callable[[Scene], Mapping[str, str]]
Row = tuple[str, Fill, Mapping[str, str]]


def nothing(_: Scene) -> Mapping[str, str]:
    return {}


def closed(scene: Scene) -> Mapping[str, str]:
    return {"id": scene.ids["closed"], "path": "sub/a.txt", "list": "addresses.txt"}


def folder(scene: Scene) -> Mapping[str, str]:
    return {"id": scene.ids["closed"], "path": "sub"}


def group(scene: Scene) -> Mapping[str, str]:
    return {"id": scene.ids["group"]}


def token(scene: Scene) -> Mapping[str, str]:
    return {"id": scene.token()}


TABLE: dict[tuple[str, str], Row] = {
    ("GET", "/"): ("++++", nothing, {}),
    ("GET", "/ca.pem"): ("4444", nothing, {}),
    ("POST", "/language"): ("++++", nothing, {"language": "en"}),
    # Links that are not open to everybody; the others are below.
    ("GET", "/share/{id}.json"): ("13++", closed, {}),
    ("GET", "/share/{id}"): ("13++", closed, {}),
    ("GET", "/share/{id}/files"): ("13++", closed, {}),
    ("GET", "/share/{id}/files/{path}"): ("13++", closed, {}),
    ("GET", "/share/{id}/content"): ("13++", closed, {}),
    ("GET", "/share/{id}/content/{path}"): ("13++", closed, {}),
    ("GET", "/share/{id}/tar"): ("13++", closed, {}),
    ("GET", "/share/{id}/tar/{path}"): ("13++", folder, {}),
    ("GET", "/share/{id}/zip"): ("13++", closed, {}),
    ("GET", "/share/{id}/zip/{path}"): ("13++", folder, {}),
    ("POST", "/share/{id}/selection"): ("13++", closed, {"path": "sub"}),
    ("POST", "/share/{id}/archive"): ("13++", closed, {"format": "zip"}),
    # Signing in and one's account.
    ("GET", "/sign-in"): ("++++", nothing, {}),
    ("GET", "/sign-in.json"): ("++++", nothing, {}),
    ("POST", "/sign-in/mail"): ("++++", nothing, {"address": "casey@example.org"}),
    ("GET", "/sign-in/link/{secret}"): ("4444", lambda _: {"secret": "0" * 72}, {}),
    ("POST", "/sign-in/link/{secret}"): ("4444", lambda _: {"secret": "0" * 72}, {}),
    ("POST", "/sign-in/oidc/{key}"): ("4444", lambda _: {"key": "lab"}, {}),
    ("GET", "/sign-in/oidc/{key}/answer"): ("4444", lambda _: {"key": "lab"}, {}),
    ("GET", "/account"): ("1+++", nothing, {}),
    ("GET", "/account.json"): ("1+++", nothing, {}),
    ("POST", "/account/language"): ("1+++", nothing, {"language": "en"}),
    ("POST", "/account/sessions/end"): ("1+++", nothing, {"session": "nosuch"}),
    ("POST", "/account/identities/add"): ("1+++", nothing, {"address": "more@example.org"}),
    ("POST", "/account/identities/remove"): ("1+++", nothing, {"identity": "nosuch"}),
    ("POST", "/sign-out"): ("1+++", nothing, {}),
    # One's own pages.
    ("GET", "/join"): ("++++", nothing, {}),
    ("GET", "/join.json"): ("++++", nothing, {}),
    ("POST", "/join"): ("0000", nothing, {"token": "wrong"}),
    ("POST", "/join/accept"): ("++++", nothing, {"invite": "nothing"}),
    ("POST", "/join/forget"): ("++++", nothing, {}),
    ("GET", "/joined/{id}"): ("14+4", group, {}),
    ("GET", "/joined/{id}.json"): ("14+4", group, {}),
    ("GET", "/datasets"): ("1+++", nothing, {}),
    ("GET", "/datasets.json"): ("1+++", nothing, {}),
    ("GET", "/tokens"): ("1+++", nothing, {}),
    ("GET", "/tokens.json"): ("1+++", nothing, {}),
    ("GET", "/tokens/new"): ("1+++", nothing, {}),
    ("POST", "/tokens/new"): ("1+++", nothing, {"name": "new one", "kind": "access", "span": "12h", "do": "make"}),
    ("POST", "/tokens/examine"): ("1000", nothing, {"token": "wrong"}),
    ("GET", "/tokens/{id}"): ("144+", token, {}),
    ("GET", "/tokens/{id}.json"): ("144+", token, {}),
    ("POST", "/tokens/{id}/revoke"): ("144+", token, {}),
    ("POST", "/tokens/{id}/unrevoke"): ("144+", token, {}),
    ("POST", "/tokens/{id}/confine"): ("144+", token, {"span": "12h"}),
    ("POST", "/tokens/{id}/delete"): ("144+", token, {}),
    ("GET", "/device"): ("1+++", nothing, {}),
    ("POST", "/device"): ("1000", nothing, {"code": "nosuch"}),
    ("POST", "/device/answer"): ("1000", nothing, {"code": "nosuch", "do": "allow"}),
    ("GET", "/sites"): ("1+++", nothing, {}),
    ("GET", "/sites.json"): ("1+++", nothing, {}),
    ("GET", "/{path}"): ("4444", lambda _: {"path": "nothing/here"}, {}),
}


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    # Nobody asks it anything: its pages are only there where a provider of identities is configured.
    elsewhere = IdentityProvider("elsewhere", "Elsewhere", "https://id.example.org", "fs2od", SecretStr("a secret"))
    with open_hall(tmp_path, SignInSettings(providers=(elsewhere,))) as opened:
        yield opened


def test_every_page_is_in_the_table(hall: Hall) -> None:
    found = set()
    for route in public_pages(hall.node.zone, hall.node.provider, sign_in=hall.settings):
        assert isinstance(route, Route)
        path = re.sub(r":\w+}", "}", route.path)
        if not path.startswith(("/space/", "/sites/", "/assets/")):
            found |= {(method, path) for method in route.methods or () if method != "HEAD"}
    assert found == set(TABLE)


async def test_each_page_is_reached_by_whom_the_table_says(hall: Hall) -> None:
    scene = await Scene.made(hall)
    found = {}
    # Signing out comes last.
    for method, path in sorted(TABLE, key=lambda each: each[1] == "/sign-out"):
        _, fill, form = TABLE[method, path]
        found[method, path] = "".join(
            [await scene.ask(who, method, path.format(**fill(scene)), form) for who in COLUMNS]
        )
    assert found == {route: row[0] for route, row in TABLE.items()}


async def test_an_open_link_is_the_same_to_everybody(hall: Hall) -> None:
    scene = await Scene.made(hall)
    paths = ("", ".json", "/files", "/files/sub", "/content/sub/a.txt", "/tar/sub", "/zip")
    for path in paths:
        asked = f"/share/{scene.ids['open']}{path}"
        assert [await scene.ask(who, "GET", asked, {}) for who in COLUMNS] == ["+"] * 4, path
    places = {who: scene.people[who].place for who in COLUMNS}
    assert len(set(places.values())) == 1


async def test_no_form_is_taken_from_elsewhere(hall: Hall) -> None:
    scene = await Scene.made(hall)
    owner = scene.people["owner"]
    for (method, path), (_, fill, form) in TABLE.items():
        if method == "POST" and path not in ("/language", "/share/{id}/selection"):
            asked = path.format(**fill(scene))
            await owner.open("/tokens")
            (key,) = set(re.findall(r'name="form_key" value="([^"]*)"', owner.page))
            for how in ({"origin": "https://evil.example"}, {"site": "cross-site"}, {"origin": None}):
                await owner.send(asked, {**form, "form_key": key}, **how)
                assert owner.status == 403, (path, how)
            await owner.send(asked, form)
            assert owner.status == 403, path


async def test_a_plain_node_has_one_s_own_pages_too(tmp_path: Path) -> None:
    with open_world(tmp_path, plain=True) as world:
        zone, person = world.node.zone, world.person()
        share = world.share(person, world.dataset(person, {"a.txt": b"a"}))
        transport = httpx.ASGITransport(zone_app(zone, pages=public_pages(zone, world.node.provider)))
        cookies = {"__Host-fs2od": zone.accounts.sessions.open(person.id, browser="", address="")}
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, cookies=cookies, trust_env=False) as browser:
            for path in ("/join", "/datasets", "/tokens", "/tokens/new", f"/share/{share}"):
                answer = await browser.get(path)
                assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8"), path
            form = {"form_key": zone.accounts.sessions.form_key(zone.accounts.sessions.of(person.id)[0].id)}
            answer = await browser.post(f"/share/{share}/archive", data=form, headers={"Origin": ORIGIN})
            assert answer.status_code == 404
