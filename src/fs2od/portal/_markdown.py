"""A share's description, Markdown from people, as HTML that cannot harm: no HTML of its own, no images, only web links."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

__all__ = ["description_html"]

_MOST_CHARACTERS = 50_000
_LINKS = ("https://", "http://", "mailto:")


def description_html(text: str, *, first_heading: int = 3) -> Markup:
    """Return the description as HTML. Its headings begin at `first_heading` and leave no level out.

    What is longer than 50,000 characters is cut: the whole stands in the share's public record.
    """
    tokens = _PARSER.parse(text[:_MOST_CHARACTERS])
    _rank_headings(tokens, first_heading)
    for token in tokens:
        _harden_links(token.children or ())
    # The renderer escapes everything that is text: HTML is disabled, so no token carries markup of the author's.
    return Markup(_PARSER.renderer.render(tokens, _PARSER.options, {}))  # noqa: S704 - the renderer escapes all text


def _allowed(link: str) -> bool:
    return link.lower().startswith(_LINKS)


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
        """Let only links to the web and to mail addresses stand."""
        return _allowed(url)


_PARSER = _Parser("commonmark", {"html": False, "maxNesting": 20}).enable("table").disable("image")


def _rank_headings(tokens: Sequence[Token], first: int) -> None:
    """Give headings consecutive levels: the highest one used becomes `first`, the next one `first` + 1."""
    used = sorted({token.tag for token in tokens if token.type == "heading_open"})
    ranks = {tag: f"h{min(first + position, 6)}" for position, tag in enumerate(used)}
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = ranks[token.tag]


def _harden_links(tokens: Sequence[Token]) -> None:
    for token in tokens:
        if token.type == "link_open":
            token.attrSet("rel", "nofollow noopener noreferrer")
