"""A space that several providers have: who is asked first, and who is asked when one is away."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from fs2od.onedata.ids import TokenId
from fs2od.onedata.token_kinds import AccessToken as Access
from fs2od.onedata.token_kinds import Identifier, Named, Subject
from fs2od.onedata.tokens import create
from fs2od.testing.network import Broken, HostileShare, Reply, Request, listed, reply_of
from fs2od.transfer import (
    AccessToken,
    ConnectionLost,
    NeverReached,
    Patience,
    SharedDataset,
    SpaceDataset,
    SpacePlace,
    Timeouts,
    UnknownSpace,
    parse_link,
)
from fs2od.transfer._http import Http

CONTENT = b"0123456789" * 1000


@dataclass
class Federation:
    """A zone, and two providers that have its one space."""

    zone: HostileShare
    near: HostileShare
    far: HostileShare
    ca: Path

    def dataset(self, *, prefer: str | None = None) -> SpaceDataset:
        token = create("localhost", _identifier(), b"k" * 32)
        return SpaceDataset(
            SpacePlace(self.zone.url, "grid"),
            token=AccessToken(token.reveal),
            prefer=prefer,
            ca_file=str(self.ca),
            patience=Patience(tries=4, first_pause_s=0.01, longest_pause_s=0.02),
            timeouts=Timeouts(stall_s=2.0),
        )


def domain_of(provider: HostileShare) -> str:
    return provider.url.removeprefix("https://")


def bytes_asked(provider: HostileShare) -> int:
    return sum(request.path.endswith("/content") for request in provider.asked)


@pytest.fixture
def federation(authority: trustme.CA, authority_file: Path) -> Iterator[Federation]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    items = [listed("movie.mrc", len(CONTENT))]
    with ExitStack() as stack:
        zone, near, far = (
            stack.enter_context(HostileShare(items, {"movie.mrc": CONTENT}, context=context)) for _ in range(3)
        )
        providers = {"p1": near, "p2": far}
        scope = {
            "readonly": True,
            "spaces": {"s1": {"name": "grid", "supports": {name: {"readonly": True} for name in providers}}},
            "providers": {
                name: {"name": name, "domain": domain_of(each), "version": "21.02.8", "online": True}
                for name, each in providers.items()
            },
        }
        answer = reply_of({"validUntil": None, "dataAccessScope": scope})
        zone.answers["/api/v3/onezone/tokens/infer_access_token_scope"] = lambda _: answer
        for each in providers.values():
            each.answers["/api/v3/oneprovider/lookup-file-id/grid%40s1"] = lambda _: reply_of({"fileId": "root"})
            each.answers["/api/v3/oneprovider/lookup-file-id/grid@s1"] = lambda _: reply_of({"fileId": "root"})
            each.answers["/api/v3/oneprovider/configuration"] = lambda _: reply_of({"version": "21.02.8"})
        yield Federation(zone, near, far, authority_file)


def _identifier() -> Identifier:
    return Identifier(Named(), Subject("user", "a" * 32), Access(), TokenId("b" * 32))


@pytest.mark.parametrize("preferred", ["near", "far"])
def test_the_provider_that_was_named_is_asked(federation: Federation, preferred: str) -> None:
    wanted: HostileShare = getattr(federation, preferred)
    other = federation.far if wanted is federation.near else federation.near
    with federation.dataset(prefer=domain_of(wanted)) as dataset:
        assert dataset.read("movie.mrc", 0, 5000) == CONTENT[:5000]
    assert (bytes_asked(wanted), bytes_asked(other)) == (1, 0)


def breaks_off(beginning: bytes) -> Iterator[bytes]:
    yield beginning
    raise Broken("here")


def falls_silent(beginning: bytes) -> Iterator[bytes]:
    yield beginning


@pytest.mark.parametrize("body", [breaks_off, falls_silent])
def test_the_next_provider_is_asked_when_the_first_gives_half(
    federation: Federation, body: Callable[[bytes], Iterator[bytes]]
) -> None:
    def half(request: Request) -> Reply:
        whole = federation.far._content("id-movie.mrc", request)
        return Reply(whole.status, whole.headers, body(b"".join(whole.body)[:3000]))

    federation.near.answers["content of id-movie.mrc"] = half
    with federation.dataset(prefer=domain_of(federation.near)) as dataset:
        assert dataset.read("movie.mrc", 0, len(CONTENT)) == CONTENT
    assert (bytes_asked(federation.near), bytes_asked(federation.far)) == (1, 1)


def test_a_provider_that_is_gone_is_passed_by(federation: Federation) -> None:
    with federation.dataset(prefer=domain_of(federation.near)) as dataset:
        dataset.stat("movie.mrc")
        federation.near.__exit__()
        assert dataset.read("movie.mrc", 0, 100) == CONTENT[:100]
        federation.near = federation.far


def test_a_service_that_was_there_before_is_not_called_never_reached(federation: Federation) -> None:
    asked = Http(ca_file=str(federation.ca))
    with asked.opened("GET", federation.near.url) as answer:
        answer.read_all(1000)
    gone, never = federation.near.url, federation.far.url
    federation.near.__exit__()
    federation.far.__exit__()
    with pytest.raises(ConnectionLost) as lost, asked.opened("GET", gone):
        pass
    assert not isinstance(lost.value, NeverReached)
    with pytest.raises(NeverReached, match="cannot be reached"), asked.opened("GET", never):
        pass
    asked.close()


def busy(_: Request) -> Reply:
    return reply_of(b"<html>bad gateway</html>", status=502, headers={"Content-Type": "text/html"})


def test_the_next_provider_is_asked_when_what_stands_before_the_first_says_that_it_is_away(
    federation: Federation,
) -> None:
    with federation.dataset(prefer=domain_of(federation.near)) as dataset:
        dataset.stat("movie.mrc")
        federation.near.answers["content of id-movie.mrc"] = busy
        assert dataset.read("movie.mrc", 0, len(CONTENT)) == CONTENT
    assert (bytes_asked(federation.near), bytes_asked(federation.far)) == (1, 1)


def refused(error_id: str, status: int = 400, **details: str) -> Callable[[Request], Reply]:
    error = {"id": error_id, "description": "no", "details": details}
    return lambda _: reply_of({"error": error}, status=status)


@pytest.mark.parametrize(
    "refusal",
    [refused("posix", errno="enoent"), refused("spaceNotSupportedBy"), refused("forbidden", 403)],
)
def test_a_provider_that_has_not_heard_of_the_space_yet_is_passed_by(
    federation: Federation, refusal: Callable[[Request], Reply]
) -> None:
    federation.near.answers["/api/v3/oneprovider/lookup-file-id/grid%40s1"] = refusal
    federation.near.answers["/api/v3/oneprovider/lookup-file-id/grid@s1"] = refusal
    with federation.dataset(prefer=domain_of(federation.near)) as dataset:
        assert [each.name for each in dataset.listing()] == ["movie.mrc"]


def test_what_no_provider_knows_is_not_there(federation: Federation) -> None:
    for each in (federation.near, federation.far):
        each.answers["/api/v3/oneprovider/lookup-file-id/grid%40s1"] = refused("posix", errno="enoent")
        each.answers["/api/v3/oneprovider/lookup-file-id/grid@s1"] = refused("posix", errno="enoent")
    with federation.dataset() as dataset, pytest.raises(UnknownSpace, match="nothing at grid"):
        dataset.root()


def test_the_only_provider_is_waited_for_while_the_zone_says_that_it_is_away(federation: Federation) -> None:
    inferring = "/api/v3/onezone/tokens/infer_access_token_scope"
    answer, asked = federation.zone.answers[inferring], []

    def at_first_away(request: Request) -> Reply:
        asked.append(request)
        found = answer(request)
        if len(asked) > 2:
            return found
        return reply_of(b"".join(found.body).replace(b'"online": true', b'"online": false'))

    federation.zone.answers[inferring] = at_first_away
    with federation.dataset() as dataset:
        assert dataset.read("movie.mrc", 0, 10) == CONTENT[:10]
    assert len(asked) == 3


def test_a_link_leads_to_another_provider_when_what_stands_before_the_first_says_that_it_is_away(
    federation: Federation,
) -> None:
    zone, led = federation.zone, [federation.near]

    def lead(request: Request) -> Reply:
        rest = request.target.removeprefix("/api/v3/onezone/shares")
        return reply_of(b"", status=307, headers={"Location": f"{led[0].url}/api/v3/oneprovider{rest}"})

    for what in ("facts of root", "children of root", "content of id-movie.mrc"):
        zone.answers[what] = lead
    patience = Patience(tries=4, first_pause_s=0.01, longest_pause_s=0.02)
    with SharedDataset(parse_link(zone.link), ca_file=str(federation.ca), patience=patience) as dataset:
        dataset.stat("movie.mrc")
        led[0] = federation.far
        federation.near.answers["content of id-movie.mrc"] = busy
        assert dataset.read("movie.mrc", 0, len(CONTENT)) == CONTENT
    assert (bytes_asked(federation.near), bytes_asked(federation.far)) == (1, 1)
