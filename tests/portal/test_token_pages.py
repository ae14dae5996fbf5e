"""My tokens: the sentence that says what one can do, the form, what is shown once, and what becomes of it afterwards."""

from __future__ import annotations

import html
import json
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from tests.portal.signing_in import Hall, Person, open_hall

from fs2od.node.zone.accounts import Proof
from fs2od.node.zone.link_rules import Rule
from fs2od.node.zone.memberships import SPACE_USER
from fs2od.node.zone.refusals import SENTENCES, Refusal
from fs2od.onedata.ids import SpaceId, TokenId, UserId
from fs2od.onedata.tokens import (
    AccessToken,
    Api,
    Asn,
    Caveat,
    Consumer,
    DataObjectId,
    DataPath,
    DataReadonly,
    GeoCountry,
    GeoRegion,
    IdentityToken,
    Interface,
    InviteToken,
    InviteType,
    Ip,
    Service,
    Time,
    Token,
    TokenKind,
    examine,
)
from fs2od.portal import Texts
from fs2od.portal._language import ENGLISH
from fs2od.portal.mine._token_commands import confine_command
from fs2od.portal.mine._token_words import what_it_can

NOW = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
NAMES = {"s1": "70S ribosome", "u1": "Blair Example", "g1": "members"}
TOKEN = re.compile(r'aria-label="Token" data-copy><code>([A-Za-z0-9]+)</code>')


@pytest.mark.parametrize(
    ("kind", "caveats", "said"),
    [
        (AccessToken(), [], "Does everything that you may do yourself, without an end."),
        (AccessToken(), [DataReadonly()], "Reads all data that you can reach and does nothing else, without an end."),
        (
            AccessToken(),
            [DataReadonly(), DataPath(("/s1", "/s1/Images")), Time(int(NOW.timestamp()) + 3600)],
            "Reads 70S ribosome, 70S ribosome/Images and does nothing else, until 5 November 2026, 13:00 UTC.",
        ),
        (
            AccessToken(),
            [DataPath(("/s1",)), Time(1)],
            "Reads 70S ribosome, writes there where you may, and does nothing else, until 1 January 1970, 00:00 UTC, which is over.",
        ),
        (AccessToken(), [DataPath(("/s1",)), DataPath(("/s2",))], "Reads nothing, writes there where you may, and does nothing else, without an end."),
        (AccessToken(), [DataReadonly(), DataObjectId(("0A",))], "Reads 1 file or folder and does nothing else, without an end."),
        (
            AccessToken(),
            [Interface("oneclient")],
            "Reads and writes all data that you can reach and does nothing else, without an end, only by mounting.",
        ),
        (
            AccessToken(),
            [Ip(("192.0.2.0/24",)), Asn((64500,)), GeoCountry("whitelist", ("CZ",)), GeoRegion("blacklist", ("Asia",))],
            "Does everything that you may do yourself, without an end, only from 192.0.2.0/24, only from AS64500, only from CZ, not from Asia.",
        ),
        (
            AccessToken(),
            [Service(("opw-1",)), Consumer(("usr-u1", "grp-g1")), Interface("rest"), Api(("all/get/space.*.*:*",))],
            "Does everything that you may do yourself, without an end, only at the service opw-1, only when Blair Example, members shows it, "
            "only by REST, only for all/get/space.*.*:*.",
        ),
        (IdentityToken(), [Time(2**62)], "Proves who you are and opens nothing, without an end."),
        (InviteToken(InviteType.USER_JOIN_GROUP, "g1"), [], "Lets people into members, without an end."),
        (InviteToken(InviteType.GROUP_JOIN_SPACE, "s1"), [], "Lets groups into 70S ribosome, without an end."),
        (InviteToken(InviteType.SUPPORT_SPACE, "s1"), [], "Lets a site give storage to 70S ribosome, without an end."),
        (AccessToken(), [Ip(tuple(f"192.0.2.{n}" for n in range(8)))],
         "Does everything that you may do yourself, without an end, only from 192.0.2.0, 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4 and 3 more."),
    ],
)  # fmt: skip
def test_one_sentence_says_everything_that_a_token_can(kind: TokenKind, caveats: Sequence[Caveat], said: str) -> None:
    assert what_it_can(ENGLISH, kind, caveats, name_of=lambda id_: NAMES.get(id_, id_), now=NOW) == said


