from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from html import unescape

import pytest
from tests.portal.conftest import START, OperatorPages, needs_you

from fs2od.facility import Datasets, Supported
from fs2od.facility.journal import Phase, Problem, ProblemKind, Wish
from fs2od.mail import NotDelivered, Outcome


async def test_the_first_page_says_at_a_glance_how_things_stand(operator: OperatorPages) -> None:
    operator.world.add("A", Phase.ACQUIRING)
    operator.world.add("B", Phase.COMPLETE)
    operator.world.add("C", Phase.SEEN, problem=needs_you("SPA.yml line 7: expected a mapping"))
    await operator.sign_in()
    html = await operator.get("/")
    for label, number in (("Acquiring", "1"), ("Need you", "1"), ("Complete", "1"), ("Mail", "ok"), ("Onedata", "ok")):
        assert f"<dt>{label}</dt><dd" in html
        assert f">{number}</dd>" in html
    assert "SPA.yml line 7: expected a mapping" in html
    assert 'action="/retry/C"' in html
    assert html.index("Needs you") < html.index("All datasets")


OWN = Supported("p0", "facility", 10 << 40, is_own=True)
COMING = Supported("p1", "centre", 5 * 10**12, files=4120, copied_files=118, size_bytes=10**12, copied_bytes=10**9)


async def test_it_is_seen_where_datasets_are_supported_and_which_copies_do_not_come(operator: OperatorPages) -> None:
    world = operator.world
    world.supported(world.add("A", Phase.COMPLETE), OWN, COMING)
    stuck = Supported("p2", "cloud", 10**12, files=3, size_bytes=9, problem="the storage's quota is used up")
    world.supported(world.add("B", Phase.COMPLETE), OWN, stuck)
    world.supported(world.add("C", Phase.COMPLETE), OWN, Supported("p1", "centre", 10**12, status="pending"))
    await operator.sign_in()
    html = await operator.get("/")
    assert "118 of 4,120 files" in html
    assert "Copies that do not come" in html
    assert "the storage&#39;s quota is used up" in html
    assert "copies are coming" in html
    page = await operator.get("/dataset/A")
    assert "1.00 GB of 1.00 TB copied and checked." in page
    assert "60 s ago" in page
    (known,) = [row for row in json.loads(await operator.get("/datasets.json"))["datasets"] if row["name"] == "B"]
    home, cloud = known["sites"]
    assert (home["is_home"], home["files"], cloud["files"], cloud["copied_files"]) == (True, None, 3, 0)
    assert cloud["problem"] == "the storage's quota is used up"


async def test_what_is_in_the_way_of_copies_is_said_in_the_readers_language(operator: OperatorPages) -> None:
    said = "the storage is busy or away; it is tried again by itself"
    stuck = Supported("p2", "cloud", 10**12, files=3, size_bytes=9, problem=said)
    operator.world.supported(operator.world.add("B", Phase.COMPLETE), OWN, stuck)
    await operator.sign_in()
    operator.client.headers["Accept-Language"] = "cs"
    for path in ("/", "/dataset/B"):
        page = await operator.get(path)
        assert "úložiště je vytížené nebo nedostupné" in page
        assert said not in page


async def test_where_nothing_is_supported_elsewhere_no_column_speaks_of_it(operator: OperatorPages) -> None:
    operator.world.supported(operator.world.add("A", Phase.COMPLETE), OWN)
    await operator.sign_in()
    assert "Elsewhere" not in await operator.get("/")


async def test_what_is_passed_over_in_the_watched_folders_is_said_with_what_to_do(operator: OperatorPages) -> None:
    await operator.sign_in()
    assert "Passed over" not in await operator.get("/")
    before = json.loads(await operator.get("/datasets.json"))
    row = {"path": "/data/<b>", "said": "put it elsewhere", "since": "2026-11-05T12:00:00Z"}
    operator.world.journal.know("passed over", json.dumps([row]))
    html = await operator.get("/")
    assert "Passed over in the watched folders" in html
    assert "/data/&lt;b&gt;" in html
    assert "put it elsewhere" in html
    twin = json.loads(await operator.get("/datasets.json"))
    assert (before["passed_over"], twin["passed_over"]) == ([], [row])
    assert twin["version"] != before["version"]


