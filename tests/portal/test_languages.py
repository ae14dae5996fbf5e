from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.portal.conftest import KEY, ORIGIN, Pages, open_operator_world
from tests.portal.signing_in import open_hall

from fs2od.errors import ConfigurationError
from fs2od.portal import Texts, _rendering
from fs2od.portal._language import ENGLISH
from fs2od.portal._sentences import sentence
from fs2od.portal.operator import operator_app

NOW = datetime(2026, 11, 5, 14, 2, 11, tzinfo=UTC)
CZECH = Texts.of().languages["cs"]


def own(folder: Path, entries: str, *, language: str = "en") -> Path:
    (folder / language).mkdir(parents=True, exist_ok=True)
    (folder / language / "own.po").write_text(entries)
    return folder


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"),
        ("cs", "cs"),
        ("cs-CZ,cs;q=0.9,en;q=0.8", "cs"),
        ("en-US,en;q=0.9,cs;q=0.8", "en"),
        ("de, cs;q=0.3, en;q=0.2", "cs"),
        ("de;q=1, *;q=0.1", "en"),
        ("cs;q=0, en", "en"),
        ("cs;q=nothing,;;q=,\u0159", "en"),
        ("x" * 100_000, "en"),
    ],
)
def test_the_browser_says_which_language_its_reader_wants(accepted: str, code: str) -> None:
    assert Texts.of().chosen(accepted=accepted).code == code


@pytest.mark.parametrize(
    "template", sorted(path.name for path in (Path(_rendering.__file__).parent / "templates").iterdir())
)
def test_a_template_is_compiled_to_the_same_in_every_language(template: str) -> None:
    """It is compiled once for all: a filter on a constant would be worked out then, in the language that came first."""
    source, path, _ = _rendering._TEMPLATES.get_source(_rendering._environment(ENGLISH), template)
    english, czech = (
        _rendering._environment(language).compile(source, template, path, raw=True) for language in (ENGLISH, CZECH)
    )
    assert english == czech


def test_a_choice_comes_before_what_the_browser_says() -> None:
    texts = Texts.of()
    assert texts.chosen("", "cs", accepted="en").code == "cs"
    assert texts.chosen("en", "cs", accepted="cs").code == "en"
    assert texts.chosen("xx", "../cs", accepted="cs").code == "cs"
    assert Texts.of("cs").chosen(accepted="de").code == "cs"


def test_a_sentence_is_english_and_can_be_said_in_other_languages() -> None:
    said = sentence("on %(day)s", day="5 May")
    assert said == "on 5 May"
    assert ENGLISH.text(said) == "on 5 May"
    assert CZECH.text(said) == "5 May"
    assert CZECH.translated("complete") == "complete"


def test_numbers_take_the_form_of_the_language() -> None:
    assert ENGLISH.count(9120) == "9,120"
    assert CZECH.count(9120) == "9\u00a0120"
    assert ENGLISH.bytes(1_840_000_000_000) == "1.84 TB"
    assert CZECH.bytes(1_840_000_000_000) == "1,84\u00a0TB"
    assert [CZECH.files(number) for number in (0, 1, 2, 5, 9120)] == [
        "0\u00a0soubor\u016f", "1\u00a0soubor", "2\u00a0soubory", "5\u00a0soubor\u016f", "9\u00a0120\u00a0soubor\u016f",
    ]  # fmt: skip
    assert [ENGLISH.files(number) for number in (0, 1, 9120)] == ["0 files", "1 file", "9,120 files"]


def test_days_and_moments_take_the_form_of_the_language() -> None:
    assert ENGLISH.day(date(2027, 3, 12)) == "12 March 2027"
    assert CZECH.day(date(2027, 3, 12)) == "12. b\u0159ezna 2027"
    assert CZECH.moment(NOW) == "5. listopadu 2026 14:02 UTC"
    assert CZECH.ago(NOW - timedelta(seconds=12), NOW) == "p\u0159ed 12\u00a0s"
    assert CZECH.ago(NOW - timedelta(days=2), NOW) == "p\u0159ed 2\u00a0dny"


def test_a_facility_s_texts_come_before_ours_and_also_in_english(tmp_path: Path) -> None:
    own(tmp_path, 'msgid "Sign in"\nmsgstr "Log in"\n')
    own(tmp_path, 'msgid "Sign in"\nmsgstr "P\u0159ihl\u00e1sit"\n', language="cs")
    texts = Texts.of(folder=tmp_path)
    assert texts.languages["en"].text("Sign in") == "Log in"
    assert texts.languages["en"].text("Skip to the content") == "Skip to the content"
    assert texts.languages["cs"].text("Sign in") == "P\u0159ihl\u00e1sit"
    assert texts.languages["cs"].files(2) == CZECH.files(2)


def test_a_facility_may_bring_a_language_of_its_own(tmp_path: Path) -> None:
    texts = Texts.of("de", own(tmp_path, 'msgid "Sign in"\nmsgstr "Anmelden"\n', language="de"))
    assert [each.name for each in texts.in_order] == ["\u010ce\u0161tina", "Deutsch", "English"]
    assert texts.chosen().text("Sign in") == "Anmelden"
    assert texts.chosen().count(9120) == "9.120"


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ('msgid "on %(day)s"\nmsgstr "on %(dya)s"\n', "own.po, line 1"),
        ('msgid "just now"\nmsgstr "100 % now"\n', "own.po, line 1"),
        ('msgid "just now"\nmsgstr now\n\xff"', "own.po"),
    ],
)
def test_a_text_that_could_not_be_filled_in_is_refused_at_the_start(
    tmp_path: Path, entries: str, complaint: str
) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "own.po").write_bytes(entries.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=complaint):
        Texts.of(folder=tmp_path)


