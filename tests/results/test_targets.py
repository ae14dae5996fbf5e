"""Which provider takes files: one of a federation that is there, whatever the zone has heard of the others."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import httpx
import pytest

from fs2od.cli.member import Member
from fs2od.cli.placed import knowing
from fs2od.client import Connection, Oneprovider, Onezone, Retries
from fs2od.onedata.errors import ConnectionLost, NotFound, ServiceError, error_of, forbidden, not_found
from fs2od.onedata.ids import TransferId
from fs2od.onedata.tokens import Token
from fs2od.results import NotWritable, Target, find_target

TOKEN = Token("MDAxSecretSecretSecret")
ZONE = "https://zone.test"
SCOPE, CONFIGURATION = "infer_access_token_scope", "/oneprovider/configuration"


def answer(document: object, status: int = 200) -> httpx.Response:
    body = json.dumps(document).encode()
    return httpx.Response(status, headers={"Content-Type": "application/json"}, stream=httpx.ByteStream(body))


def provider(name: str, *, online: bool = True) -> dict[str, object]:
    return {"name": name, "domain": f"{name}.test", "version": "25.0", "online": online}


@dataclass
class Federation(httpx.AsyncBaseTransport):
    """A zone whose scopes are told one after the other, the last one again and again, and providers that may be away."""

    scopes: list[list[dict[str, object]]]
    away: set[str] = field(default_factory=set)
    refusals: dict[str, ServiceError] = field(default_factory=dict)
    readonly: bool = False
    slept: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host, path = request.url.host, request.url.path
        if path.endswith(SCOPE):
            return answer(self.scope(self.scopes.pop(0) if len(self.scopes) > 1 else self.scopes[0]))
        if host in self.away:
            return httpx.Response(502, stream=httpx.ByteStream(b"<html>"))
        if path.endswith(CONFIGURATION):
            return answer({"providerId": host, "name": host, "domain": host, "version": "25.0"})
        error = self.refusals.get(host, not_found())
        return answer(error.document(), error.status)

    def scope(self, known: list[dict[str, object]]) -> dict[str, object]:
        supports = {str(each["name"]): {"readonly": self.readonly} for each in known}
        providers = {str(each["name"]): each for each in known}
        spaces = {"s1": {"name": "grid", "supports": {**supports, "unknown": {"readonly": self.readonly}}}}
        return {"validUntil": None, "dataAccessScope": {"readonly": False, "spaces": spaces, "providers": providers}}

    async def sleep(self, _: float) -> None:
        self.slept += 1

    def connection(self) -> Connection:
        return Connection(token=TOKEN, transport=self, sleep=self.sleep, retries=Retries(tries=4))

    async def target(self) -> Target:
        async with self.connection() as connection:
            return await find_target(connection, ZONE, TOKEN, "grid", "")


async def test_a_provider_that_is_away_is_passed_by_though_the_zone_has_not_heard_of_it() -> None:
    federation = Federation([[provider("a"), provider("b")]], away={"a.test"})
    assert (await federation.target()).provider.url == "https://b.test"


async def test_the_first_is_taken_where_none_answers() -> None:
    federation = Federation([[provider("a"), provider("b")]], away={"a.test", "b.test"})
    assert (await federation.target()).provider.url == "https://a.test"


async def test_a_provider_of_which_the_zone_hears_late_that_it_is_there_is_waited_for() -> None:
    gone = [provider("a", online=False)]
    federation = Federation([gone, gone, [provider("a")]])
    assert (await federation.target()).provider.url == "https://a.test"
    assert federation.slept == 2


async def test_nobody_waits_for_ever_for_a_provider_nor_at_all_for_one_that_takes_nothing() -> None:
    with pytest.raises(ConnectionLost, match="'grid' is there just now"):
        await Federation([[provider("a", online=False)]]).target()
    federation = Federation([[provider("a")]], readonly=True)
    with pytest.raises(NotWritable):
        await federation.target()
    assert not federation.slept


@pytest.mark.parametrize(
    "refusal", [forbidden(), error_of("spaceNotSupportedBy", "no"), error_of("internalServerError", "no")]
)
async def test_who_knows_of_a_transfer_is_found_past_those_who_may_not_say(refusal: ServiceError) -> None:
    federation = Federation([[provider("a"), provider("b")]], refusals={"a.test": refusal})

    async def ask(at: Oneprovider) -> str:
        if at.url == "https://b.test":
            return "known"
        await at.transfers.get(TransferId("t1"))
        raise AssertionError

    async with federation.connection() as connection:
        member = Member(connection, Onezone(connection, ZONE), TOKEN, None)
        assert (await knowing(member, ask))[1] == "known"


async def test_what_nobody_knows_is_not_found() -> None:
    federation = Federation([[provider("a")]])
    async with federation.connection() as connection:
        member = Member(connection, Onezone(connection, ZONE), TOKEN, None)
        with pytest.raises(NotFound):
            await knowing(member, lambda at: at.transfers.get(TransferId("t1")))