async def test_nothing_stuck_means_no_list_of_it(operator: OperatorPages) -> None:
    operator.world.add("A", Phase.COMPLETE)
    await operator.sign_in()
    assert "Needs you" not in await operator.get("/")


async def test_no_datasets_yet_says_when_there_will_be(operator: OperatorPages) -> None:
    await operator.sign_in()
    assert "A folder appears here within seconds" in await operator.get("/")
    assert "No letters yet" in await operator.get("/outbox")


async def test_the_twin_tells_the_same_exactly(operator: OperatorPages) -> None:
    operator.world.add("A", Phase.ACQUIRING)
    await operator.sign_in()
    document = json.loads(await operator.get("/datasets.json"))
    (row,) = document["datasets"]
    assert row["size_bytes"] == 1_840_000_000_000
    assert row["stages"] == {"seen": "done", "registered": "done", "mailed": "done", "complete": "now"}
    assert document["summary"] == {"acquiring": 1, "datasets": 1}
    assert document["as_of"] == "2026-11-05T16:00:00Z"
    before = document["version"]
    operator.world.add("B", Phase.SEEN)
    assert json.loads(await operator.get("/datasets.json"))["version"] != before


async def test_a_history_shows_every_step_and_what_is_next(operator: OperatorPages) -> None:
    record = operator.world.add("20261105_A", Phase.ACQUIRING)
    operator.world.journal.write(record, kind="announced", said="mail written", now=START + timedelta(minutes=1))
    await operator.sign_in()
    html = await operator.get("/dataset/20261105_A")
    assert html.index("detected") < html.index("mail written")
    assert "When the running file is gone" in html
    assert "bad name" in html
    document = json.loads(await operator.get("/dataset/20261105_A?format=json"))
    assert [event["kind"] for event in document["history"]] == ["detected", "announced"]


@pytest.mark.parametrize("phase", list(Phase))
async def test_every_state_has_its_page(operator: OperatorPages, phase: Phase) -> None:
    operator.world.add("A", phase)
    operator.world.add("W", phase, problem=Problem(ProblemKind.WAITING, "Onedata is away", START))
    await operator.sign_in()
    assert "Next" in await operator.get("/dataset/A")
    assert "Onedata is away" in await operator.get("/dataset/W")


async def test_trying_again_is_a_wish_that_the_facility_hears(operator: OperatorPages) -> None:
    record = operator.world.add("A/B ü?", Phase.SEEN, problem=needs_you("wrong"))
    await operator.sign_in()
    answer = await operator.post("/retry/A%2FB%20%C3%BC%3F")
    assert answer.headers["Location"] == "/dataset/A%2FB%20%C3%BC%3F"
    assert operator.world.journal.wishes() == {record.id: Wish.RETRY}
    assert "Try again now" in await operator.get(answer.headers["Location"])


async def test_a_button_on_the_first_page_fits_a_name_with_any_character(operator: OperatorPages) -> None:
    operator.world.add('<script>"\n', Phase.SEEN, problem=needs_you("<img src=x onerror=alert(1)>"))
    await operator.sign_in()
    html = await operator.get("/")
    assert "<script>" not in html.replace('<script type="module"', "")
    assert "<img src=x" not in html
    assert "/retry/%3Cscript%3E%22%0A" in html
    assert "onerror" in await operator.get("/dataset/%3Cscript%3E%22%0A")


async def test_many_datasets_come_in_pages(operator: OperatorPages) -> None:
    for number in range(205):
        operator.world.add(f"D{number:03}", Phase.COMPLETE)
    await operator.sign_in()
    first = await operator.get("/")
    assert "of 205" in first
    assert "D000" not in first
    assert "D000" in await operator.get("/?skipped=200")
    assert "D000" in await operator.get("/?skipped=99999")


class _Refusing:
    """A mail server that knows the archive and nobody else."""

    def send(self, message: bytes, sender: str, recipients: Sequence[str], *, name: str) -> Outcome:  # noqa: ARG002 - the shape of a transport
        known = tuple(each for each in recipients if each.startswith("archive@"))
        unknown = [each for each in recipients if each not in known]
        return Outcome(known, refused=tuple(NotDelivered(each, "550 <no such user>") for each in unknown))

    def stop(self) -> None:
        pass


class _PuttingOff(_Refusing):
    """A mail server that says "later" each time."""

    def send(self, message: bytes, sender: str, recipients: Sequence[str], *, name: str) -> Outcome:  # noqa: ARG002 - the shape of a transport
        return Outcome.all_retry(recipients, "451 later")


