"""The page "use at a computing centre": where a dataset is, storage asked for, tokens for support and for jobs."""

from __future__ import annotations

import asyncio
import html
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.portal.members_scene import Scene, open_members_scene
from tests.portal.signing_in import Person

from fs2od.node.zone.offers import Offer
from fs2od.onedata import roles, tokens
from fs2od.onedata.ids import SpaceId
from fs2od.onedata.privileges import SPACE_MEMBER
from fs2od.onedata.tokens import DataPath, DataReadonly, InviteToken, Ip, Token
from fs2od.testing.world import Site, wait_until, write_files

INTO = r"go into a space of their own:.*?/space/([0-9a-h]+)"
TOKEN = re.compile(r'aria-label="Token" data-copy><code>([A-Za-z0-9]+)</code>')


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_members_scene(tmp_path) as opened:
        # Files have the machine's times, and are copied once they have settled.
        opened.clock.moment = datetime.now(UTC) + timedelta(seconds=60)
        yield opened


@pytest.fixture
def centre(scene: Scene) -> Site:
    world = scene.world
    site, folder = world.site("centre"), world.folder / "results disk"
    folder.mkdir()
    storage = site.node_provider.storages.add_posix("results", str(folder))
    offer = Offer(True, 10**13, "S3, 90 days", storage, ("192.0.2.0/24",))
    scene.zone.offers.set(world.administrator.caller, site.node_provider.record.id, offer)
    return site


@pytest.fixture
def owner(scene: Scene) -> Person:
    return scene.browser(scene.olive)


async def approve(scene: Scene, centre: Site, request: str) -> None:
    folder = scene.world.folder / "centre disk"
    folder.mkdir()
    storage = centre.node_provider.storages.add_posix("disk", str(folder))
    body = {"storageId": storage, "answer": "welcome"}
    answer = await centre.panel.post(
        f"/fs2od/support_requests/{request}/approve", json=body, headers=scene.world.administrator.headers
    )
    assert answer.status_code == 204, answer.text


def copy(scene: Scene) -> None:
    replicator = scene.world.node.sites.replicator
    replicator.start_due()
    replicator.wait(scene.space, 60)


async def comes(person: Person, place: str, words: str) -> str:
    """Return the page once it says something: large datasets are counted in the background, so small ones are, too."""
    for _ in range(200):
        page = html.unescape(await person.open(place))
        if words in page:
            return page
        await asyncio.sleep(0.02)
    pytest.fail(f"never said: {words}")


def path(scene: Scene) -> str:
    return f"/space/{scene.space}/compute"


@pytest.mark.usefixtures("centre")
async def test_the_page_says_where_the_dataset_is_and_what_sites_offer(scene: Scene, owner: Person) -> None:
    page = html.unescape(await owner.open(path(scene)))
    assert owner.status == 200
    assert "It is at home here: 2 files, 6 B." in page
    assert "centre: S3, 90 days" in page
    assert "No longer needed here" not in page
    assert "Gigabytes in all" not in html.unescape(await scene.browser(scene.mary).open(path(scene)))


