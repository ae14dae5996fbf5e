"""The pages of a site's administrators: requests answered, storage granted, raised, lowered and ended, storages tried, the offer."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.portal.signing_in import Person
from tests.portal.sites_scene import TB, Centre, open_centre
from tests.storage.conftest import bucket, radosgw

from fs2od.node.panel import emptying
from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.node.zone.offers import Offer
from fs2od.onedata import privileges
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.portal._sizes import size_of, written
from fs2od.storage.s3 import S3Settings
from fs2od.testing.world import write_files

__all__ = ["bucket", "radosgw"]


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    with open_centre(tmp_path) as opened:
        yield opened


@pytest.fixture
def ada(centre: Centre) -> Person:
    return centre.browser(centre.ada)


async def twin(person: Person, path: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(await person.open(f"{path}.json"))


def state(centre: Centre, request: str) -> str:
    return centre.scene.zone.support_requests.known(request).state


async def test_only_administrators_have_sites_in_their_navigation(centre: Centre, ada: Person) -> None:
    page = await ada.open("/datasets")
    assert 'href="/sites"' in page
    assert 'href="/sites"' not in await centre.browser(centre.scene.olive).open("/datasets")
    centre.asked()
    page = await ada.open("/sites")
    assert ("centre" in page, "1 request waits" in page, "up to 50.0 TB" in page) == (True, True, True)
    assert [site["requests_waiting"] for site in (await twin(ada, "/sites"))["sites"]] == [1]
    assert "You administer no site" in await centre.browser(centre.scene.olive).open("/sites")


async def test_a_request_is_approved_with_storage_and_size(centre: Centre, ada: Person) -> None:
    request = centre.asked(note="for a month")
    page = html.unescape(await ada.open(centre.base))
    assert ("Olive Owner" in page, "for a month" in page, 'value="2 TB"' in page) == (True, True, True)
    asked = (await twin(ada, centre.base))["requests"]
    assert [(each["request_id"], each["size_bytes"], each["state"]) for each in asked] == [(request, 2 * TB, "waiting")]
    await ada.open(centre.base)
    form = {"storage": centre.storage, "size": "1,5 TB", "answer": "half of it"}
    await ada.press(f"{centre.base}/requests/{request}/approve", form)
    assert (ada.status, ada.place) == (303, centre.base), ada.page
    assert centre.scene.zone.spaces.known(centre.scene.space).supports[centre.id] == 1_500_000_000_000
    assert state(centre, request) == "approved"
    page = html.unescape(await ada.follow())
    assert "Nobody waits for anything." in page
    assert "half of it" in page


async def test_a_request_is_declined_with_an_answer(centre: Centre, ada: Person) -> None:
    request = centre.asked()
    page = await ada.open(centre.base)
    (key,) = set(re.findall(r'name="form_key" value="([^"]*)"', page))
    decline = f"{centre.base}/requests/{request}/decline"
    assert f'formaction="{decline}"' in page
    await ada.send(decline, {"form_key": key, "answer": "we are full"})
    assert ada.status == 303
    found = centre.scene.zone.support_requests.known(request)
    assert (found.state, found.answer) == ("declined", "we are full")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"size": "much"}, "Write the size with its unit"),
        ({"size": "2000"}, "Write the size with its unit"),
        ({"size": "1 kB"}, "at least 1.00 MB"),
        ({"size": "9999999 PB"}, "No storage is as large as that"),
        ({"storage": "nosuch"}, "Choose one of the storages"),
        ({"storage": ""}, "Choose one of the storages"),
    ],
)
async def test_what_makes_no_sense_is_said_in_one_sentence(
    centre: Centre, ada: Person, form: dict[str, str], said: str
) -> None:
    request = centre.asked()
    await ada.open(centre.base)
    sent = {"storage": centre.storage, "size": "1 TB", **form}
    page = html.unescape(await ada.press(f"{centre.base}/requests/{request}/approve", sent))
    assert (ada.status, state(centre, request)) == (400, "waiting")
    assert said in page
    await ada.open(centre.base)
    page = html.unescape(await ada.press(f"{centre.base}/grant", {**sent, "token": centre.token()}))
    assert (ada.status, said in page) == (400, True)
    assert centre.id not in centre.scene.zone.spaces.known(centre.scene.space).supports


async def test_storage_is_granted_by_a_support_token(centre: Centre, ada: Person) -> None:
    await ada.open(centre.base)
    form = {"token": f"  {centre.token()}\n", "storage": centre.storage, "size": "5T"}
    await ada.press(f"{centre.base}/grant", form)
    assert ada.place == f"{centre.base}/spaces/{centre.scene.space}", ada.page
    assert centre.scene.zone.spaces.known(centre.scene.space).supports[centre.id] == 5 * TB
    assert "0 B of 5.00 TB used." in await ada.follow()
    await ada.open(centre.base)
    page = await ada.press(f"{centre.base}/grant", {**form, "token": centre.token()})
    assert "supports the dataset already" in page


async def test_a_token_that_is_none_is_refused_in_words(centre: Centre, ada: Person) -> None:
    await ada.open(centre.base)
    form = {"storage": centre.storage, "size": "5T"}
    page = html.unescape(await ada.press(f"{centre.base}/grant", {**form, "token": "wrong"}))
    assert (ada.status, "This is no token" in page) == (400, True)
    assert 'value="5T"' in page
    await ada.open(centre.base)
    access = centre.scene.olive.token.reveal()
    page = html.unescape(await ada.press(f"{centre.base}/grant", {**form, "token": access}))
    assert "no invite of this kind" in page
    assert access not in page


async def test_a_support_is_found_raised_and_lowered_but_never_below_what_it_holds(centre: Centre, ada: Person) -> None:
    scene = centre.scene
    for number in range(6):
        centre.supports(scene.world.space(scene.olive, f"results {number}"))
    space = centre.supports()
    page = await ada.open(f"{centre.base}/spaces")
    assert "7 datasets" in page
    found = await twin(ada, f"{centre.base}/spaces")
    assert (found["total"], len(found["spaces"]), found["next_url"]) == (7, 7, None)
    page = await ada.open(f"{centre.base}/spaces?search=RESULTS%205")
    assert ("results 5" in page, "results 4" in page) == (True, False)
    one = f"{centre.base}/spaces/{space}"
    await ada.open(one)
    await ada.press(one, {"size": "7 TB"})
    assert scene.zone.spaces.known(space).supports[centre.id] == 7 * TB
    own = centre.scene.world.node.provider.record.id
    admin = centre.scene.browser(scene.world.administrator)
    write_files(scene.dataset.folder, {"large.bin": b"x" * 2_000_000})
    scene.world.rescan(space)
    at_home = f"/sites/{own}/spaces/{space}"
    await admin.open(at_home)
    page = html.unescape(await admin.press(at_home, {"size": "1 MB"}))
    assert "at least 2.00 MB" in page
    await admin.open(at_home)
    await admin.press(at_home, {"size": "3 MB"})
    assert admin.status == 303


async def test_an_end_says_first_what_is_lost_and_kept(centre: Centre, ada: Person) -> None:
    scene, space = centre.scene, centre.supports()
    page = html.unescape(await ada.open(f"{centre.base}/spaces/{space}/end"))
    assert "The copies here, 0 B, are removed" in page
    assert "whole, where it is at home" in page
    own = f"/sites/{scene.world.node.provider.record.id}"
    admin = scene.browser(scene.world.administrator)
    page = html.unescape(await admin.open(f"{own}/spaces/{space}/end"))
    assert "2 files have no checked copy anywhere else" in page
    assert "nothing there is deleted" in page
    told = await twin(admin, f"{own}/spaces/{space}/end")
    assert (told["files"], told["files_lost"], told["is_only_support"]) == (2, 2, False)
    await ada.open(f"{centre.base}/spaces/{space}/end")
    await ada.press(f"{centre.base}/spaces/{space}/end")
    assert ada.place == f"{centre.base}/spaces"
    assert centre.id not in scene.zone.spaces.known(space).supports
    assert "No other site supports the dataset" in await admin.open(f"{own}/spaces/{space}/end")


async def test_what_is_removed_after_an_end_is_shown_while_it_lasts(
    centre: Centre, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emptying, "_TURN_S", 0.0)
    scene, space = centre.scene, centre.supports()
    (centre.folder / space).mkdir()
    (centre.folder / space / "a.mrc").touch()
    await ada.open(f"{centre.base}/spaces/{space}/end")
    await ada.press(f"{centre.base}/spaces/{space}/end")
    page = html.unescape(await ada.open(f"{centre.base}/spaces"))
    assert ("What is being removed" in page, "0 files removed" in page) == (True, True)
    [shown] = (await twin(ada, f"{centre.base}/spaces"))["being_removed"]
    assert (shown["space_id"], shown["storage_name"], shown["problem"]) == (space, "scratch", None)
    scene.clock.moment += timedelta(seconds=90)
    scene.world.node.sites.emptying.go_on()
    assert "1 file removed" in await ada.open(f"{centre.base}/spaces")
    request = centre.asked()
    await ada.open(centre.base)
    page = html.unescape(
        await ada.press(f"{centre.base}/requests/{request}/approve", {"storage": centre.storage, "size": "2 TB"})
    )
    assert "still being removed" in page
    scene.world.node.sites.emptying.go_on()
    assert "What is being removed" not in await ada.open(f"{centre.base}/spaces")


async def test_a_storage_that_fails_says_why_and_is_tried_again(centre: Centre, ada: Person) -> None:
    base = f"{centre.base}/storages"
    page = html.unescape(await ada.open(base))
    assert (str(centre.folder) in page, "works" in page, "free." in page) == (True, True, True)
    away = centre.folder.rename(centre.folder.with_name("away"))
    try_again = f"{base}/{centre.storage}/try"
    await ada.press(try_again)
    page = html.unescape(await ada.follow())
    assert ("It cannot be read:" in page, "No such file or directory" in page) == (True, True)
    (storage,) = (await twin(ada, base))["storages"]
    assert (storage["works"], storage["problem"]) == (False, "read: No such file or directory")
    centre.folder.mkdir()
    await ada.open(base)
    await ada.press(try_again)
    page = html.unescape(await ada.follow())
    assert ("It cannot be read:" in page, "another folder stands at" in page) == (True, True)
    centre.folder.rmdir()
    away.rename(centre.folder)
    await ada.open(base)
    await ada.press(try_again)
    assert "cannot be used" not in await ada.follow()


async def test_a_bucket_that_members_read_straight_from_says_so(
    centre: Centre, ada: Person, bucket: S3Settings
) -> None:
    base, storages = f"{centre.base}/storages", centre.provider.storages
    keys = Credentials(bucket.access_key, bucket.secret_key)
    objects = storages.add_s3("objects", Bucket(bucket.endpoint, bucket.bucket), keys)
    assert "straight from it" not in html.unescape(await ada.open(base))
    storages.lead_to(objects, allowed=True, endpoint="https://s3.example.org")
    assert "Members may read straight from it, at https://s3.example.org" in html.unescape(await ada.open(base))
    told = {each["storage_id"]: each["direct"] for each in (await twin(ada, base))["storages"]}
    assert told == {centre.storage: None, objects: "https://s3.example.org"}


async def test_the_offer_is_said_by_a_form(centre: Centre, ada: Person) -> None:
    base = f"{centre.base}/offer"
    page = await ada.open(base)
    assert ('value="50 TB"' in page, "kept for 90 days" in page) == (True, True)
    form = {"largest": "20 TB", "hint": "S3", "results": centre.storage, "networks": "192.0.2.7/24, 2001:db8::/32"}
    form |= {"results_total": "200 TB"}
    await ada.press(base, form)
    offered = Offer(False, 20 * TB, "S3", centre.storage, ("192.0.2.0/24", "2001:db8::/32"), 200 * TB)
    assert centre.scene.zone.offers.of(centre.id) == offered
    page = await ada.follow()
    assert "Saved." in page
    assert "Granted for results: 0 B of 200 TB." in html.unescape(page)
    told = await twin(ada, base)
    assert (told["results_total_bytes"], told["results_granted_bytes"]) == (200 * TB, 0)
    for wrong, said in (
        ({"largest": "many"}, "with its unit"),
        ({"results_total": "5"}, "with its unit"),
        ({"networks": "here"}, "A network is written as"),
    ):
        await ada.open(base)
        page = html.unescape(await ada.press(base, {**form, **wrong}))
        assert (ada.status, said in page) == (400, True)
    assert centre.scene.zone.offers.of(centre.id) == offered


async def test_whoever_only_looks_is_shown_no_buttons(centre: Centre) -> None:
    centre.asked()
    space, vic = centre.supports(centre.scene.world.space(centre.scene.olive)), centre.browser(centre.vic)
    for path in ("", "/spaces", f"/spaces/{space}", "/storages", "/offer"):
        page = await vic.open(f"{centre.base}{path}")
        assert vic.status == 200
        shown = re.findall(r"<button[^>]*>([^<]*)", page)
        assert not {"Approve", "Grant", "Change the size", "Try again", "Save"} & set(shown)


async def test_who_is_invited_joins_a_site_on_the_join_page(centre: Centre) -> None:
    scene, olive = centre.scene, centre.browser(centre.scene.olive)
    kind = InviteToken(InviteType.USER_JOIN_CLUSTER, centre.provider.record.cluster)
    made = scene.zone.tokens.issue_named(
        centre.ada.id, "in", kind=kind, usage_limit=1, privileges=sorted(map(str, privileges.CLUSTER_ADMIN))
    )
    await olive.open("/join")
    await olive.press("/join", {"token": made.token.reveal()})
    page = html.unescape(await olive.follow())
    assert ("centre" in page, "administer the site" in page, "Ada Administrator" in page) == (True, True, True)
    await olive.press("/join/accept")
    assert olive.place == centre.base
    assert "Nobody waits for anything." in await olive.follow()
    assert 'href="/sites"' in olive.page


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("5 TB", 5 * TB),
        ("1.5t", 1_500_000_000_000),
        ("1,25\u00a0GB", 1_250_000_000),
        ("2 TiB", 2 << 40),
        ("5", None),
        ("-1 TB", None),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, size_bytes: int | None) -> None:
    assert size_of(text) == size_bytes


@pytest.mark.parametrize("size_bytes", [1_000_000, 1_234_567_890_123, 5 * TB, 2**63 - 1, 999_999])
def test_a_size_that_is_written_is_read_back_to_the_byte(size_bytes: int) -> None:
    assert size_of(written(size_bytes)) == size_bytes
