"""The connection over real TLS: retries, redirects, limits, timeouts, and what happens to bad answers."""

import asyncio
import gzip
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from tests.client.conftest import HURRIED, Connect, Pauses, Serve, reply, silent

from fs2od.client import Connection, Onepanel, Oneprovider, Onezone, Retries, UnknownName, UntrustedCertificate
from fs2od.errors import ConfigurationError
from fs2od.onedata import errors, wire
from fs2od.onedata.errors import OnedataError
from fs2od.onedata.ids import FileId, GroupId, ShareId, SpaceId, TransferId
from fs2od.onedata.tokens import Token
from fs2od.onedata.wire.sharing import LinkRule

GROUP, FILE = GroupId("ab"), FileId("00AB")
TOKEN = "MDAxSecretSecretSecret"
SECRET_KEY = "wJalrXUtnFEMI"
GROUPS = reply(body=b'{"groups":["ab"]}')


class Recorder:
    """Writes down what an observer is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int | None]] = []

    def before_request(self, method: str, operation: str) -> None:
        self.told.append((method, operation, None))

    def after_response(self, method: str, operation: str, status: int) -> None:
        self.told.append((method, operation, status))


def cut(whole: bytes, at: int) -> bytes:
    return whole[:at]


async def test_a_call_carries_its_token_and_takes_nothing_compressed(serve: Serve, connect: Connect) -> None:
    server = await serve(GROUPS)
    assert await Onezone(connect(token=TOKEN), server.origin).user.groups() == (GROUP,)
    (seen,) = server.seen
    assert (seen.method, seen.target) == ("GET", "/api/v3/onezone/user/groups")
    assert seen.headers["x-auth-token"] == TOKEN
    assert seen.headers["accept-encoding"] == "identity"


async def test_a_transient_failure_of_a_reading_call_is_tried_again(
    serve: Serve, connect: Connect, pauses: Pauses
) -> None:
    server = await serve(reply(503), b"", reply(502, b"<html>bad gateway</html>"), GROUPS)
    assert await Onezone(connect(), server.origin).user.groups() == (GROUP,)
    assert len(server.seen) == 4
    assert pauses.slept_s == sorted(pauses.slept_s)


async def test_tries_come_to_an_end_with_the_last_error(serve: Serve, connect: Connect) -> None:
    server = await serve(*[reply(503, retry_after="0")] * 9)
    with pytest.raises(errors.Busy) as caught:
        await Onezone(connect(), server.origin).user.groups()
    assert (len(server.seen), caught.value.retry_after_s) == (4, 0)


async def test_retry_after_seconds_are_obeyed(serve: Serve, connect: Connect, pauses: Pauses) -> None:
    server = await serve(reply(429, retry_after="7"), GROUPS)
    await Onezone(connect(), server.origin).user.groups()
    assert 7 <= pauses.slept_s[0] < 8


async def test_a_retry_after_date_is_obeyed(serve: Serve, connect: Connect, pauses: Pauses) -> None:
    server = await serve(reply(503, retry_after="Mon, 23 Nov 2026 12:00:20 GMT"), GROUPS)
    connection = connect(clock=lambda: datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
    await Onezone(connection, server.origin).user.groups()
    assert 20 <= pauses.slept_s[0] < 21


async def test_a_service_that_wants_an_hour_is_left_alone(serve: Serve, connect: Connect, pauses: Pauses) -> None:
    server = await serve(reply(503, retry_after="3600"), GROUPS)
    with pytest.raises(errors.Busy) as caught:
        await Onezone(connect(), server.origin).user.groups()
    assert (caught.value.retry_after_s, pauses.slept_s) == (3600, [])


@pytest.mark.parametrize("failure", [reply(503, retry_after="0"), b"", reply(502)])
async def test_a_creation_is_never_repeated(serve: Serve, connect: Connect, failure: bytes) -> None:
    server = await serve(failure, reply(201, location="/api/v3/onezone/groups/ab"))
    with pytest.raises(errors.OnedataError):
        await Onezone(connect(), server.origin).groups.create("crew")
    assert len(server.seen) == 1


async def test_a_removal_is_repeated_when_its_answer_was_lost(serve: Serve, connect: Connect) -> None:
    server = await serve(b"", reply(404, b'{"error":{"id":"notFound","description":"gone"}}'))
    with pytest.raises(errors.NotFound):
        await Onezone(connect(), server.origin).groups.delete(GROUP)
    assert [seen.method for seen in server.seen] == ["DELETE", "DELETE"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 501])
async def test_a_failure_that_stays_is_not_tried_again(serve: Serve, connect: Connect, status: int) -> None:
    server = await serve(reply(status), GROUPS)
    with pytest.raises(errors.ServiceError) as caught:
        await Onezone(connect(), server.origin).user.groups()
    assert (len(server.seen), caught.value.status) == (1, status)


async def test_an_error_document_becomes_an_error_with_its_facts(serve: Serve, connect: Connect) -> None:
    document = {"error": {"id": "posix", "description": "no", "details": {"errno": "eacces"}}, "ctx": {"line": 1}}
    server = await serve(reply(400, json.dumps(document).encode(), x_request_id="r-1"))
    with pytest.raises(errors.PosixError) as caught:
        await Oneprovider(connect(), server.origin).files.attributes(FILE)
    assert (caught.value.errno, caught.value.request_id) == ("eacces", "r-1")


@pytest.mark.parametrize(
    "body", [b"<html>no</html>", b"", b"[]", b'{"error":"no"}', b'{"error":{"details":7}}', b"\xff\xfe", b"[" * 5000]
)
async def test_an_error_without_a_document_still_tells_its_status(serve: Serve, connect: Connect, body: bytes) -> None:
    server = await serve(reply(403, body))
    with pytest.raises(errors.Forbidden) as caught:
        await Onezone(connect(), server.origin).user.groups()
    assert "403" in str(caught.value)


async def test_a_service_that_repeats_secrets_cannot_make_us_tell_them(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    invitation = "MDAxInvitation"
    said = {"id": "badToken", "description": f"{TOKEN}?", "details": {"key": [invitation], invitation: {"a": TOKEN}}}
    server = await serve(reply(400, json.dumps({"error": said}).encode()))
    connection = connect(token=TOKEN)
    with pytest.raises(errors.Rejected) as caught:
        await Onezone(connection, server.origin).user.join_group(Token(invitation))
    told = f"{caught.value} {caught.value!r} {caught.value.details} {connection!r} {caplog.text}"
    assert TOKEN not in told
    assert invitation not in told
    assert invitation in server.seen[0].body.decode()


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b'{"groups":7}', b'{"groups":[7]}', b"[]", b"null", b"\xff"])
async def test_an_answer_that_does_not_fit_is_malformed(serve: Serve, connect: Connect, body: bytes) -> None:
    server = await serve(reply(200, body), GROUPS)
    with pytest.raises(errors.MalformedAnswer):
        await Onezone(connect(), server.origin).user.groups()
    assert len(server.seen) == 1


@pytest.mark.parametrize("location", ["", "/api/v3/onezone/groups/../x", "https://zone.test/groups/xyz"])
async def test_a_creation_without_a_proper_location_is_malformed(serve: Serve, connect: Connect, location: str) -> None:
    server = await serve(reply(201, location=location))
    with pytest.raises(errors.MalformedAnswer):
        await Onezone(connect(), server.origin).groups.create("crew")


@pytest.mark.parametrize("announced", ["5000", "", "99999999999999999999"])
async def test_an_oversized_answer_is_not_read(serve: Serve, connect: Connect, announced: str) -> None:
    server = await serve(reply(200, b"x" * 5000, content_length=announced))
    with pytest.raises(errors.MalformedAnswer):
        await Onezone(connect(largest_answer_bytes=1000), server.origin).user.groups()


async def test_an_oversized_error_is_not_read(serve: Serve, connect: Connect) -> None:
    server = await serve(reply(400, b"x" * (2 << 20)))
    with pytest.raises(errors.MalformedAnswer):
        await Onezone(connect(), server.origin).user.groups()


async def test_a_compressed_answer_is_refused(serve: Serve, connect: Connect) -> None:
    server = await serve(reply(200, gzip.compress(b"0" * 1_000_000), content_encoding="gzip"))
    with pytest.raises(errors.MalformedAnswer, match="compressed"):
        await Onezone(connect(), server.origin).user.groups()


@pytest.mark.parametrize("length", [1, 20, 60])
async def test_a_truncated_answer_is_a_lost_connection(serve: Serve, connect: Connect, length: int) -> None:
    server = await serve(*[cut(GROUPS, length)] * 4)
    with pytest.raises(errors.ConnectionLost):
        await Onezone(connect(), server.origin).user.groups()
    assert len(server.seen) == 4


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00\x01\x02" * 50])
async def test_what_is_not_http_is_an_error_of_ours(serve: Serve, connect: Connect, garbage: bytes) -> None:
    server = await serve(*[garbage] * 4)
    with pytest.raises(errors.OnedataError):
        await Onezone(connect(), server.origin).user.groups()


def dribbling(pieces: int, pause_s: float) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def talk(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 Fine\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(pieces):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(pause_s)

    return talk


async def test_a_silent_service_is_given_up(serve: Serve, connect: Connect) -> None:
    server = await serve(silent(0.5))
    with pytest.raises(errors.ConnectionLost, match="in time"):
        await Onezone(connect(timeouts=HURRIED), server.origin).groups.create("crew")


async def test_a_service_that_dribbles_for_ever_is_given_up(serve: Serve, connect: Connect) -> None:
    server = await serve(dribbling(40, 0.05))
    with pytest.raises(errors.ConnectionLost, match="in time"):
        await Onezone(connect(timeouts=HURRIED), server.origin).groups.create("crew")


async def test_a_service_that_is_not_there_is_a_lost_connection(serve: Serve, connect: Connect) -> None:
    server = await serve()
    nowhere = server.origin.rpartition(":")[0] + ":1"
    with pytest.raises(errors.ConnectionLost, match="cannot be reached"):
        await Onezone(connect(), nowhere).user.groups()


class Names(httpx.AsyncBaseTransport):
    """A network whose names are not known, and then are, by turns."""

    def __init__(self, *known: bool) -> None:
        self.known = list(known)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.known.pop(0):
            return httpx.Response(200, stream=httpx.ByteStream(b'{"groups":["ab"]}'))
        raise httpx.ConnectError("failed", request=request) from socket.gaierror(socket.EAI_NONAME, "not known")


async def test_a_name_that_was_never_there_is_not_waited_for_and_one_that_was_is(pauses: Pauses) -> None:
    patient = Retries.waiting(600)
    said: list[OnedataError] = []
    network = Names(*[False] * 9)
    with pytest.raises(UnknownName, match=r"zone\.test cannot be reached \(there is no such name"):
        await Onezone(_at(network, patient, pauses, said), "https://zone.test").user.groups()
    assert (len(network.known), said) == (5, [])
    network = Names(True, *[False] * 7, True)
    zone = Onezone(_at(network, patient, pauses, said), "https://zone.test")
    for _ in range(2):
        assert await zone.user.groups() == (GROUP,)
    assert len(said) == 7


def _at(network: Names, patient: Retries, pauses: Pauses, said: list[OnedataError]) -> Connection:
    return Connection(
        token=None,
        transport=network,
        retries=patient,
        sleep=pauses.sleep,
        monotonic=lambda: 0.0,
        pausing=lambda error, _: said.append(error),
    )


async def test_a_certificate_of_an_unknown_authority_is_refused_at_once(
    serve: Serve, connect: Connect, pauses: Pauses
) -> None:
    server = await serve(GROUPS)
    with pytest.raises(UntrustedCertificate):
        await Onezone(connect(token=TOKEN, trusted=None), server.origin).user.groups()
    assert (server.seen, pauses.slept_s) == ([], [])


async def test_a_certificate_of_another_host_is_refused(serve: Serve, connect: Connect) -> None:
    server = await serve(GROUPS, name="other.test")
    with pytest.raises(UntrustedCertificate):
        await Onezone(connect(), server.origin).user.groups()
    assert server.seen == []


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_file_that_holds_no_certificates_is_a_setting_to_correct(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        Connection(token=None, ca_file=path)


async def test_cookies_are_not_kept(serve: Serve, connect: Connect) -> None:
    server = await serve(reply(body=b'{"groups":[]}', set_cookie="session=1; Path=/"), GROUPS)
    zone = Onezone(connect(), server.origin)
    await zone.user.groups()
    await zone.user.groups()
    assert "cookie" not in server.seen[1].headers


async def test_the_environment_chooses_no_proxy(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    server = await serve(GROUPS)
    assert await Onezone(connect(), server.origin).user.groups() == (GROUP,)


async def test_an_observer_sees_every_try_and_every_answer(serve: Serve, connect: Connect) -> None:
    server, recorder = await serve(b"", reply(503, retry_after="0"), GROUPS), Recorder()
    await Onezone(connect(observer=recorder), server.origin).user.groups()
    asked = ("GET", "list_user_groups", None)
    answered = [("GET", "list_user_groups", 503), ("GET", "list_user_groups", 200)]
    assert recorder.told == [asked, asked, answered[0], asked, answered[1]]


async def test_a_redirect_that_was_not_expected_is_malformed_and_not_followed(serve: Serve, connect: Connect) -> None:
    other = await serve(GROUPS)
    server = await serve(reply(307, location=f"{other.origin}/api/v3/onezone/user/groups"))
    with pytest.raises(errors.MalformedAnswer):
        await Onezone(connect(token=TOKEN), server.origin).user.groups()
    assert other.seen == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_shared_data_is_followed_with_method_headers_and_body(
    serve: Serve, connect: Connect, status: int
) -> None:
    provider = await serve(reply(body=b'{"size":7}'))
    zone = await serve(reply(status, location=f"{provider.origin}/api/v3/oneprovider/data/{FILE}"))
    attributes = await Onezone(connect(token=TOKEN), zone.origin).shares.data.attributes(FILE, ["size"])
    assert attributes.size == 7
    assert zone.seen[0].target == f"/api/v3/onezone/shares/data/{FILE}"
    assert (provider.seen[0].method, provider.seen[0].body) == ("GET", b'{"attributes":["size"]}')
    assert not any("x-auth-token" in seen.headers for seen in (*zone.seen, *provider.seen))


async def test_a_token_stays_with_the_origin_that_it_was_meant_for(serve: Serve, connect: Connect) -> None:
    elsewhere = await serve(reply(body=b"tar"))
    provider = await serve(reply(302, location="/download/1"), reply(302, location=f"{elsewhere.origin}/download/2"))
    async with Oneprovider(connect(token=TOKEN), provider.origin).files.content(FILE) as content:
        assert await content.read() == b"tar"
    assert [seen.headers.get("x-auth-token") for seen in provider.seen] == [TOKEN, TOKEN]
    assert "x-auth-token" not in elsewhere.seen[0].headers


@pytest.mark.parametrize("location", ["http://localhost/x", "", "ftp://localhost/x", "https://"])
async def test_a_redirect_away_from_https_is_not_followed(serve: Serve, connect: Connect, location: str) -> None:
    zone = await serve(reply(307, location=location))
    with pytest.raises(errors.MalformedAnswer):
        await Onezone(connect(), zone.origin).shares.data.attributes(FILE)


async def test_redirects_in_a_circle_come_to_an_end(serve: Serve, connect: Connect) -> None:
    zone = await serve(*[reply(307, location="/api/v3/onezone/shares/data/00AB")] * 20)
    with pytest.raises(errors.MalformedAnswer, match="too often"):
        await Onezone(connect(), zone.origin).shares.data.attributes(FILE)
    assert len(zone.seen) == 6


async def test_a_listing_that_turns_in_a_circle_comes_to_an_end(serve: Serve, connect: Connect) -> None:
    page = reply(body=b'{"children":[{"fileId":"00AB","name":"a"}],"nextPageToken":"t","isLast":false}')
    server = await serve(*[page] * 20)
    with pytest.raises(errors.MalformedAnswer):
        _ = [child async for child in Oneprovider(connect(), server.origin).files.children(FILE)]
    assert len(server.seen) == 2


async def test_a_page_longer_than_asked_for_is_malformed(serve: Serve, connect: Connect) -> None:
    items = [{"fileId": "00AB", "name": str(number)} for number in range(3)]
    page = json.dumps({"children": items, "nextPageToken": None, "isLast": True}).encode()
    server = await serve(reply(body=page))
    with pytest.raises(errors.MalformedAnswer):
        _ = [child async for child in Oneprovider(connect(), server.origin).files.children(FILE, page_items=2)]


async def test_both_generations_of_keys_are_read(serve: Serve, connect: Connect) -> None:
    page = b'{"children":[{"file_id":"00AB","name":"a","type":"reg"}],"nextPageToken":null,"isLast":true}'
    server = await serve(reply(body=page))
    (child,) = [child async for child in Oneprovider(connect(), server.origin).files.children(FILE)]
    assert (child.file_id, child.type) == (FILE, "REG")


async def test_a_failing_storage_of_a_map_and_a_failing_host_are_unwrapped(serve: Serve, connect: Connect) -> None:
    inner = {"id": "alreadyExists", "description": "running"}
    wrapped = {"id": "errorOnNodes", "description": "1 node", "details": {"hostnames": ["h"], "error": inner}}
    server = await serve(reply(409, json.dumps({"error": wrapped}).encode()))
    with pytest.raises(errors.Conflict) as caught:
        await Onepanel(connect(), server.origin).imports.force_start(SpaceId("ab"))
    assert caught.value.error_id == "alreadyExists"


async def test_the_reason_of_a_storage_that_failed_is_found_in_the_map(serve: Serve, connect: Connect) -> None:
    said = f"cannot use {SECRET_KEY}"
    results = {"good": {"id": "ab"}, "krios 1": {"error": {"id": "storageTestFailed", "description": said}}}
    server = await serve(reply(400, json.dumps(results).encode()))
    bucket = wire.S3StorageRequest(hostname="https://s3.test", bucket_name="b", secret_key=wire.Secret(SECRET_KEY))
    with pytest.raises(errors.Rejected) as caught:
        await Onepanel(connect(), server.origin).storages.add_s3("krios 1", bucket)
    assert caught.value.error_id == "storageTestFailed"
    assert SECRET_KEY not in str(caught.value)
    assert SECRET_KEY in server.seen[0].body.decode()


@pytest.mark.parametrize("results", [{}, {"another": {"id": "ab"}}, {"krios 1": {}}])
async def test_a_panel_that_does_not_name_the_new_storage_is_malformed(
    serve: Serve, connect: Connect, results: dict[str, object]
) -> None:
    server = await serve(reply(200, json.dumps(results).encode()))
    with pytest.raises(errors.MalformedAnswer):
        await Onepanel(connect(), server.origin).storages.add_posix("krios 1", "/data")


async def test_a_text_that_is_not_utf8_is_malformed(serve: Serve, connect: Connect) -> None:
    server = await serve(reply(200, b"\xff\xfe"))
    with pytest.raises(errors.MalformedAnswer):
        await Oneprovider(connect(), server.origin).files.rdf.get(FILE)


async def test_a_running_scan_is_stopped_and_a_running_transfer_cancelled(serve: Serve, connect: Connect) -> None:
    # A small node is done with both before anyone can stop it.
    server = await serve(reply(204, content_length=""), reply(204, content_length=""))
    connection = connect()
    await Onepanel(connection, server.origin).imports.force_stop(SpaceId("ab"))
    await Oneprovider(connection, server.origin).transfers.cancel(TransferId("cd"))
    assert [(seen.method, seen.target) for seen in server.seen] == [
        ("POST", "/api/v3/onepanel/provider/spaces/ab/storage-import/auto/force-stop"),
        ("DELETE", "/api/v3/oneprovider/transfers/cd"),
    ]


async def test_a_connection_closes_behind_its_block(serve: Serve, ca_file: Path) -> None:
    server = await serve(GROUPS)
    async with Connection(token=Token(TOKEN), ca_file=ca_file) as connection:
        assert await Onezone(connection, server.origin).user.groups() == (GROUP,)


async def test_many_calls_share_one_connection_object(serve: Serve, connect: Connect) -> None:
    server = await serve(*[GROUPS] * 20)
    zone = Onezone(connect(), server.origin)
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(zone.user.groups()) for _ in range(20)]
    assert {call.result() for call in calls} == {(GROUP,)}


async def test_a_cancelled_call_is_cancelled(serve: Serve, connect: Connect) -> None:
    reached = asyncio.Event()

    async def hold(_: asyncio.StreamWriter) -> None:
        reached.set()
        await asyncio.sleep(0.3)

    server = await serve(hold)
    call = asyncio.create_task(Onezone(connect(), server.origin).shares.public(ShareId("ab")))
    await reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


@pytest.mark.parametrize(
    "said",
    [
        reply(405, allow="HEAD, GET, OPTIONS"),
        reply(501),
        reply(404),
        reply(302, location="/ozw/onezone/i"),
        reply(200, b"<!DOCTYPE html>", content_type="text/html; charset=utf-8"),
    ],
)
async def test_a_zone_that_does_not_have_what_is_ours_says_so_as_what_serves_its_pages_does(
    serve: Serve, connect: Connect, said: bytes
) -> None:
    server = await serve(said)
    with pytest.raises(errors.NotFound, match="only a node of fs2od's own"):
        await Onezone(connect(), server.origin).spaces.set_link_rule(SpaceId("a" * 32), LinkRule())


async def test_what_every_onedata_has_is_not_missed_when_its_method_is_refused(serve: Serve, connect: Connect) -> None:
    server = await serve(reply(405))
    with pytest.raises(errors.ServiceFault):
        await Onezone(connect(), server.origin).spaces.change(SpaceId("a" * 32), name="other")


async def test_what_was_not_even_looked_at_is_asked_for_again_whatever_it_makes(
    serve: Serve, connect: Connect, pauses: Pauses
) -> None:
    location = "https://zone.test/api/v3/onezone/groups/ab"
    server = await serve(reply(429, retry_after="7"), reply(201, location=location))
    assert await Onezone(connect(), server.origin).groups.create("team") == GROUP
    assert pauses.slept_s[0] >= 7
