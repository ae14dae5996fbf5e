from __future__ import annotations

import json
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from tests.portal.conftest import Pages

HOSTILE = [
    "<script>alert(1)<&#47;script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "line\nbreak.mrc",
    "tab\tand\rreturn",
    "photo\u202egpj.exe",
    "&lt;b&gt;",
    "{{ 7 * 7 }}",
    "javascript:alert(1)",
    "a%2Fb",
    "a?b#c",
    "-rf",
    "…",
    " blank ",
    "試料 🧊",
    "x" * 250,
    "back\\slash",
]


class Elements(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.images: list[str | None] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.attributes |= found.keys()
        if tag == "script":
            self.scripts.append(found.get("src"))
        if tag == "img":
            self.images.append(found.get("src"))
        if tag == "a":
            self.links.append(found.get("href") or "")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def elements(html: str) -> Elements:
    parser = Elements()
    parser.feed(html)
    return parser


def assert_harmless(html: str) -> None:
    found = elements(html)
    assert all(source is not None and source.startswith("/assets/") for source in [*found.scripts, *found.images])
    assert not any(name.startswith("on") or name == "style" for name in found.attributes)
    assert all(link.startswith(("/", "#", "https://provider.test/share/")) for link in found.links)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_file_name_is_only_a_name(pages: Pages, name: str) -> None:
    _, share = pages.publish({f"{name}/{name}": b"content"})
    top = await pages.get(f"/share/{share}")
    assert_harmless(top)
    folder = next(link for link in elements(top).links if link.startswith(f"/share/{share}/files/"))
    assert unquote(folder) == f"/share/{share}/files/{name}"
    listing = await pages.get(folder)
    assert_harmless(listing)
    file = next(link for link in elements(listing).links if link.startswith(f"{folder}/"))
    assert_harmless(await pages.get(file))
    document = json.loads(await pages.get(f"{folder}?format=json"))
    assert document["entries"][0]["name"] == name
    answer = await pages.client.get(document["entries"][0]["download_url"], follow_redirects=True)
    assert answer.content == b"content"


async def test_a_command_for_a_hostile_name_holds_one_argument(pages: Pages) -> None:
    name = "'; rm -rf $HOME; `id` \n'"
    _, share = pages.publish({name: b"x"})
    document = json.loads(await pages.get(f"/share/{share}/files?format=json"))
    html = await pages.get(document["entries"][0]["url"])
    command = next(text for text in elements(html).text if text.startswith("curl -"))
    quoted = command.split("'")
    assert len(quoted) == 3
    assert not set(" ;$`\n") & set(quoted[1])


async def test_hostile_metadata_and_descriptions_are_only_text(pages: Pages) -> None:
    dataset, share = pages.publish({"a": b"1"}, name="Plain (name)")
    evil = '"><script>alert(1)</script>\u202e'
    own: dict[str, object] = dict.fromkeys(("title", "instrument", "facility", "contact", "since"), evil)
    metadata: dict[str, object] = {"fs2od": own | {"state": "acquiring"}, evil: evil, "list": [evil, {evil: 1}]}
    pages.describe(dataset, metadata)
    pages.world.node.zone.shares.change(
        pages.owner.caller, share, name=None, description=f"{evil} [x](javascript:alert(1))"
    )
    assert_harmless(await pages.get(f"/share/{share}"))
    assert_harmless(await pages.get(f"/share/{share}/files/a"))


async def test_the_address_itself_cannot_inject(pages: Pages) -> None:
    for path in ("/share/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E", "/%3Cscript%3E", "/share/a%0Ab/files/%3Cimg%3E"):
        answer = await pages.client.get(path)
        assert answer.status_code == 404
        assert_harmless(answer.text)


async def test_neither_name_nor_title_can_become_part_of_the_command(pages: Pages) -> None:
    dataset, share = pages.publish({}, name="(reboot) --ca x")
    pages.describe(dataset, {"fs2od": {"title": "$(halt); 'x'"}})
    document = json.loads(await pages.get(f"/share/{share}.json"))
    link = pages.world.node.zone.public_url(share)
    assert document["commands"]["fs2od"] == f"fs2od download {link} reboot---ca-x"
