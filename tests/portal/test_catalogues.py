from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.portal.catalogues import PORTAL, Text, texts_in_use

from fs2od.portal._texts import OURS, read_catalogue

FILES = sorted(OURS.glob("*/*.po"))
FORMS = {"cs": 3}


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))


def tags(text: str) -> list[str]:
    return sorted(re.findall(r"<[^>]+>", text))


def entries(path: Path) -> dict[Text, tuple[str, ...]]:
    found = {}
    for message in read_catalogue(path):
        if message.id:
            text = Text(message.id if isinstance(message.id, str) else tuple(message.id), message.context)
            found[text] = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    return found


def test_every_text_of_the_pages_is_said_in_czech() -> None:
    said = {text for path in FILES if path.parent.name == "cs" for text in entries(path)}
    missing = [f"{where}: {text}" for text, where in texts_in_use().items() if text not in said]
    assert missing == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_catalogue_holds_nothing_that_no_page_says(path: Path) -> None:
    assert [text for text in entries(path) if text not in texts_in_use()] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_translation_has_the_values_the_tags_and_the_forms_of_its_original(path: Path) -> None:
    for text, said in entries(path).items():
        assert len(said) == (FORMS[path.parent.name] if len(text.forms) == 2 else 1), text
        for form in said:
            assert form.strip(), text
            assert placeholders(form) == placeholders(text.forms[-1]), text
            assert tags(form) == tags(text.forms[-1]), text
            # It may stand in an attribute.
            assert '"' not in re.sub(r"<[^>]+>", "", form), text


def test_no_two_catalogues_of_a_language_say_the_same() -> None:
    said: dict[tuple[str, Text], str] = {}
    for path in FILES:
        for text in entries(path):
            assert said.setdefault((path.parent.name, text), path.name) == path.name, text


def test_texts_stand_in_the_code_as_they_are_and_not_in_variables() -> None:
    for path in PORTAL.rglob("*.py"):
        for line in path.read_text().splitlines():
            assert not re.search(r"\bsentence\(f?[\"']?\s*f\"", line), path


@pytest.mark.parametrize("path", sorted((PORTAL / "templates").iterdir()), ids=lambda path: path.stem)
def test_a_template_has_no_words_beside_its_texts(path: Path) -> None:
    template = re.sub(
        r"{% trans.*?{% endtrans %}|{% block live %}.*?{% endblock %}|{%.*?%}|{{.*?}}|{#.*?#}",
        "",
        path.read_text(),
        flags=re.DOTALL,
    )
    attributes = re.findall(r'(?:aria-label|placeholder|title|alt)="([^"]+)"', template)
    words = re.sub(r"<code>.*?</code>|<[^>]*>", " ", template, flags=re.DOTALL).split()
    same_everywhere = {
        "SHA256SUMS", "Metalink", ".zip", ".tar", "zip", "(UTC)", "name@example.org", "Onedata", "usr-", "5 TB", "50 TB",
    }  # fmt: skip
    assert [
        each for each in [*words, *attributes] if re.search(r"[A-Za-z]{2}", each) and each not in same_everywhere
    ] == []