def test_the_sentence_is_said_in_czech_too() -> None:
    caveats: list[Caveat] = [
        DataReadonly(),
        DataPath(("/s1",)),
        Time(int(NOW.timestamp()) + 3600),
        Ip(("192.0.2.0/24",)),
    ]
    said = what_it_can(Texts.of().languages["cs"], AccessToken(), caveats, name_of=lambda id_: NAMES[id_], now=NOW)
    assert said.replace("\u00a0", " ") == (
        "\u010cte 70S ribosome a nic jin\u00e9ho ned\u011bl\u00e1, do 5. listopadu 2026 13:00 UTC, jen z 192.0.2.0/24."
    )


class Desk:
    """Somebody who is signed in, with a dataset of theirs."""

    def __init__(self, hall: Hall, person: Person) -> None:
        self.hall, self.person, self.zone = hall, person, hall.node.zone
        self.user: UserId = self.zone.accounts.sign_in(Proof.of_address("alex@example.org"), sign_up="invited")
        self.facility = hall.world.person("Facility Example")
        dataset = hall.world.dataset(self.facility, {"Images/a.mrc": b"a", "b.txt": b"b"}, name="20261105_P2")
        self.dataset, self.space = dataset, dataset.space
        self.share = hall.world.share(self.facility, dataset, name="70S ribosome")
        self.let_in(self.space)

    def let_in(self, space: SpaceId) -> None:
        self.zone.memberships.add(SPACE_USER, space, self.user, {"space_view", "space_read_data"})

    async def form(self, query: str = "") -> str:
        return await self.person.open(f"/tokens/new{query}")

    async def look(self, **fields: str) -> str:
        await self.form()
        return await self.person.press("/tokens/new", {**filled(**fields), "do": "look"})

    async def make(self, **fields: str) -> Token:
        await self.form()
        page = await self.person.press("/tokens/new", {**filled(**fields), "do": "make"})
        assert self.person.status == 200, page
        found = TOKEN.search(page)
        assert found, page
        return Token(found[1])

    @property
    def made(self) -> TokenId:
        return self.zone.tokens.named_of(self.user)[-1]


def filled(**fields: str) -> dict[str, str]:
    return {"name": "cluster job", "kind": "access", "span": "72h", "readonly": "1", **fields}


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    with open_hall(tmp_path) as opened:
        yield opened


@pytest.fixture
async def desk(hall: Hall) -> Desk:
    return Desk(hall, await hall.signed_in("alex@example.org"))


async def test_the_form_says_what_the_token_can_do_before_it_is_made(desk: Desk) -> None:
    assert f'<option value="{desk.space}" selected>70S ribosome</option>' in await desk.form(f"?dataset={desk.space}")
    page = await desk.look(dataset=desk.space)
    assert "Reads 70S ribosome and does nothing else, until 8 November 2026, 12:00 UTC." in page
    assert desk.zone.tokens.named_of(desk.user) == []
    assert "as good as your own sign-in" in await desk.look(readonly="", dataset="")


async def test_a_token_is_shown_once_with_the_commands_that_use_it(desk: Desk) -> None:
    token = await desk.make(dataset=desk.space)
    page = html.unescape(desk.person.page)
    assert desk.person.headers["Cache-Control"] == "no-store"
    for line in (
        f"fs2od download https://zone.test/share/{desk.share} 70S-ribosome --token-file fs2od.token",
        f"fs2od mirror https://zone.test/share/{desk.share} 70S-ribosome --follow --token-file fs2od.token",
        f"fs2od mount https://zone.test/share/{desk.share} /mnt/70S-ribosome --daemon --token-file fs2od.token",
        "umask 077; cat > fs2od.token",
        'export FS2OD_TOKEN="$(cat fs2od.token)"',
        "-H @fs2od.header https://provider.test/api/v3/oneprovider/data/",
    ):
        assert line in page
    assert page.count(token.reveal()) == 1
    assert not any(token.reveal() in line for line in re.findall(r"fs2od download[^<]*", page))
    for path in ("/tokens", f"/tokens/{desk.made}", "/tokens.json", f"/tokens/{desk.made}.json"):
        assert token.reveal() not in await desk.person.open(path)
    caveats = examine(token).caveats
    assert caveats == (Time(desk.hall.clock.now_s() + 72 * 3600), DataReadonly(), DataPath((f"/{desk.space}",)))