@pytest.mark.parametrize("search", ["krios_7", "title OF krios_7", "  Krios_7 "])
async def test_a_dataset_is_found_by_a_part_of_its_name_or_title(operator: OperatorPages, search: str) -> None:
    for number in range(12):
        operator.world.add(f"Krios_{number}", Phase.COMPLETE)
    await operator.sign_in()
    html = (await operator.client.get("/", params={"search": search})).text
    assert html.count('<th scope="row"') == 1
    assert 'href="/dataset/Krios_7"' in html
    assert "<dt>Complete</dt><dd>12</dd>" in html


async def test_a_name_is_found_in_every_form_of_its_letters(operator: OperatorPages) -> None:
    operator.world.add("Ne\u030cmec", Phase.COMPLETE)
    operator.world.add("other", Phase.COMPLETE)
    await operator.sign_in()
    assert (await operator.client.get("/", params={"search": "n\u011bMEC"})).text.count('<th scope="row"') == 1


async def test_what_is_searched_for_stays_on_the_next_page_and_is_only_text(operator: OperatorPages) -> None:
    for number in range(201):
        operator.world.add(f'"><b>&{number}', Phase.COMPLETE)
    operator.world.add("other", Phase.COMPLETE)
    await operator.sign_in()
    html = (await operator.client.get("/", params={"search": '"><b>&'})).text
    assert "200 of 201" in html
    assert "<b>" not in html
    place = re.search(r'href="([^"]*)#all" rel="next"', html)
    assert place is not None
    assert "201 of 201" in await operator.get(unescape(place[1]))


async def test_what_nothing_is_called_is_said_so(operator: OperatorPages) -> None:
    operator.world.add("A", Phase.COMPLETE)
    await operator.sign_in()
    html = await operator.get("/?search=zzz")
    assert "No dataset is called like that." in html
    assert "Show all" in html


async def test_what_ails_hundreds_is_not_said_hundreds_of_times(operator: OperatorPages) -> None:
    for number in range(25):
        operator.world.add(f"D{number:02d}", Phase.SEEN, problem=needs_you("the quota of the storage is used up"))
    await operator.sign_in()
    html = await operator.get("/")
    assert html.count("the quota of the storage is used up") == 20
    assert "… and 5 more." in html
    assert html.count('<th scope="row"') == 25


async def test_a_dataset_whose_people_the_mail_server_refuses_needs_somebody(operator: OperatorPages) -> None:
    operator.world.add("A", Phase.COMPLETE)
    operator.world.letter("A/announced", to="Alex <alex@example.org>, archive@example.org")
    operator.world.journal.outbox.deliver(_Refusing(), operator.world.now)
    await operator.sign_in()
    html = await operator.get("/")
    assert '<dt>Need you</dt><dd class="alarm">1</dd>' in html
    assert "alex@example.org (550 &lt;no such user&gt;): correct the address in the metadata file" in html
    assert "1 refused" in html
    page = await operator.get("/dataset/A")
    assert "Its data goes on as ever" in page
    assert "mail refused" in page
    (row,) = json.loads(await operator.get("/datasets.json"))["datasets"]
    assert (row["state"], row["stages"]["mailed"], row["stages"]["complete"]) == ("needs you", "now", "done")
    assert [each["address"] for each in row["unreached"]] == ["alex@example.org"]
    outbox = await operator.get("/outbox")
    assert "partly refused" in outbox
    assert '<dt>Partly refused</dt><dd class="alarm">1</dd>' in outbox
    assert "Send now" in await operator.get("/outbox/1")


async def test_whom_the_configuration_names_and_the_server_refuses_stands_there_once(operator: OperatorPages) -> None:
    operator.world.journal.know("always told", "alex@example.org")
    for name in ("A", "B"):
        operator.world.add(name, Phase.COMPLETE)
        operator.world.letter(f"{name}/announced", to="Alex <alex@example.org>, archive@example.org")
    operator.world.journal.outbox.deliver(_Refusing(), operator.world.now)
    await operator.sign_in()
    html = await operator.get("/")
    assert "<dt>Need you</dt><dd>0</dd>" in html
    assert html.count("alex@example.org") == 1
    assert "550 &lt;no such user&gt;" in html
    assert "correct it there and start the facility again" in html
    twin = json.loads(await operator.get("/datasets.json"))
    assert [(each["address"], each["datasets"]) for each in twin["refused_always"]] == [("alex@example.org", 2)]