async def test_use_here_asks_for_storage_and_the_approval_starts_the_copies(
    scene: Scene, owner: Person, centre: Site
) -> None:
    site, node = centre.node_provider.record.id, scene.world.node
    await owner.open(path(scene))
    await owner.press(f"{path(scene)}/use", {"site": site, "gigabytes": "2000", "note": "soon"})
    assert owner.status == 303, owner.page
    page = await owner.follow()
    assert "2.00 TB" in page
    assert "Copies begin by themselves" in page
    (request,) = scene.zone.support_requests.of_site(scene.world.administrator.caller, site)
    assert (request.size_bytes, request.note, request.state) == (2 * 10**12, "soon", "waiting")
    await approve(scene, centre, request.id)
    node.sites.front.wishes.begin_due()
    page = await comes(owner, path(scene), "0 of 2 files, 0 B of 6 B")
    assert re.search(
        r'<progress max="1000" value="0" data-value="share-[0-9a-h]+" aria-label="Copied to centre">', page
    )
    copy(scene)
    page = await comes(owner, path(scene), "All of it: 2 files, 6 B, each copy checked.")
    assert "<progress" not in page
    twin = json.loads(await owner.open(f"{path(scene)}.json"))
    there = next(each for each in twin["sites"] if each["provider_id"] == site)
    assert (there["stage"], there["wanted"], there["copied_files"], there["copied_bytes"]) == ("ready", True, 2, 6)
    assert twin["words"][f"copies-{site}"] == "All of it: 2 files, 6 B, each copy checked."
    await owner.open(path(scene))
    await owner.press(f"{path(scene)}/drop")
    page = html.unescape(await owner.follow())
    assert "2 of 2 files, 6 B of 6 B" in page
    assert "Use here" in page
    assert node.provider.qos.of_space(scene.olive.caller, scene.space) == []


async def test_what_is_in_the_way_is_said_in_the_reader_s_language(scene: Scene, owner: Person, centre: Site) -> None:
    node, provider = scene.world.node, centre.node_provider
    scene.world.also_support(scene.space, provider)
    await owner.open(path(scene))
    await owner.press(f"{path(scene)}/use")
    (place,) = scene.world.folder.glob(f"storage/{provider.record.id}*")
    place.rename(place.with_name("away"))
    node.sites.replicator.look_now(scene.space)
    copy(scene)
    await comes(owner, path(scene), "folder or bucket is not there: tell the site")
    owner.client.headers["Accept-Language"] = "cs"
    page = html.unescape(await owner.open(path(scene)))
    assert "složka nebo bucket úložiště chybí" in page
    assert "0 ze 2\N{NO-BREAK SPACE}souborů" in page


async def test_what_is_required_by_command_is_said_to_be_copied_and_what_is_in_the_way(
    scene: Scene, owner: Person, centre: Site
) -> None:
    node, provider = scene.world.node, centre.node_provider
    storage = scene.world.also_support(scene.space, provider)
    (place,) = scene.world.folder.glob(f"storage/{provider.record.id}*")
    place.rename(place.with_name("away"))
    root = node.provider.access.locate(scene.olive.caller, scene.dataset.root)
    node.provider.qos.add(root, f"storageId={storage}", 1)
    node.sites.replicator.look_now(scene.space)
    copy(scene)
    page = await comes(owner, path(scene), "folder or bucket is not there: tell the site")
    assert f'id="use-{provider.record.id}"' in page, "anybody may want it there as well"
    assert f'id="drop-{provider.record.id}"' not in page


async def test_copies_that_wait_for_their_turn_are_said_to(scene: Scene, owner: Person, centre: Site) -> None:
    world, site = scene.world, centre.node_provider.record.id
    other = world.dataset(scene.olive, {"a.mrc": b"other"}, name="other")
    storage = world.also_support(scene.space, centre.node_provider)
    with scene.zone.database.writing() as db:
        centre.node_provider.supports.grant(db, other.space, storage, size_bytes=10**9)
    replicator, wishes, gate = world.node.sites.replicator, world.node.sites.front.wishes, threading.Event()

    def hold(space: SpaceId) -> None:
        if space == other.space:
            gate.wait(30)  # its turn at the disk does not end

    replicator.listen(hold)
    try:
        wishes.make(scene.olive.caller, other.space, site)
        replicator.start_due()
        wait_until(lambda: bool(list(world.folder.rglob(f"*/{other.space}/a.mrc"))[1:]), 20)
        wishes.make(scene.olive.caller, scene.space, site)
        replicator.start_due()
        wait_until(lambda: replicator.waits(scene.space, storage), 20)
        page = await comes(owner, path(scene), "waiting for a turn among other copies")
        assert "0 of 2 files, 0 B of 6 B, waiting for a turn among other copies" in page
        owner.client.headers["Accept-Language"] = "cs"
        assert "přijde řada" in html.unescape(await owner.open(path(scene)))
    finally:
        gate.set()
    copy(scene)
    del owner.client.headers["Accept-Language"]
    await comes(owner, path(scene), "All of it: 2 files, 6 B, each copy checked.")


