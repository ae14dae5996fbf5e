"""Support of spaces: by token at any site, by request and approval; sizes, letters, and who may."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.node.test_notices import delivered, somebody

from fs2od.mail import SupportEvent, SupportNews, render_support
from fs2od.node.zone.offers import Offer
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.tokens import InviteToken, InviteType, Time
from fs2od.testing.world import Dataset, Person, Site, World, open_world

GB = 1_000_000_000


@pytest.fixture
def owner(world: World) -> Person:
    return somebody(world, "Olive Example")


@pytest.fixture
def local(world: World) -> Person:
    return somebody(world, "Lee Example")


@pytest.fixture
def dataset(world: World, owner: Person) -> Dataset:
    return world.dataset(owner, {"a.txt": b"0123456789"}, name="grid 7")


@pytest.fixture
def centre(world: World, local: Person) -> Site:
    site = world.site("centre", administrator=local)
    world.node.zone.offers.set(local.caller, site.node_provider.record.id, Offer(True, 5 * GB, "S3, 90 days"))
    return site


def disk(world: World, site: Site) -> str:
    folder = world.folder / f"disk {time.monotonic_ns()}"
    folder.mkdir()
    return site.node_provider.storages.add_posix("disk", str(folder))


async def ask(world: World, who: Person, dataset: Dataset, site: Site, **changes: object) -> httpx.Response:
    body = {"providerId": site.node_provider.record.id, "size": 2 * GB, "note": "for a month", **changes}
    path = f"/fs2od/spaces/{dataset.space}/support_requests"
    return await world.zone.post(path, json=body, headers=who.headers)


async def test_a_token_supports_a_space_at_any_site(
    world: World, owner: Person, local: Person, dataset: Dataset, centre: Site
) -> None:
    kind = InviteToken(InviteType.SUPPORT_SPACE, dataset.space)
    token = world.node.zone.tokens.issue_temporary(owner.id, kind=kind, caveats=[Time(int(time.time()) + 60)])
    body = {"token": token.reveal(), "size": GB, "storageId": disk(world, centre)}
    answer = await centre.panel.post("/provider/spaces", json=body, headers=local.headers)
    assert (answer.status_code, answer.json()) == (201, {"id": dataset.space})
    assert answer.headers["Location"] == f"https://centre.test/api/v3/onepanel/provider/spaces/{dataset.space}"
    path = f"/provider/spaces/{dataset.space}"
    details = (await centre.panel.get(path, headers=local.headers)).json()
    assert details["supportingProviders"][centre.node_provider.record.id] == GB
    assert (await centre.panel.patch(path, json={"size": 3 * GB}, headers=local.headers)).status_code == 204
    too_low = await centre.panel.patch(path, json={"size": 10}, headers=local.headers)
    assert too_low.json()["error"]["id"] == "badValueTooLow"
    assert (await centre.panel.delete(path, headers=local.headers)).status_code == 204
    spaces = await world.zone.get(f"/spaces/{dataset.space}", headers=owner.headers)
    assert set(spaces.json()["providers"]) == {world.node.provider.record.id}


async def test_sites_tell_everybody_what_they_offer(world: World, owner: Person, local: Person, centre: Site) -> None:
    sites = (await world.zone.get("/fs2od/sites", headers=owner.headers)).json()["sites"]
    assert [site["name"] for site in sites] == ["centre", "facility"]
    assert sites[0]["domain"] == "centre.test"
    assert (sites[0]["accepts"], sites[0]["largest"], sites[0]["hint"]) == (True, 5 * GB, "S3, 90 days")
    assert (sites[1]["accepts"], sites[0]["administered"]) == (False, False)
    mine = (await world.zone.get("/fs2od/sites", headers=local.headers)).json()["sites"]
    assert [site["administered"] for site in mine] == [True, False]
    offer = await centre.panel.get("/fs2od/offer", headers=local.headers)
    said = {"accepts": True, "largest": 5 * GB, "hint": "S3, 90 days", "resultsStorageId": None, "networks": []}
    assert offer.json() == said | {"resultsTotal": None}
    networks = {"networks": ["192.0.2.77/24", "2001:db8::/32"]}
    assert (await centre.panel.put("/fs2od/offer", json=said | networks, headers=local.headers)).status_code == 204
    whole = said | networks | {"resultsTotal": 9 * GB}
    assert (await centre.panel.put("/fs2od/offer", json=whole, headers=local.headers)).status_code == 204
    assert (await centre.panel.get("/fs2od/offer", headers=local.headers)).json()["resultsTotal"] == 9 * GB
    sites = (await world.zone.get("/fs2od/sites", headers=owner.headers)).json()["sites"]
    assert sites[0]["networks"] == ["192.0.2.0/24", "2001:db8::/32"]
    wrong = await centre.panel.put("/fs2od/offer", json=said | {"networks": ["the lab"]}, headers=local.headers)
    assert wrong.json()["error"]["id"] == "badValueString"


async def test_a_request_is_made_told_approved_and_answered(
    world: World, owner: Person, local: Person, dataset: Dataset, centre: Site
) -> None:
    made = await ask(world, owner, dataset, centre)
    assert made.status_code == 201, made.text
    request = made.json()["requestId"]
    letters = {to: (subject, text) for to, subject, text in delivered(world)}
    assert list(letters) == ["lee@example.org"]
    subject, text = letters["lee@example.org"]
    assert subject == "Olive Example asks centre for 2.00 GB: grid 7"
    assert "for a month" in text
    command = f"fs2od support approve {request} --storage STORAGE --provider https://centre.test"
    assert command in text.splitlines()
    assert f"https://zone.test/sites/{centre.node_provider.record.id}" in text.splitlines()
    (seen,) = (await centre.panel.get("/fs2od/support_requests", headers=local.headers)).json()["requests"]
    assert (seen["requestId"], seen["spaceName"], seen["userName"]) == (request, "grid 7", "Olive Example")
    assert (seen["state"], seen["size"], seen["supportedSize"]) == ("waiting", 2 * GB, 0)
    body = {"storageId": disk(world, centre), "size": GB, "answer": "half of it for now"}
    path = f"/fs2od/support_requests/{request}"
    assert (await centre.panel.post(f"{path}/approve", json=body, headers=local.headers)).status_code == 204
    ((to, subject, text),) = delivered(world)
    assert (to, subject) == ("olive@example.org", "centre grants 1.00 GB: grid 7")
    assert "half of it for now" in text
    listed = f"/fs2od/spaces/{dataset.space}/support_requests"
    (seen,) = (await world.zone.get(listed, headers=owner.headers)).json()["requests"]
    assert (seen["state"], seen["supportedSize"], seen["answer"]) == ("approved", GB, "half of it for now")
    assert (await centre.provider.get(f"/data/{dataset.root}", headers=owner.headers)).status_code == 200
    again = await centre.panel.post(f"{path}/approve", json=body, headers=local.headers)
    assert again.json()["error"]["id"] == "notSupported"


async def test_more_is_asked_for_and_granted_to_the_same_support(
    world: World, owner: Person, local: Person, dataset: Dataset, centre: Site
) -> None:
    storage = disk(world, centre)
    for size, body in ((GB, {"storageId": storage}), (3 * GB, {})):
        request = (await ask(world, owner, dataset, centre, size=size)).json()["requestId"]
        path = f"/fs2od/support_requests/{request}/approve"
        assert (await centre.panel.post(path, json=body, headers=local.headers)).status_code == 204
        assert centre.node_provider.supports.get(dataset.space).size_bytes == size
    enough = await ask(world, owner, dataset, centre, size=3 * GB)
    assert enough.status_code == 409


async def test_a_request_is_declined_with_a_reason_or_taken_back(
    world: World, owner: Person, local: Person, dataset: Dataset, centre: Site
) -> None:
    request = (await ask(world, owner, dataset, centre)).json()["requestId"]
    assert (await ask(world, owner, dataset, centre)).status_code == 409
    delivered(world)
    path = f"/fs2od/support_requests/{request}"
    assert (
        await centre.panel.post(f"{path}/decline", json={"answer": "full"}, headers=local.headers)
    ).status_code == 204
    ((to, subject, text),) = delivered(world)
    assert (to, subject) == ("olive@example.org", "centre cannot support it: grid 7")
    assert "full" in text.splitlines()
    request = (await ask(world, owner, dataset, centre)).json()["requestId"]
    path = f"/fs2od/support_requests/{request}"
    assert (await world.zone.delete(path, headers=owner.headers)).status_code == 204
    late = await centre.panel.post(f"{path}/approve", json={"storageId": disk(world, centre)}, headers=local.headers)
    assert late.status_code == 400
    assert centre.node_provider.supports.find(dataset.space) is None


async def test_what_a_site_does_not_offer_cannot_be_asked_for(
    world: World, owner: Person, local: Person, dataset: Dataset, centre: Site
) -> None:
    def error(answer: httpx.Response) -> str:
        return str(answer.json()["error"]["id"])

    assert error(await ask(world, owner, dataset, centre, size=6 * GB)) == "badValueTooHigh"
    assert error(await ask(world, owner, dataset, centre, size=10)) == "badValueTooLow"
    assert error(await ask(world, owner, dataset, centre, providerId="0" * 32)) == "badValueIdNotFound"
    closed = await centre.panel.put("/fs2od/offer", json={"accepts": False}, headers=local.headers)
    assert closed.status_code == 204
    assert error(await ask(world, owner, dataset, centre)) == "badValueIdNotFound"
    foreign = {"accepts": True, "resultsStorageId": dataset.storage}
    assert error(await centre.panel.put("/fs2od/offer", json=foreign, headers=local.headers)) == "badValueIdNotFound"


async def test_one_sites_administrator_answers_for_no_other(
    world: World, owner: Person, local: Person, dataset: Dataset, centre: Site
) -> None:
    other_admin = somebody(world, "Otto Example")
    other = world.site("other", administrator=other_admin)
    request = (await ask(world, owner, dataset, centre)).json()["requestId"]
    assert {to for to, _, _ in delivered(world)} == {"lee@example.org"}
    path = f"/fs2od/support_requests/{request}/approve"
    body = {"storageId": disk(world, other)}
    assert (await other.panel.post(path, json=body, headers=other_admin.headers)).status_code == 404
    assert (await centre.panel.post(path, json=body, headers=other_admin.headers)).status_code == 403
    # Nor does an administrator put it on another site's storage.
    refused = await centre.panel.post(path, json=body, headers=local.headers)
    assert refused.json()["error"]["id"] == "badValueIdNotFound"
    assert (await centre.panel.get("/fs2od/support_requests", headers=local.headers)).json()["requests"][0][
        "state"
    ] == "waiting"


def test_requests_go_with_their_space(world: World, owner: Person, dataset: Dataset, centre: Site) -> None:
    requests = world.node.zone.support_requests
    request = requests.ask(owner.caller, dataset.space, centre.node_provider.record.id, GB)
    world.node.zone.spaces.remove(owner.caller, dataset.space)
    with pytest.raises(ServiceError):
        requests.known(request)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path / "plain", plain=True) as opened:
        yield opened


async def test_none_of_it_is_there_in_plain_mode_but_sites_are(plain: World) -> None:
    site, headers = plain.site("centre"), plain.administrator.headers
    assert (await plain.zone.get("/fs2od/sites", headers=headers)).status_code == 404
    assert (await site.panel.get("/fs2od/offer", headers=headers)).status_code == 404
    assert (await site.panel.get("/provider/storages", headers=headers)).status_code == 200


async def test_a_site_is_added_by_who_may_and_told_where(world: World) -> None:
    headers = world.administrator.headers
    added = await world.zone.post("/fs2od/sites", json={"name": "new"}, headers=headers)
    assert added.status_code == 201
    assert (added.json()["domain"], added.json()["online"], added.json()["administered"]) == ("new.test", True, True)
    again = await world.zone.post("/fs2od/sites", json={"name": "new"}, headers=headers)
    assert again.json()["error"]["id"] == "badValueIdentifierOccupied"
    assert (await world.zone.post("/fs2od/sites", json={"name": "?"}, headers=headers)).status_code == 400


EVENTS: tuple[SupportEvent, ...] = ("support-asked", "support-approved", "support-declined")


@pytest.mark.parametrize("language", ["en", "cs", "de"])
@pytest.mark.parametrize("event", EVENTS)
def test_letters_are_whole_in_each_language_and_harmless(event: SupportEvent, language: str, tmp_path: Path) -> None:
    news = SupportNews("Facility\r\nBcc: eve@example.org", "<b>x</b>", "centre", "Olive", 2 * GB, "a\n\nb", "fs2od x")
    words = render_support(news, event=event, language=language, templates_folder=tmp_path)
    assert "\n" not in words.subject
    assert "<b>" not in words.html
    assert "<b>" in words.text
    assert "a b" in words.text
    assert ("Dobrý den" in words.text) == (language == "cs")
