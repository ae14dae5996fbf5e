from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.portal._markdown import description_html


def test_a_description_keeps_its_structure() -> None:
    html = description_html("Some *words*.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    assert "<em>words</em>" in html
    assert "<li>one</li>" in html
    assert "<td>2</td>" in html


def test_headings_begin_below_the_page_s_own_and_leave_no_level_out() -> None:
    html = description_html("# Sample\n\n#### Buffer\n\n# Grid")
    assert re.findall(r"<(h\d)>", html) == ["h3", "h4", "h3"]


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "[click](  JaVaScRiPt:alert(1))",
        "[click](data:text/html;base64,PHNjcmlwdD4=)",
        "[click](vbscript:x)",
        "[click](/relative/path)",
        "![pixel](https://tracker.example/p.png)",
        '[a](https://example.org "\\" onmouseover=\\"alert(1)")',
        "<https://example.org/\"onmouseover='x'>",
        "`<script>`",
        "```\n<script>\n```",
    ],
)
def test_a_hostile_description_stays_text(hostile: str) -> None:
    html = description_html(hostile)
    assert not re.search(r"<(?!/?(p|a|em|code|pre)\b)", html)
    assert not re.search(r'<[a-z]+[^>]*\son\w+\s*=\s*(?![^<]*")', html)
    for link in re.findall(r'href="([^"]*)"', html):
        assert link.startswith(("https://", "http://", "mailto:"))


def test_links_tell_the_other_side_nothing() -> None:
    assert 'rel="nofollow noopener noreferrer"' in description_html("[site](https://example.org)")


def test_an_endless_description_is_cut() -> None:
    assert len(description_html("x" * 1_000_000)) < 60_000


@given(st.text(alphabet="<>\"'&[]()!#*_`~-= \n:/abjst;", max_size=200))
def test_no_text_becomes_an_element_that_markdown_has_not(text: str) -> None:
    html = description_html(text)
    allowed = [
        "p",
        "a",
        "em",
        "strong",
        "code",
        "pre",
        "blockquote",
        "ul",
        "ol",
        "li",
        "hr",
        "br",
        "h3",
        "h4",
        "h5",
        "h6",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ]
    assert set(re.findall(r"</?([a-z0-9]+)", html)) <= set(allowed)