async def test_a_token_made_here_opens_what_it_says_and_nothing_else(desk: Desk) -> None:
    other = desk.hall.world.dataset(desk.facility, {"c": b"c"}, name="other")
    desk.let_in(other.space)
    token = await desk.make(where="20261105_P2/Images")
    headers = {"X-Auth-Token": token.reveal()}
    provider = desk.hall.world.provider
    reached = [desk.hall.world.id_of(desk.dataset, path) for path in ("Images/a.mrc", "b.txt")]
    answers = [await provider.get(f"/data/{each}/content", headers=headers) for each in [*reached, other.root]]
    assert [answer.status_code == 200 for answer in answers] == [True, False, False]


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("20261105_P2", ""),
        ("70S ribosome", ""),
        (" 70S ribosome/Images/ ", "/Images"),
        ("SPACE/Images", "/Images"),
        ("https://zone.test/share/SHARE", ""),
        ("https://zone.test/share/SHARE/files/Images?sort=size", "/Images"),
    ],
)
async def test_a_dataset_is_named_as_people_name_it(desk: Desk, where: str, path: str) -> None:
    named = where.replace("SPACE", desk.space).replace("SHARE", desk.share)
    token = await desk.make(where=f"\n{named}\r\n\n")
    assert DataPath((f"/{desk.space}{path}",)) in examine(token).caveats


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"where": "nothing of mine"}, "You are in no dataset that is called nothing of mine"),
        ({"where": "20261105_P2/nowhere"}, "There is nothing at nowhere"),
        ({"where": "20261105_P2/../.."}, "There is nothing at"),
        ({"where": "https://zone.test/share/nosuch"}, "This link leads to no dataset of yours"),
        ({"day": "tomorrow"}, "The last day must be a date"),
        ({"day": "2026-11-04"}, "The last day is over already"),
        ({"day": "9999-12-31"}, "The last day must be a date"),
        ({"networks": "my network"}, "A network is an address or a range"),
        ({"countries": "CZE"}, "A country is written by its two letters"),
        ({"countries": "CZ"}, "Here nobody can tell from which country"),
        ({"systems": "AS12x"}, "An autonomous system is a number"),
        ({"consumers": "blair"}, "A person or group is written as usr-ID or grp-ID"),
        ({"name": "x", "do": "make"}, "A name has 2 to 128 letters"),
        ({"where": "20261105_P2\n" * 2 + "<script>alert(1)</script>"}, "&lt;script&gt;alert(1)&lt;"),
    ],
)
async def test_what_makes_no_sense_in_the_form_is_said_and_nothing_is_made(
    desk: Desk, fields: dict[str, str], said: str
) -> None:
    await desk.form()
    page = await desk.person.press("/tokens/new", {**filled(), "do": "look", **fields})
    assert desk.person.status == 400
    assert said in page
    assert "<script>alert" not in page
    assert desk.zone.tokens.named_of(desk.user) == []


async def test_every_restriction_of_the_form_becomes_its_caveat(desk: Desk) -> None:
    token = await desk.make(
        day="2026-12-24",
        networks="192.0.2.0/24, 2001:db8::/32",
        interface="rest",
        consumers=f"usr-{desk.user}",
        readonly="",
    )
    assert examine(token).caveats == (
        Time(int(datetime(2026, 12, 25, tzinfo=UTC).timestamp())),
        Ip(("192.0.2.0/24", "2001:db8::/32")),
        Consumer((f"usr-{desk.user}",)),
        Interface("rest"),
    )
    identity = await desk.make(name="who I am", kind="identity", span="never", dataset=desk.space)
    assert (examine(identity).identifier.kind, examine(identity).caveats) == (IdentityToken(), ())


async def test_a_name_is_used_once(desk: Desk) -> None:
    await desk.make()
    await desk.form()
    assert "You have a token of that name already" in await desk.person.press("/tokens/new", {**filled(), "do": "make"})


async def test_tokens_are_listed_with_their_state_and_taken_back_let_go_and_deleted(desk: Desk) -> None:
    token = await desk.make(dataset=desk.space)
    made, alex = desk.made, desk.person
    page = await alex.open("/tokens")
    assert "cluster job" in page
    assert ">works<" in page
    root = f"/data/{desk.dataset.root}"
    headers = {"X-Auth-Token": token.reveal()}
    for verb, state, status in (("revoke", "revoked", 401), ("unrevoke", "works", 200)):
        await alex.open(f"/tokens/{made}")
        await alex.press(f"/tokens/{made}/{verb}")
        assert (alex.status, alex.place) == (303, f"/tokens/{made}")
        assert json.loads(await alex.open(f"/tokens/{made}.json"))["state"] == state
        assert (await desk.hall.world.provider.get(root, headers=headers)).status_code == status
    await alex.open(f"/tokens/{made}")
    await alex.press(f"/tokens/{made}/delete")
    assert alex.place == "/tokens"
    assert "None yet" in await alex.follow()
    assert (await desk.hall.world.provider.get(root, headers=headers)).status_code == 401
    await desk.make(name="short", span="12h")
    desk.hall.clock.moment += timedelta(hours=1)
    await alex.open("/tokens")
    for _ in range(3):
        desk.hall.clock.moment += timedelta(hours=4)
        await alex.open("/tokens")
    assert ">over<" in alex.page


