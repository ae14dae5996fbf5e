"""The table of rights again, in the other directions: kinds of tokens, every caveat, foreign spaces, links with rules.

`test_rest_rights` says who may do what on every route. Here the same routes are asked with tokens of every kind and caveat:
one that holds changes nothing, one that does not opens nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
import pytest
from tests.node.test_rest_rights import COLUMNS, PUBLIC, TABLE, Request, Scene, ask, outcome, routes

from fs2od.node.http import Endpoint
from fs2od.node.zone.link_rules import Rule
from fs2od.onedata.tokens import (
    Api,
    Asn,
    Caveat,
    Consumer,
    GeoCountry,
    GeoRegion,
    IdentityToken,
    Interface,
    InviteToken,
    InviteType,
    Ip,
    Service,
    Time,
)
from fs2od.testing.world import open_world

# What does not hold for anybody who asks here, each alone.
FAILING: Mapping[str, Caveat] = {
    "time": Time(1),
    "ip": Ip(("192.0.2.0/24",)),
    "asn": Asn((1,)),
    "geo.country": GeoCountry("blacklist", ("CZ",)),
    "geo.region": GeoRegion("whitelist", ("EU",)),
    "service": Service(("ozp-onezone",)),
    "consumer": Consumer(("usr-" + "a" * 32,)),
    "interface": Interface("graphsync"),
    "api": Api(("all/all/*.*.*:*",)),
}
OWNER = COLUMNS.index("owner")
STRANGER = COLUMNS.index("stranger")
# The provider supports the neighbour's space as well.
THEIRS_TOO = {"onezone/get_provider_details", "onezone/get_user_effective_provider"}


@dataclass
class Matrix:
    """The table's scene, more tokens of its owner's, and a neighbour: owner of something else on the same node."""

    scene: Scene
    identity: str

    async def ask(
        self, operation: str, endpoint: Endpoint, who: str, request: Request, **headers: str
    ) -> httpx.Response:
        return await ask(self.scene, operation, endpoint, who, request, **headers)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with open_world(tmp_path_factory.mktemp("matrix")) as world:
        scene = Scene(world)
        issue, owner = scene.zone.tokens.issue_named, scene.owner
        identity = issue(owner.id, "identity", kind=IdentityToken()).token
        invite = issue(owner.id, "invite", kind=InviteToken(InviteType.USER_JOIN_GROUP, scene.group)).token
        holding = (
            Time(int(time.time()) + 3600),
            Ip(("127.0.0.0/8", "::1")),
            Service(("ozw-onezone", f"opw-{scene.provider.record.id}", "opp-*")),
            Consumer((f"usr-{owner.id}",)),
            Interface("rest"),
        )
        neighbour = world.person("Neighbour Example")
        world.dataset(neighbour, {"top.txt": b"theirs"}, name="theirs")
        world.group(neighbour, "theirs")
        scene.tokens |= {
            "identity": identity,
            "invite": invite,
            "holding": world.token(owner, *holding),
            "neighbour": neighbour.token,
            **{name: world.token(owner, caveat) for name, caveat in FAILING.items()},
        }
        yield Matrix(scene, identity.reveal())


@pytest.mark.parametrize("operation", sorted(TABLE))
async def test_no_route_takes_a_token_of_another_kind_or_a_caveat_that_does_not_hold(
    matrix: Matrix, operation: str
) -> None:
    for endpoint in routes(matrix.scene, operation):
        request = TABLE[operation][1](matrix.scene)
        for who in ("identity", "invite", *FAILING):
            answer = await matrix.ask(operation, endpoint, who, request)
            assert answer.status_code == 401, (who, answer.text)
            expected = "tokenCaveatUnverified" if who in FAILING else "notAnAccessToken"
            assert answer.json()["error"]["details"]["authError"]["id"] == expected, who


# What is handed on without asking who has it, or from where, is for no token whose caveats ask that.
NEVER_BOUND = {"oneprovider/fs2od_get_direct_addresses"}


@pytest.mark.parametrize("operation", sorted(TABLE))
async def test_caveats_that_hold_take_nothing_away(matrix: Matrix, operation: str) -> None:
    expected, make = TABLE[operation]
    for endpoint in routes(matrix.scene, operation):
        proof = {"X-Onedata-Consumer-Token": matrix.identity}
        answer = await matrix.ask(operation, endpoint, "holding", make(matrix.scene), **proof)
        assert outcome(answer) == ("3" if operation in NEVER_BOUND else expected[OWNER]), answer.text
        if expected != PUBLIC:
            answer = await matrix.ask(operation, endpoint, "holding", make(matrix.scene))
            assert outcome(answer) == "1", "without the proof of who consumes it"


@pytest.mark.parametrize("operation", sorted(TABLE))
async def test_owning_something_else_gives_nothing_here(matrix: Matrix, operation: str) -> None:
    expected, make = TABLE[operation]
    for endpoint in routes(matrix.scene, operation):
        answer = await matrix.ask(operation, endpoint, "neighbour", make(matrix.scene))
        assert outcome(answer) == ("+" if operation in THEIRS_TOO else expected[STRANGER]), answer.text


SHARED = sorted(name for name, (expected, _) in TABLE.items() if len(expected) == len(COLUMNS))


@pytest.mark.parametrize("operation", SHARED)
async def test_a_share_is_the_same_to_everybody_and_a_members_link_to_members(matrix: Matrix, operation: str) -> None:
    scene, (expected, make) = matrix.scene, TABLE[operation]
    through, rules = expected[-1], scene.zone.link_rules

    async def asked(who: str) -> str:
        request = make(scene)
        shared = Request(request.shared or request.at, request.body, request.query)
        found = {outcome(await matrix.ask(operation, each, who, shared)) for each in routes(scene, operation)}
        return "".join(found)

    # What shares do not give, they refuse to guests as unknown, to others as not permitted.
    known = "+" if through == "+" else "x"
    for who in ("stranger", "member", "owner", "administrator", "neighbour"):
        assert await asked(who) == known, who
    rules.set_for_share(scene.owner.caller, scene.share, Rule("members"), label="")
    try:
        assert await asked("share") == "1"
        if through == "+":
            assert await asked("member") == await asked("owner") == "+"
            assert await asked("stranger") == await asked("administrator") == "3"
    finally:
        rules.set_for_share(scene.owner.caller, scene.share, Rule(), label="")
