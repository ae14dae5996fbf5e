import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fs2od.mail
from fs2od.errors import ConfigurationError
from fs2od.mail import CA_FILE, TOKEN_FILE, DatasetEvent, DatasetNews, Letter, LetterError, Mailbox, render
from fs2od.mail._letters import compose

EVENTS: tuple[DatasetEvent, ...] = get_args(DatasetEvent)


class Words(HTMLParser):
    """The text and the tags of a page, and the addresses that it would fetch or lead to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "background")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


@pytest.mark.parametrize("event", EVENTS)
def test_links_command_and_token_stand_alone_on_their_lines(news: DatasetNews, event: DatasetEvent) -> None:
    lines = render(news, event=event).text.split("\n")
    for word in (news.link, news.download_command, news.members_token, news.personal_join_link):
        assert lines.count(word) == 1
    others = [line for line in lines if line not in (news.members_token, news.personal_join_link)]
    assert max(map(len, others)) <= 72


@pytest.mark.parametrize("event", EVENTS)
def test_the_html_says_the_same(news: DatasetNews, event: DatasetEvent) -> None:
    news = replace(news, undeliverable=3, undeliverable_names=("a", "b"))
    rendered = render(news, event=event)
    text, page = " ".join(rendered.text.split()), Words(rendered.html)
    said = [
        "Titan Krios", "70S ribosome, grid 2", "9,119 files · 1.84 TB", "Dear Alex Example", news.link, news.download_command,
        news.members_token, "It works for 20 people, until 12 March 2027, 14:00 UTC.",
        "9,119 of 9,122 files can be delivered; 3 cannot: a, b and 1 more.",
        "The data stays here until 12 March 2027.", "Questions: Example Facility, data@facility.example.org",
    ]  # fmt: skip
    for words in said:
        assert words in text
        assert words in page.words
    assert page.links.count(news.personal_join_link) == 1


@pytest.mark.parametrize("language", ["en", "cs"])
@pytest.mark.parametrize("event", EVENTS)
def test_the_lines_for_a_shell_and_what_they_need_stand_alone_on_their_lines(
    news: DatasetNews, event: DatasetEvent, language: str
) -> None:
    said = {
        "script_command": "curl -fsS --cacert fs2od-ca.pem https://data.example.org/get.py | python3 - LINK grid",
        "ca_check": f"echo '{'0a' * 32}  {CA_FILE}' | sha256sum -c",
        "ca_address": "https://data.example.org/ca.pem",
        "token_page": "https://data.example.org/tokens/new?dataset=8f",
    }
    news = replace(news, **said, members_only_until=datetime(2027, 1, 31, 9, 30, tzinfo=UTC))  # type: ignore[arg-type]  # all of these are texts
    rendered = render(news, event=event, language=language)
    lines = rendered.text.split("\n")
    page = Words(rendered.html)
    for line in (news.download_command, *said.values()):
        assert lines.count(line) == 1
        assert " ".join(line.split()) in page.words
    for words in (" ".join(lines), page.words):
        for named in (CA_FILE, TOKEN_FILE, "2027", "9:30", "Python 3.8", "shasum -a 256 -c"):
            assert named in words
    # First what a command needs, and then the command.
    order = [lines.index(line) for line in (said["ca_check"], said["token_page"], said["script_command"])]
    assert order == sorted(order)


@pytest.mark.parametrize("language", ["en", "cs"])
def test_without_a_page_of_ours_the_mail_brings_tokens_and_says_where_they_are_used(
    news: DatasetNews, language: str
) -> None:
    page, token = "https://onedata.example.org", "MDAz" * 100
    news = replace(news, personal_join_link="", personal_join_token=token, onedata_page=page)
    rendered = render(news, event="announced", language=language)
    lines = rendered.text.split("\n")
    for word in (token, page):
        assert lines.count(word) == 1
    assert Words(rendered.html).links.count(page) == 1
    for text in (" ".join(lines), Words(rendered.html).words):
        assert token in text
        assert "Consume token" in text
    assert token not in repr(news)


@pytest.mark.parametrize("event", EVENTS)
def test_the_html_is_small_and_loads_nothing(news: DatasetNews, event: DatasetEvent) -> None:
    html = render(news, event=event).html
    page = Words(html)
    assert len(html.encode()) < 15_000
    assert not page.tags & {"img", "script", "link", "iframe", "form", "object", "video", "svg"}
    assert "url(" not in html
    assert set(page.links) == {news.link, news.personal_join_link, "mailto:data@facility.example.org"}
    assert "prefers-color-scheme: dark" in html


def test_subjects_and_first_words_tell_the_events_apart(news: DatasetNews) -> None:
    first, last = (render(news, event=event) for event in EVENTS)
    assert first.subject == "Your data from Titan Krios: 70S ribosome, grid 2"
    assert last.subject == "Your data from Titan Krios is complete: 70S ribosome, grid 2"
    assert "you will hear when it is complete" in " ".join(first.text.split())
    assert "you will hear" not in " ".join(last.text.split())
    at_once = render(replace(news, state="complete"), event="announced")
    assert "you will hear" not in " ".join(at_once.text.split())


def test_what_is_not_known_is_left_out(news: DatasetNews) -> None:
    bare = replace(news, experimenter_name="", members_token="", personal_join_link="", available_until=None)
    rendered = render(bare, event="announced")
    assert rendered.text.startswith("Hello,\n")
    for words in (rendered.text, Words(rendered.html).words):
        assert not re.search(r"token|owner|until|None|Dear", words)
    unlimited = replace(news, members_token_uses=None, members_token_until=None)
    assert "It works" not in render(unlimited, event="announced").text
    one = replace(news, members_token_uses=1, members_token_until=None)
    assert "It works for one person." in " ".join(render(one, event="announced").text.split())


def test_values_from_metadata_files_stay_text_in_the_html_and_one_line_in_the_text(news: DatasetNews) -> None:
    nasty = 'x"><script>alert(1)</script>\nhttps://evil.example.com/\n{{ 7 * 7 }}'
    hostile = replace(
        news, title=nasty, instrument=nasty, experimenter_name=nasty, facility_name=nasty, contact=nasty,
        undeliverable=1, undeliverable_names=(nasty,),
    )  # fmt: skip
    for event in EVENTS:
        rendered = render(hostile, event=event)
        page = Words(rendered.html)
        assert "script" not in page.tags
        assert set(page.links) == {news.link, news.personal_join_link}
        assert "{{ 7 * 7 }}" in page.words
        assert "\n" not in rendered.subject


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(max_size=400), names=st.lists(st.text(max_size=300), max_size=8))
def test_whatever_the_metadata_say_a_letter_comes_out(news: DatasetNews, words: str, names: list[str]) -> None:
    strange = replace(
        news, title=words, instrument=words, experimenter_name=words, undeliverable=9,
        undeliverable_names=tuple(names),
    )  # fmt: skip
    rendered = render(strange, event="announced")
    mailbox = Mailbox("alex@example.org", words)
    letter = Letter(sender=mailbox, to=(mailbox,), subject=rendered.subject, text=rendered.text, html=rendered.html)
    raw = compose(letter, message_id="<a@example.org>", now=datetime(2026, 11, 5, tzinfo=UTC))
    assert raw.split(b"\r\n").count(news.link.encode()) == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"link": "javascript:alert(1)"}, "the link in a mail must begin with https://"),
        ({"link": "https://example.org/a b"}, "the link in a mail"),
        ({"link": ""}, "the link in a mail"),
        ({"personal_join_link": "secret"}, "the personal join link in a mail"),
        ({"members_token": "secret secret"}, "the token in a mail"),
        ({"personal_join_token": "secret secret"}, "the token in a mail"),
        ({"onedata_page": "secret"}, "the address of Onedata's web interface in a mail"),
        ({"download_command": "fs2od download x\nrm -r y"}, "must be one line"),
        ({"script_command": "curl x |\npython3"}, "must be one line"),
        ({"ca_address": "file:///ca.pem"}, "the address of the CA file in a mail"),
        ({"token_page": "secret"}, "the address of the page for tokens in a mail"),
    ],
)
def test_a_link_token_or_command_that_cannot_stand_in_a_mail_is_named_but_not_shown(
    news: DatasetNews, changes: dict[str, str], reason: str
) -> None:
    with pytest.raises(LetterError, match=reason) as caught:
        render(replace(news, **changes), event="announced")  # type: ignore[arg-type]  # only texts are changed
    assert "secret" not in str(caught.value)


def test_secrets_are_in_no_repr(news: DatasetNews) -> None:
    shown = repr(news) + repr(render(news, event="announced"))
    assert news.members_token not in shown
    assert news.personal_join_link not in shown


def test_a_facility_replaces_one_template_and_keeps_the_others(news: DatasetNews, tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    lead = '{% extends "dataset.txt" %}{% block lead %}{{ words.amount(news) }} of good news.{% endblock %}'
    (tmp_path / "en" / "complete.txt").write_text(lead)
    theirs, ours = render(news, event="complete", templates_folder=tmp_path), render(news, event="complete")
    assert "9,119 files · 1.84 TB of good news." in theirs.text
    assert (theirs.subject, theirs.html) == (ours.subject, ours.html)


@pytest.mark.parametrize("language", ["en", "cs"])
def test_a_reworded_state_keeps_its_sign(news: DatasetNews, tmp_path: Path, language: str) -> None:
    (tmp_path / language).mkdir()
    own = '{% extends "dataset.html" %}{% block state %}hotovo!{% endblock %}{% block lead %}{% endblock %}'
    (tmp_path / language / "announced.html").write_text(own)
    for now, sign in ((replace(news, state="acquiring"), "●"), (replace(news, state="complete"), "✓")):
        assert f"{sign} hotovo!" in render(now, event="announced", language=language, templates_folder=tmp_path).html
    assert "✓ " in render(replace(news, state="acquiring"), event="complete", language=language).html


@pytest.mark.parametrize("event", EVENTS)
def test_the_letter_is_written_in_czech_too(news: DatasetNews, event: DatasetEvent) -> None:
    news = replace(news, undeliverable=3, undeliverable_names=("a", "b"))
    rendered = render(news, event=event, language="cs")
    for words in (" ".join(rendered.text.split()), Words(rendered.html).words):
        for said in (
            "9\u00a0119 souborů · 1,84 TB", "Dobrý den, Alex Example", news.link, news.download_command, news.members_token,
            "Platí pro 20 lidí do 12. března 2027 14:00 UTC.", "Data zde zůstanou do 12. března 2027.",
            "Stáhnout lze 9\u00a0119 z 9\u00a0122 souborů; 3 nelze: a, b a ještě 1.",
            "Dotazy: Example Facility, data@facility.example.org",
        ):  # fmt: skip
            assert said.replace("\u00a0", " ") in words.replace("\u00a0", " ")
    assert rendered.subject.startswith("Vaše data z přístroje Titan Krios")
    english = render(news, event=event)
    assert Words(rendered.html).tags == Words(english.html).tags
    assert Words(rendered.html).links == Words(english.html).links


@pytest.mark.parametrize(("files", "noun"), [(1, "1 soubor"), (2, "2 soubory"), (4, "4 soubory"), (5, "5 souborů")])
def test_czech_letters_count_in_czech(news: DatasetNews, files: int, noun: str) -> None:
    assert f"{noun} · " in render(replace(news, files=files), event="complete", language="cs").text


@pytest.mark.parametrize("ours", ["templates", "notices"])
def test_every_letter_is_there_in_every_language(ours: str) -> None:
    folder = Path(fs2od.mail.__file__).parent / ours
    languages = {each.name: {path.name for path in each.iterdir()} for each in folder.iterdir() if each.is_dir()}
    assert set(languages) == {"cs", "en"}
    assert languages["cs"] == languages["en"]


def test_a_facility_adds_a_language(news: DatasetNews, tmp_path: Path) -> None:
    (tmp_path / "pl").mkdir()
    for ending in ("subject.txt", "txt", "html"):
        (tmp_path / "pl" / f"complete.{ending}").write_text("Twoje dane: {{ news.title }}")
    news = replace(news, title="<grid>")
    rendered = render(news, event="complete", language="pl", templates_folder=tmp_path)
    assert (rendered.text, rendered.html) == ("Twoje dane: <grid>\n", "Twoje dane: &lt;grid&gt;\n")
    with pytest.raises(ConfigurationError, match=r"template announced\.subject\.txt is missing"):
        render(news, event="announced", language="pl", templates_folder=tmp_path)


@pytest.mark.parametrize("language", ["xx", "", "../en", "en/../en", "EN"])
def test_an_unknown_language_is_one_clear_sentence(news: DatasetNews, language: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no mail templates in the language '.*': there is cs, en"):
        render(news, event="announced", language=language)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("a\n{% if %}", r"announced\.txt, line 2: Expected an expression"),
        ("{{ news.nothing }}", "has no attribute 'nothing'"),
    ],
)
def test_a_wrong_template_names_itself(news: DatasetNews, tmp_path: Path, template: str, reason: str) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "announced.txt").write_text(template)
    with pytest.raises(ConfigurationError, match=reason):
        render(news, event="announced", templates_folder=tmp_path)