async def test_the_outbox_shows_letters_and_why_they_were_refused(operator: OperatorPages) -> None:
    operator.world.letter("Your data from Titan Krios")
    operator.world.journal.outbox.deliver(_Refusing(), operator.world.now)
    await operator.sign_in()
    html = await operator.get("/outbox")
    assert "Your data from Titan Krios" in html
    assert "550 &lt;no such user&gt;" in html
    assert "1 refused" in await operator.get("/")
    document = json.loads(await operator.get("/outbox.json"))
    assert document["letters"][0]["recipients"] == [
        {"address": "alex@example.org", "state": "refused", "reason": "550 <no such user>"}
    ]


async def test_a_letter_that_is_put_off_for_hours_is_pointed_at(operator: OperatorPages) -> None:
    operator.world.letter("Subject")
    await operator.sign_in()
    for shown in ("1 waiting", '<a href="/outbox" class="alarm">1 late</a>'):
        operator.world.journal.outbox.deliver(_PuttingOff(), operator.world.now)
        assert shown in await operator.get("/")
        operator.world.now += timedelta(hours=4, minutes=1)
    assert '<dt>Waiting for hours</dt><dd class="alarm">1</dd>' in await operator.get("/outbox")
    assert json.loads(await operator.get("/datasets.json"))["late_letters"] == 1


async def test_a_refused_letter_can_be_sent_again(operator: OperatorPages) -> None:
    letter = operator.world.letter("Subject")
    await operator.sign_in()
    assert "Send now" in await operator.get(f"/outbox/{letter}")
    operator.world.now += timedelta(hours=1)
    answer = await operator.post(f"/outbox/{letter}/retry")
    assert answer.headers["Location"] == f"/outbox/{letter}"
    assert operator.world.journal.outbox.next_attempt_at() == operator.world.now


async def test_a_letter_is_shown_where_it_can_do_nothing(operator: OperatorPages) -> None:
    letter = operator.world.letter("Subject", html="<script>alert(1)</script><b>bold</b>", text="Hello <b>Alex</b>")
    await operator.sign_in()
    html = await operator.get(f"/outbox/{letter}")
    assert "Hello &lt;b&gt;Alex&lt;/b&gt;" in html
    assert 'sandbox=""' in html
    assert "alert(1)" not in html
    framed = await operator.client.get(f"/outbox/{letter}/html")
    assert "<b>bold</b>" in framed.text
    policy = framed.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert framed.headers["Cache-Control"] == "no-store"


async def test_a_letter_s_twin_holds_no_content(operator: OperatorPages) -> None:
    letter = operator.world.letter("Subject", text="the-token-itself", html="<p>the-token-itself</p>")
    await operator.sign_in()
    for path in ("/outbox.json", f"/outbox/{letter}?format=json", "/outbox"):
        assert "the-token-itself" not in await operator.get(path)


@pytest.mark.parametrize(
    "path", ["/dataset/none", "/outbox/77", "/outbox/77/html", "/outbox/99999999999999999999", "/no"]
)
async def test_what_is_not_there_is_said_so(operator: OperatorPages, path: str) -> None:
    await operator.sign_in()
    assert "There is no such page" in await operator.get(path, status=404)


@pytest.mark.parametrize("path", ["/retry/none", "/outbox/77/retry"])
async def test_a_button_for_what_is_gone_does_nothing(operator: OperatorPages, path: str) -> None:
    await operator.sign_in()
    assert (await operator.post(path)).status_code == 404


async def test_when_onedata_is_not_well_the_page_says_where_to_look(operator: OperatorPages) -> None:
    await operator.sign_in()
    assert "its log says why" not in await operator.get("/")
    operator.world.journal.know("health", "unhealthy")
    assert "its log says why" in await operator.get("/")
    assert json.loads(await operator.get("/datasets.json"))["onedata_unwell"]


async def test_when_onedata_is_away_the_page_says_what_it_means(operator: OperatorPages) -> None:
    assert Datasets(operator.world.database).onedata_trouble() == ""
    operator.world.journal.know("onedata", "")
    await operator.sign_in()
    assert "away" not in await operator.get("/")