async def test_a_request_is_taken_back_with_the_wish(scene: Scene, owner: Person, centre: Site) -> None:
    site = centre.node_provider.record.id
    await owner.open(path(scene))
    for wrong, said in (("many", "no number"), ("20000", "lends 10.0 TB at most")):
        assert said in await owner.press(f"{path(scene)}/use", {"site": site, "gigabytes": wrong})
        assert owner.status == 400
    await owner.press(f"{path(scene)}/use", {"site": site, "gigabytes": "2"})
    (request,) = scene.zone.support_requests.of_site(scene.world.administrator.caller, site)
    await owner.open(path(scene))
    await owner.press(f"{path(scene)}/withdraw")
    assert scene.zone.support_requests.known(request.id).state == "withdrawn"
    assert scene.world.node.sites.front.wishes.of_space(scene.space) == []


async def test_several_want_it_at_one_site_and_each_ends_their_own_wish(
    scene: Scene, owner: Person, centre: Site
) -> None:
    olga = scene.world.person("Olga Owner")
    scene.world.join_group(scene.owners, olga, roles.OWNER_IN_GROUP)
    other, site = scene.browser(olga), centre.node_provider.record.id
    scene.world.also_support(scene.space, centre.node_provider)
    await owner.open(path(scene))
    await owner.press(f"{path(scene)}/use", {"site": site})
    page = await other.open(path(scene))
    assert f'id="use-{site}"' in page
    assert "Others want it here" in page
    assert f'id="drop-{site}"' not in page
    await other.press(f"{path(scene)}/use", {"site": site})
    assert f'id="use-{site}"' not in await other.open(path(scene))
    await other.press(f"{path(scene)}/drop")
    qos = scene.world.node.provider.qos
    assert len(qos.of_space(scene.olive.caller, scene.space)) == 1
    page = await owner.open(path(scene))
    assert "Others want it here" not in page
    await owner.press(f"{path(scene)}/drop")
    assert qos.of_space(scene.olive.caller, scene.space) == []


async def test_a_site_that_lends_too_little_is_asked_for_more(scene: Scene, owner: Person, centre: Site) -> None:
    site = centre.node_provider.record.id
    write_files(scene.dataset.folder, {"large.mrc": b"m" * 2_000_000})
    scene.world.rescan(scene.space)
    scene.world.also_support(scene.space, centre.node_provider, size_bytes=1_000_000)
    assert "the site is asked for 1.00 GB" in await owner.open(path(scene))
    await owner.press(f"{path(scene)}/use")
    (request,) = scene.zone.support_requests.of_site(scene.world.administrator.caller, site)
    assert (request.size_bytes, request.supported_bytes) == (10**9, 1_000_000)
    (wish,) = scene.world.node.sites.front.wishes.of_space(scene.space)
    assert wish.requirement is not None


async def test_a_support_token_is_shown_once(scene: Scene, owner: Person) -> None:
    await owner.open(path(scene))
    page = await owner.press(f"{path(scene)}/support-token")
    (text,) = TOKEN.findall(page)
    kind = tokens.examine(Token(text)).identifier.kind
    assert isinstance(kind, InviteToken)
    assert kind.target_id == scene.space
    page = await owner.open(path(scene))
    assert text not in page
    assert "Where your support token is used" in page
    (wish,) = scene.world.node.sites.front.wishes.of_space(scene.space)
    assert wish.provider is None


