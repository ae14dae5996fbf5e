"""Content over real TLS: exactly the bytes that were asked for, or an error of ours."""

import errno
from collections.abc import Callable

import pytest
from tests.client.conftest import HURRIED, Connect, Serve, reply, silent

from fs2od.client import ByteRange, Oneprovider, Onezone
from fs2od.onedata import errors
from fs2od.onedata.ids import FileId

FILE = FileId("00AB")
GROUPS = reply(body=b'{"groups":["ab"]}')


async def keep(provider: Oneprovider, sink: Callable[[bytes], None]) -> None:
    async with provider.files.content(FILE) as content:
        async for chunk in content:
            sink(chunk)


async def test_content_that_breaks_off_is_a_lost_connection(serve: Serve, connect: Connect) -> None:
    server = await serve(reply(body=b"0123456789")[:-4])
    arrived = bytearray()
    with pytest.raises(errors.ConnectionLost):
        await keep(Oneprovider(connect(), server.origin), arrived.extend)
    assert arrived == b"012345"


async def test_content_that_stalls_is_a_lost_connection(serve: Serve, connect: Connect) -> None:
    server = await serve(silent(0.5))
    with pytest.raises(errors.ConnectionLost):
        async with Oneprovider(connect(timeouts=HURRIED), server.origin).files.content(FILE) as content:
            await content.read()


async def test_content_that_goes_on_for_ever_is_cut_off(serve: Serve, connect: Connect) -> None:
    server = await serve(reply(body=b"x" * 5000, content_length=""))
    async with Oneprovider(connect(), server.origin).files.content(FILE, largest_bytes=100) as content:
        assert content.length_bytes is None
        with pytest.raises(errors.MalformedAnswer):
            await content.read()


async def test_an_error_of_the_caller_while_reading_stays_its_own_and_leaves_a_usable_connection(
    serve: Serve, connect: Connect
) -> None:
    def full(_: bytes) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    server = await serve(reply(body=b"x" * 500_000), GROUPS)
    connection = connect()
    with pytest.raises(OSError, match="disk full"):
        await keep(Oneprovider(connection, server.origin), full)
    assert await Onezone(connection, server.origin).user.groups() == ("ab",)


async def test_a_service_that_ignores_ranges_says_where_it_begins(serve: Serve, connect: Connect) -> None:
    server = await serve(reply(200, b"0123456789"))
    async with Oneprovider(connect(), server.origin).files.content(FILE, ByteRange(4)) as content:
        assert (content.start, content.length_bytes) == (0, 10)
    assert server.seen[0].headers["range"] == "bytes=4-"


@pytest.mark.parametrize(
    "content_range",
    ["", "bytes 0-9/10", "bytes 5-9/10", "bytes 4-20/10", "bytes 9-4/10", "bytes 4-9", "bytes */10", "lines 4-9/10"],
)
async def test_other_bytes_than_those_asked_for_are_malformed(
    serve: Serve, connect: Connect, content_range: str
) -> None:
    server = await serve(reply(206, b"456789", content_range=content_range))
    with pytest.raises(errors.MalformedAnswer):
        async with Oneprovider(connect(), server.origin).files.content(FILE, ByteRange(4)):
            pass


async def test_a_part_that_nobody_asked_for_is_malformed(serve: Serve, connect: Connect) -> None:
    server = await serve(reply(206, b"4", content_range="bytes 4-4/10"))
    with pytest.raises(errors.MalformedAnswer):
        async with Oneprovider(connect(), server.origin).files.content(FILE):
            pass


async def test_a_part_whose_length_contradicts_its_range_is_malformed(serve: Serve, connect: Connect) -> None:
    server = await serve(reply(206, b"45", content_range="bytes 4-9/10"))
    with pytest.raises(errors.MalformedAnswer):
        async with Oneprovider(connect(), server.origin).files.content(FILE, ByteRange(4)):
            pass


async def test_only_until_the_first_byte_content_is_tried_again(serve: Serve, connect: Connect) -> None:
    server = await serve(reply(503), reply(body=b"0123"))
    async with Oneprovider(connect(), server.origin).files.content(FILE) as content:
        assert await content.read() == b"0123"
    assert len(server.seen) == 2


@pytest.mark.parametrize(("start", "end"), [(-1, None), (5, 5), (5, 4)])
def test_an_empty_range_is_a_mistake_of_the_caller(start: int, end: int | None) -> None:
    with pytest.raises(ValueError, match="byte range"):
        ByteRange(start, end)