async def test_a_narrower_copy_is_shown_once_with_the_command_that_makes_it_offline(desk: Desk) -> None:
    token, alex = await desk.make(), desk.person
    await alex.open(f"/tokens/{desk.made}")
    page = await alex.press(
        f"/tokens/{desk.made}/confine", {"dataset": desk.space, "day": "2026-11-06", "span": "never"}
    )
    found = TOKEN.search(page)
    assert found
    narrowed = Token(found[1])
    more = (Time(int(datetime(2026, 11, 7, tzinfo=UTC).timestamp())), DataPath((f"/{desk.space}",)))
    assert examine(narrowed).caveats == (*examine(token).caveats, *more)
    line = html.unescape(re.findall(r"<code>(fs2od token confine[^<]*)", page)[0])
    command = [sys.executable, "-m", *shlex.split(line.partition(" <")[0])]
    said = await anyio.run_process(command, input=token.reveal().encode())
    assert said.stdout.decode().strip() == narrowed.reveal()
    await alex.open(f"/tokens/{desk.made}")
    assert "Say how it is to be narrowed" in await alex.press(f"/tokens/{desk.made}/confine", {"span": "never"})


def test_the_command_that_narrows_says_every_restriction_of_the_form() -> None:
    caveats: list[Caveat] = [
        Time(0), DataReadonly(), DataPath(("/s1/it's",)), Ip(("192.0.2.0/24", "::1")), Asn((1,)), GeoCountry("whitelist", ("CZ",)),
        Consumer(("usr-1",)), Interface("rest"),
    ]  # fmt: skip
    words = shlex.split(confine_command(caveats).partition(" <")[0])
    assert words[3:] == [
        "--until", "1970-01-01T00:00:00+00:00", "--readonly", "--path", "s1/it's", "--ip", "192.0.2.0/24", "--ip", "::1", "--asn", "1",
        "--country", "CZ", "--consumer", "usr-1", "--interface", "rest",
    ]  # fmt: skip


async def test_a_token_that_was_found_is_looked_at(desk: Desk) -> None:
    token, alex = await desk.make(dataset=desk.space), desk.person

    async def look(text: str) -> str:
        await alex.open("/tokens")
        return await alex.press("/tokens/examine", {"token": text})

    assert "It works here and now" in await look(f' "{token.reveal()}"\n')
    assert "Reads 70S ribosome" in alex.page
    assert SENTENCES[Refusal.MISTYPED] in await look(token.reveal()[:-3])
    assert alex.status == 400
    desk.zone.tokens.change(desk.made, revoked=True)
    page = await look(token.reveal())
    assert SENTENCES[Refusal.REVOKED] in page
    assert "Reads 70S ribosome" in page
    assert token.reveal() not in page


async def test_nobody_sees_or_touches_somebody_else_s_tokens(desk: Desk) -> None:
    await desk.make()
    made = desk.made
    casey, guest = await desk.hall.signed_in("casey@example.org"), desk.hall.person()
    for path in (f"/tokens/{made}", f"/tokens/{made}.json", "/tokens/nosuch"):
        await casey.open(path)
        assert casey.status == 404
    await casey.open("/tokens")
    key = dict(re.findall(r'name="(form_key)" value="([^"]*)"', casey.page))
    for verb in ("revoke", "unrevoke", "delete", "confine"):
        await casey.send(f"/tokens/{made}/{verb}", {**key, "span": "12h"})
        assert casey.status == 404, verb
        await desk.person.send(f"/tokens/{made}/{verb}", {})
        assert desk.person.status == 403, verb
    for path in ("/tokens", "/tokens/new", f"/tokens/{made}"):
        await guest.open(path)
        assert guest.place.startswith("/sign-in?next=%2Ftokens")
    await guest.open("/tokens.json")
    assert guest.status == 401
    assert not desk.zone.tokens.named(made).revoked


async def test_a_members_link_s_page_leads_to_the_form_for_its_dataset(desk: Desk) -> None:
    desk.zone.link_rules.set_for_share(desk.facility.caller, desk.share, Rule("members"), label="")
    page = await desk.person.open(f"/share/{desk.share}")
    (way,) = re.findall(r'href="(/tokens/new[^"]*)"', page)
    assert f'<option value="{desk.space}" selected>' in await desk.person.open(way)
