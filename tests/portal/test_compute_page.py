"""The page "use at a computing centre": where a dataset is, storage asked for, tokens for support and for jobs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.portal.members_scene import Scene, open_members_scene
from tests.portal.signing_in import Person

from fs2od.node.zone.offers import Offer
from fs2od.onedata import tokens
from fs2od.onedata.tokens import DataPath, DataReadonly, InviteToken, Ip, Token
from fs2od.testing.world import Site

TOKEN = re.compile(r'aria-label="Token" data-copy><code>([A-Za-z0-9]+)</code>')


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_members_scene(tmp_path) as opened:
        yield opened


@pytest.fixture
def centre(scene: Scene) -> Site:
    world = scene.world
    site, folder = world.site("centre"), world.folder / "results disk"
    folder.mkdir()
    storage = site.node_provider.storages.add_posix("results", str(folder))
    offer = Offer(True, 10**13, "S3, 90 days", storage)
    scene.zone.offers.set(world.administrator.caller, site.node_provider.record.id, offer)
    return site


@pytest.fixture
def owner(scene: Scene) -> Person:
    return scene.browser(scene.olive)


def path(scene: Scene) -> str:
    return f"/space/{scene.space}/compute"


async def test_the_page_says_where_the_dataset_is_and_what_sites_offer(
    scene: Scene, owner: Person, centre: Site
) -> None:
    scene.world.also_support(scene.dataset.space, centre.node_provider, size_bytes=5 * 10**9)
    page = html.unescape(await owner.open(path(scene)))
    assert owner.status == 200
    assert "It is at home here" in page
    assert "Support: 5.00 GB." in page
    assert "centre: S3, 90 days" in page
    twin = await owner.open(f"{path(scene)}.json")
    assert '"is_home":true' in twin.replace(" ", "")


async def test_storage_is_asked_for_and_taken_back(scene: Scene, owner: Person, centre: Site) -> None:
    site = centre.node_provider.record.id
    await owner.open(path(scene))
    await owner.press(f"{path(scene)}/request", {"site": site, "gigabytes": "2000", "note": "soon"})
    assert owner.status == 303, owner.page
    page = await owner.follow()
    assert "2.00 TB" in page
    (request,) = scene.zone.support_requests.of_site(scene.world.administrator.caller, site)
    assert (request.size_bytes, request.note, request.state) == (2 * 10**12, "soon", "waiting")
    await owner.press(f"{path(scene)}/withdraw")
    assert scene.zone.support_requests.known(request.id).state == "withdrawn"
    await owner.open(path(scene))
    assert "no number" in await owner.press(f"{path(scene)}/request", {"site": site, "gigabytes": "many"})


async def test_a_support_token_is_shown_once(scene: Scene, owner: Person) -> None:
    await owner.open(path(scene))
    page = await owner.press(f"{path(scene)}/support-token")
    (text,) = TOKEN.findall(page)
    kind = tokens.examine(Token(text)).identifier.kind
    assert isinstance(kind, InviteToken)
    assert kind.target_id == scene.space
    assert text not in await owner.open(path(scene))


async def test_the_token_for_a_job_does_what_the_form_says(scene: Scene, owner: Person, centre: Site) -> None:
    await owner.open(path(scene))
    form = {"name": "motion correction", "hours": "12", "networks": "192.0.2.0/24"}
    page = html.unescape(await owner.press(f"{path(scene)}/job", form))
    (text,) = TOKEN.findall(page)
    caveats = tokens.examine(Token(text)).caveats
    assert DataReadonly() in caveats
    assert Ip(("192.0.2.0/24",)) in caveats
    assert DataPath((f"/{scene.space}",)) in caveats
    assert f"fs2od mirror {scene.space}" in page
    assert page.count(text) == 1
    await owner.open(path(scene))
    assert "token of that name already" in await owner.press(f"{path(scene)}/job", form)
    await owner.open(path(scene))
    site = centre.node_provider.record.id
    page = await owner.press(f"{path(scene)}/job", {"name": "with results", "hours": "12", "results": site})
    (space,) = re.findall(r"space of their own, which is yours:.*?/space/([0-9a-h]+)", html.unescape(page), re.DOTALL)
    assert site in scene.zone.spaces.known(space).supports
