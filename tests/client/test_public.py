"""Public links, opened by guests and by members alike: no token, and redirects followed with method, headers and body."""

import pytest
from tests.client.conftest import Clients, Speak

from fs2od.client import ByteRange, open_share, parse_share_link
from fs2od.errors import ConfigurationError
from fs2od.onedata import errors
from fs2od.testing.world import Dataset, World

FILES = {"raw/a.mrc": b"0123456789", "notes.txt": b"hello"}


@pytest.fixture
def link(world: World) -> str:
    dataset: Dataset = world.dataset(world.administrator, FILES)
    share = world.share(world.administrator, dataset, name="grid 7")
    return f"{world.node.settings.zone_url}/share/{share}"


async def test_a_link_leads_to_everything_that_is_shared(speak: Speak, link: str) -> None:
    share = await open_share(speak(None).connection, link)
    assert share.details.public_url == link
    found = {}
    todo = [share.root]
    while todo:
        async for child in share.data.children(todo.pop(), ["fileId", "name", "type", "size"], page_items=1):
            assert isinstance(child.file_id, str)
            if child.type == "DIR":
                todo.append(child.file_id)
            else:
                async with share.data.content(child.file_id) as content:
                    found[child.name] = await content.read()
    assert found == {"a.mrc": b"0123456789", "notes.txt": b"hello"}


async def test_a_members_token_goes_nowhere_when_a_link_is_opened(admin: Clients, link: str) -> None:
    share = await open_share(admin.connection, link)
    await share.data.attributes(share.root, ["type"])
    async with share.data.content(share.root) as content:
        await content.read()
    assert len({request.url.host for request in admin.sent}) == 2
    assert not any("x-auth-token" in request.headers for request in admin.sent)


async def test_a_redirect_is_followed_with_the_same_method_headers_and_body(speak: Speak, link: str) -> None:
    clients = speak(None)
    share = await open_share(clients.connection, link)
    clients.sent.clear()
    await share.data.attributes(share.root, ["name", "size"])
    asked, redirected = clients.sent
    assert asked.content == redirected.content == b'{"attributes":["name","size"]}'
    assert redirected.method == "GET"
    assert redirected.headers["content-type"] == "application/json"


async def test_what_is_not_for_the_public_is_refused(speak: Speak, link: str) -> None:
    share = await open_share(speak(None).connection, link)
    with pytest.raises(errors.Rejected) as caught:
        await share.data.attributes(share.root, ["ownerUserId"])
    assert caught.value.error_id == "badValueNotAllowed"


async def test_a_range_survives_the_redirect(speak: Speak, link: str) -> None:
    share = await open_share(speak(None).connection, link)
    (notes,) = [child async for child in share.data.children(share.root) if child.name == "notes.txt"]
    assert isinstance(notes.file_id, str)
    async with share.data.content(notes.file_id, ByteRange(1, 3)) as content:
        assert (content.start, await content.read()) == (1, b"el")


async def test_a_file_that_is_not_shared_cannot_be_read_through_the_zone(world: World, speak: Speak) -> None:
    dataset = world.dataset(world.administrator, FILES)
    with pytest.raises(errors.Rejected) as caught:
        await speak(None).zone.shares.data.attributes(dataset.root)
    assert caught.value.error_id == "badData"


async def test_an_ended_share_is_not_found(admin: Clients, link: str) -> None:
    share = await open_share(admin.connection, link)
    await admin.provider.shares.delete(share.details.share_id)
    with pytest.raises(errors.NotFound):
        await open_share(admin.connection, link)
    with pytest.raises(errors.NotFound):
        await share.data.attributes(share.root)


@pytest.mark.parametrize(
    "link",
    [
        "",
        "http://zone.test/share/ab",
        "https://zone.test/shares/ab",
        "https://zone.test/share/",
        "https://zone.test/share/xyz",
        "https://zone.test/share/ab/cd",
        "https://alex:secret@zone.test/share/ab",
        "https:///share/ab",
        "https://zone.test:port/share/ab",
        "https://[zone/share/ab",
    ],
)
def test_what_is_no_link_is_refused_without_repeating_it(link: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_share_link(link)
    assert "secret" not in str(caught.value)


def test_a_link_names_its_zone_and_its_share() -> None:
    found = parse_share_link(" https://Zone.Test:8443/share/0123ch45/?from=mail#top ")
    assert (found.zone, found.share) == ("https://zone.test:8443", "0123ch45")