async def test_the_token_for_a_job_does_what_the_form_says(scene: Scene, owner: Person, centre: Site) -> None:
    scene.world.also_support(scene.dataset.space, centre.node_provider)
    page = html.unescape(await owner.open(f"{path(scene)}?site={centre.node_provider.record.id}"))
    assert f'name="runs" value="{centre.node_provider.record.id}"' in page
    assert 'name="networks" type="text" autocomplete="off" spellcheck="false" value="192.0.2.0/24"' in page
    assert 'name="hours" type="text" inputmode="numeric" value="72"' in page
    form = {
        "name": "motion correction",
        "hours": "12",
        "networks": "192.0.2.0/24",
        "runs": centre.node_provider.record.id,
    }
    page = html.unescape(await owner.press(f"{path(scene)}/job", form))
    (text,) = TOKEN.findall(page)
    caveats = tokens.examine(Token(text)).caveats
    assert DataReadonly() in caveats
    assert Ip(("192.0.2.0/24",)) in caveats
    assert DataPath((f"/{scene.space}",)) in caveats
    assert (
        f"ONECLIENT_PROVIDER_HOST=centre.test fs2od mirror {scene.space} 20261105_Krios --zone https://zone.test"
        in page
    )
    assert f"fs2od mount {scene.space}" in page
    assert page.count(text) == 1
    await owner.open(path(scene))
    assert "token of that name already" in await owner.press(f"{path(scene)}/job", form)
    await owner.open(path(scene))
    site = centre.node_provider.record.id
    page = await owner.press(f"{path(scene)}/job", {"name": "with results", "hours": "12", "results": site})
    (space,) = re.findall(INTO, html.unescape(page), re.DOTALL)
    assert site in scene.zone.spaces.known(space).supports


async def test_a_job_that_is_renewed_writes_into_the_results_that_are_there(
    scene: Scene, owner: Person, centre: Site
) -> None:
    await owner.open(path(scene))
    form = {"name": "first", "hours": "12", "results": centre.node_provider.record.id}
    (space,) = re.findall(INTO, html.unescape(await owner.press(f"{path(scene)}/job", form)), re.DOTALL)
    chosen = f'<option value="space/{space}" selected>Also results, into '
    assert f'<option value="space/{space}">Also results, into ' in await owner.open(path(scene))
    assert chosen in await owner.open(f"{path(scene)}?results={space}")
    page = html.unescape(
        await owner.press(f"{path(scene)}/job", {**form, "name": "again", "results": f"space/{space}"})
    )
    assert re.findall(INTO, page, re.DOTALL) == [space], page
    (text,) = TOKEN.findall(page)
    assert DataPath((f"/{scene.space}", f"/{space}")) in tokens.examine(Token(text)).caveats
    assert f"fs2od put results {space}" in page
    # Whoever belongs to both, and only reads the results, is not offered them, and cannot take them.
    reader = scene.world.person("Reader")
    scene.world.join_space(scene.space, reader)
    scene.world.join_space(SpaceId(space), reader, frozenset(SPACE_MEMBER) - {"space_write_data"})
    other = scene.browser(reader)
    assert f"space/{space}" not in await other.open(path(scene))
    await other.press(f"{path(scene)}/job", {**form, "name": "other", "results": f"space/{space}"})
    assert other.status == 403