def test_a_folder_or_language_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is cs, en"):
        Texts.of("de")
    with pytest.raises(ConfigurationError, match="is not there"):
        Texts.of(folder=tmp_path / "nowhere")
    (tmp_path / "qq").mkdir()
    with pytest.raises(ConfigurationError, match="no language that is known"):
        Texts.of(folder=tmp_path)


async def test_a_guest_chooses_a_language_and_only_then_gets_a_cookie(pages: Pages) -> None:
    assert "set-cookie" not in (await pages.client.get("/")).headers
    answer = await pages.client.post("/language", data={"language": "cs", "next": "/join"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/join")
    assert answer.headers["Set-Cookie"].startswith("__Host-fs2od-language=cs; HttpOnly; Max-Age=31536000; Path=/;")
    chosen = await pages.client.get("/")
    assert '<html lang="cs">' in chosen.text
    assert {"Accept-Language", "Cookie"} <= set(chosen.headers["Vary"].split(", "))


async def test_the_foot_of_a_page_tells_the_truth_about_the_cookie(pages: Pages) -> None:
    assert "No tracking, no cookies." in await pages.get("/")
    await pages.client.post("/language", data={"language": "en", "next": "/"})
    assert "One cookie, for the language that you chose; no tracking." in await pages.get("/")


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({"language": "xx"}, {}),
        ({}, {}),
        ({"language": "cs"}, {"Sec-Fetch-Site": "cross-site"}),
        ({"language": "cs"}, {"Origin": "https://elsewhere.example"}),
    ],
)
async def test_nobody_else_chooses_a_guest_s_language(
    pages: Pages, form: dict[str, str], headers: dict[str, str]
) -> None:
    answer = await pages.client.post("/language", data={"next": "//elsewhere.example", **form}, headers=headers)
    assert "set-cookie" not in answer.headers
    assert answer.headers.get("Location", "/") == "/"


async def test_the_browser_s_language_is_the_page_s(pages: Pages) -> None:
    answer = await pages.client.get("/", headers={"Accept-Language": "cs-CZ, en;q=0.5"})
    assert '<html lang="cs">' in answer.text
    assert "P\u0159esko\u010dit na obsah" in answer.text


async def test_whoever_is_signed_in_chooses_for_the_account_and_gets_their_mails_so_too(tmp_path: Path) -> None:
    with open_hall(tmp_path) as hall:
        alex = await hall.signed_in()
        await alex.open("/join?from=here")
        assert '<html lang="en">' in alex.page
        await alex.press("/account/language", {"language": "cs"})
        assert (alex.status, alex.place) == (303, "/join?from=here")
        assert "fs2od-language" not in str(alex.headers)
        assert '<html lang="cs">' in await alex.follow()
        assert json.loads(await alex.open("/account.json"))["language"] == "cs"
        # The account's choice comes before the browser's.
        answer = await alex.client.get("/join", headers={"Accept-Language": "en"})
        assert '<html lang="cs">' in answer.text
        await hall.signed_in(browser="other")
        (letter,) = (each.subject for each in hall.node.zone.outbox.list_letters(limit=1))
        assert letter.startswith("V\u00e1\u0161 odkaz k p\u0159ihl\u00e1\u0161en\u00ed")


async def test_numbers_and_words_of_a_twin_stand_apart(pages: Pages) -> None:
    _, share = pages.publish({f"{number}.mrc": b"m" * 400 for number in range(5)})
    answer = await pages.client.get(f"/share/{share}.json", headers={"Accept-Language": "cs"})
    document = answer.json()
    assert (document["files"], document["size_bytes"], document["state"]) == (5, 2000, None)
    assert document["words"]["size"] == "2,00\u00a0kB"
    assert document["words"]["everything"] == "St\u00e1hnout v\u0161e (.zip, 2,00\u00a0kB)"
    problem = await pages.client.get("/share/none.json", headers={"Accept-Language": "cs"})
    assert problem.json()["problem"][
        "title"
    ] == "Tento odkaz nevede k \u017e\u00e1dn\u00e9 datov\u00e9 sad\u011b".replace("k ", "k\u00a0")


async def test_a_page_says_what_a_facility_wrote(tmp_path: Path) -> None:
    texts = Texts.of("cs", own(tmp_path / "texts", 'msgid "Operator\'s key"\nmsgstr "The <em>key</em>"\n'))
    world = open_operator_world(tmp_path)
    app = operator_app(world.database, key=KEY, origin=ORIGIN, facility_name="F", texts=texts)
    with closing(world.database):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
            english = await client.get("/sign-in", headers={"Accept-Language": "en"})
            facility_s = await client.get("/sign-in")
    assert "The <em>key</em>" in english.text
    assert "Kl\u00ed\u010d oper\u00e1tora" in facility_s.text