async def test_a_new_space_for_results_has_the_name_and_the_size_that_the_form_says(
    scene: Scene, owner: Person, centre: Site
) -> None:
    site, proposed = centre.node_provider.record.id, f"{scene.zone.spaces.known(scene.space).name} results"
    page = html.unescape(await owner.open(path(scene)))
    assert field(page, "results_name", "results_size") == [proposed, "1 TB"]
    assert "At centre: 10.0 TB at most." in page
    for told, made in (
        ({}, (proposed, 10**12)),
        ({"results_name": "Ribosome refined", "results_size": "1,5 TB"}, ("Ribosome refined", 15 * 10**11)),
        ({"results_name": " ", "results_size": ""}, (proposed, 10**12)),
    ):
        await owner.open(path(scene))
        form = {"name": f"job {len(told)} {made[1]}", "hours": "12", "results": site}
        page = html.unescape(await owner.press(f"{path(scene)}/job", {**form, **told}))
        (space,) = re.findall(INTO, page, re.DOTALL)
        found = scene.zone.spaces.known(SpaceId(space))
        assert (found.name, found.supports) == (made[0], {site: made[1]})
    storage, granted = scene.zone.offers.of(site).results_storage, 35 * 10**11
    narrow = Offer(True, 5 * 10**11, "", storage, results_total_bytes=10**13)
    scene.zone.offers.set(scene.world.administrator.caller, site, narrow)
    page = html.unescape(await owner.open(path(scene)))
    assert field(page, "results_size") == ["500 GB"]
    assert "At centre: 500 GB at most." in page
    scene.zone.offers.set(scene.world.administrator.caller, site, Offer(True, results_storage=storage))
    assert scene.zone.results.room(site).granted_bytes == granted
    full = Offer(True, results_storage=storage, results_total_bytes=granted)
    scene.zone.offers.set(scene.world.administrator.caller, site, full)
    page = html.unescape(await owner.open(path(scene)))
    assert field(page, "results_size") == [""]
    assert "At centre there is no room for new results." in page
    page = html.unescape(await owner.press(f"{path(scene)}/job", {"name": "more", "hours": "12", "results": site}))
    assert (owner.status, "All that the site has for results is granted" in page) == (400, True)


@pytest.mark.parametrize(
    ("told", "english", "czech"),
    [
        ({"results_size": "much"}, "Write the size with its unit, such as 500 GB or 5 TB.", "Napište velikost"),
        ({"results_size": "20 TB"}, "The site lends 10.0 TB at most.", "poskytne nejvýše 10,0\N{NO-BREAK SPACE}TB."),
        ({"results_size": "1 kB"}, "That is too small: it must be at least 1.00 MB.", "To je málo: musí to být"),
        ({"results_name": "*"}, "The name of the new space has 2 to 128", "Název nového prostoru má 2 až 128"),
    ],
    ids=["no size", "too large", "too small", "no name"],
)
async def test_a_mistake_about_a_new_space_is_said_in_one_line_and_what_was_typed_stays(
    scene: Scene, owner: Person, centre: Site, told: dict[str, str], english: str, czech: str
) -> None:
    given = {"results_name": "refined", "results_size": "2 TB"} | told
    form = {"name": "first job", "hours": "12", "results": centre.node_provider.record.id, **given}
    for said, language in ((english, "en"), (czech, "cs")):
        owner.client.headers["Accept-Language"] = language
        await owner.open(path(scene))
        page = html.unescape(await owner.press(f"{path(scene)}/job", form))
        assert owner.status == 400
        (alarm,) = re.findall(r'<p class="notice error" role="alert">(.*?)</p>', page)
        assert said in alarm
        assert field(page, "name", "results_name", "results_size") == ["first job", *given.values()]
        assert '<details class="form" open>' in page
    assert "first job" not in [each.name for each in scene.zone.tokens.all_of(scene.olive.id)]
    # Where nothing is made, nothing of it is asked.
    await owner.open(path(scene))
    await owner.press(f"{path(scene)}/job", {**form, "results": ""})
    assert owner.status == 200


def field(page: str, *names: str) -> list[str]:
    """Return what stands in fields of a page's forms."""
    return [re.findall(f'<input id="{name}" name="{name}" [^>]*?value="([^"]*)"', page)[0] for name in names]


async def test_what_was_asked_by_command_is_used_by_one_press_as_well(
    scene: Scene, owner: Person, centre: Site
) -> None:
    site = centre.node_provider.record.id
    scene.zone.support_requests.ask(scene.olive.caller, scene.space, site, 10**9)
    page = await owner.open(path(scene))
    assert "Copies begin by themselves once they approve" not in page
    await owner.press(f"{path(scene)}/use")
    assert owner.status == 303, owner.page
    assert "Copies begin by themselves once they approve" in await owner.follow()
    assert len(scene.zone.support_requests.of_site(scene.world.administrator.caller, site)) == 1
