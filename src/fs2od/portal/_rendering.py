"""Answers in the look of our pages: templates, assets, compression, and the headers that keep a page to itself."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from types import CodeType
from typing import Any, Literal

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, meta, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from fs2od.names import shown_name
from fs2od.node.http.routing import Route
from fs2od.portal._commands import LINUX, Command
from fs2od.portal._copy_problems import said_problem
from fs2od.portal._language import Language
from fs2od.portal._texts import CHOICE, Texts, language_of, languages_for
from fs2od.portal._visitors import visitor_of
from fs2od.portal._words import iso

__all__ = [
    "PAGE_HEADERS",
    "asset_route",
    "asset_url",
    "compile_pages",
    "html_page",
    "json_twin",
    "sending_forms_to",
    "wants_json",
    "wants_twin",
]

_HERE = Path(__file__).parent
_WORTH_PACKING = 1024
_CLUSTER, _BARE = "Cluster", "Python"
_SEEN_FIRST = ("dataset.html", "folder.html", "file.html", "front.html", "problem.html")
_FORMS = {"short": "%Y-%m-%d %H:%M", "clock": "%H:%M:%S UTC"}

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Whoever has the link may read; no search engine needs to.
    "X-Robots-Tag": "noindex",
}


def compile_pages(texts: Texts) -> None:
    """Compile the templates of the pages that people see first, and read what all need, so that nobody waits for it.

    May block for a fifth of a second; the default language comes first.
    """
    _stamp()
    for language in sorted(texts.in_order, key=lambda each: each is not texts.default):
        _load_with_referenced(_environment(language), _SEEN_FIRST)


def sending_forms_to(origin: str) -> dict[str, str]:
    """Return the headers of a page whose forms may go to another origin of ours as well."""
    policy = PAGE_HEADERS["Content-Security-Policy"].replace("form-action 'self'", f"form-action 'self' {origin}")
    return {"Content-Security-Policy": policy}


def html_page(
    request: Request,
    template: str,
    values: Mapping[str, object],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a page made from a template, which knows its `visitor`. Every value is escaped, unless it is `Markup`."""
    language = language_of(request)
    known = {
        "visitor": visitor_of(request),
        "language": language,
        # A form's answer has no address to come back to.
        "languages": languages_for(request) if request.method == "GET" else (),
        "page_address": f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path,
        "has_chosen": CHOICE in request.cookies,
        "signing_in": False,
        **values,
    }
    body = _environment(language).get_template(template).render(known).encode()
    return _answer(request, body, "text/html; charset=utf-8", status, headers)


def json_twin(
    request: Request, document: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return what a page says as JSON, with exact numbers; a `Sentence` in it is said in the reader's language."""
    body = msgspec.json.encode(document, enc_hook=language_of(request).translated)
    return _answer(request, body, "application/json", status, headers)


def wants_json(request: Request) -> bool:
    """Say whether a request asks for the JSON twin, by `?format=json` or by its Accept header."""
    accepted = request.headers.get("Accept", "")
    return request.query_params.get("format") == "json" or (
        "application/json" in accepted and "text/html" not in accepted
    )


def wants_twin(request: Request) -> bool:
    """Say whether the JSON twin of a page is asked for, also by its name; not for pages of files, whose own names may end so."""
    return wants_json(request) or request.url.path.endswith(".json")


def asset_url(name: str) -> str:
    """Return the address of one of our own files. It changes with the content, so browsers may keep it for good."""
    return f"/assets/{_stamp()}/{name}"


def asset_route() -> Route:
    """Return the route that serves style sheet, script and pictures."""

    def asset(request: Request) -> Response:
        content = _assets().get(request.path_params["name"])
        if content is None:
            return Response(b"", 404, headers=PAGE_HEADERS)
        name = str(request.path_params["name"])
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return _answer(request, content, kind, 200, {"Cache-Control": "public, max-age=31536000, immutable"})

    return Route("/assets/{stamp}/{name}", asset)


def _answer(request: Request, body: bytes, media_type: str, status: int, headers: Mapping[str, str] | None) -> Response:
    packed = len(body) > _WORTH_PACKING and "gzip" in request.headers.get("Accept-Encoding", "")
    content = gzip.compress(body, 5, mtime=0) if packed else body
    answer = Response(content, status, media_type=media_type, headers=PAGE_HEADERS)
    answer.headers["Cache-Control"] = "no-cache"
    answer.headers["Vary"] = "Accept, Accept-Encoding, Accept-Language"
    if packed:
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers.update(headers or {})
    return answer


@cache
def _assets() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((_HERE / "assets").iterdir()) if path.is_file()}


@cache
def _stamp() -> str:
    digest = hashlib.sha256()
    for name, content in _assets().items():
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:12]


@dataclass(frozen=True)
class _Compiled:
    """A template's code, and the names of the templates that it is made from."""

    code: CodeType
    made_from: tuple[str, ...]


class _Templates(FileSystemLoader):
    """Our templates, each compiled once for all languages: what depends on one is asked for while a page is made."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._known: dict[str, _Compiled] = {}

    def load(self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None) -> Template:  # noqa: A002  # Jinja's signature
        code = self.compiled(environment, name).code
        return environment.template_class.from_code(environment, code, {} if globals is None else globals)

    def compiled(self, environment: Environment, name: str) -> _Compiled:
        found = self._known.get(name)
        if found is None:
            source, path, _ = self.get_source(environment, name)
            tree = environment.parse(source, name, path)
            made_from = tuple(filter(None, meta.find_referenced_templates(tree)))
            found = self._known[name] = _Compiled(environment.compile(tree, name, path), made_from)
        return found


_TEMPLATES = _Templates(_HERE / "templates")


@lru_cache(maxsize=64)
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=_TEMPLATES,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    # {% trans %} is compiled into calls of these, with the values by name.
    environment.newstyle_gettext = True  # type: ignore[attr-defined]  # the i18n extension adds it
    texts = _HtmlTexts(language)
    environment.globals.update(
        asset=asset_url,
        _=texts.gettext,
        gettext=texts.gettext,
        ngettext=texts.ngettext,
        pgettext=texts.pgettext,
        npgettext=texts.npgettext,
    )
    filters: dict[str, Any] = {
        "at": _at,
        "bytes": language.bytes,
        "count": language.count,
        "day": language.day,
        "exact": language.exact_bytes,
        "files": _when_rendered(language.files),
        "moment": language.moment,
        "on": _on,
        "problem": partial(said_problem, language),
        "shown": shown_name,
        "since": partial(_since, language),
        "time": partial(_time, language),
        "translated": language.translated,
    }
    environment.filters.update(filters)
    environment.tests["among"] = _among
    return environment


def _load_with_referenced(environment: Environment, names: Sequence[str]) -> None:
    """Load templates, and those that they are made from."""
    found = list(names)
    for name in found:  # grows meanwhile
        environment.get_template(name)
        found.extend(other for other in _TEMPLATES.compiled(environment, name).made_from if other not in found)


def _when_rendered(said: Callable[[int], str]) -> Callable[[Context, int], str]:
    """Return a filter for constants: without its context Jinja would work it out when the template is compiled, for all languages."""

    @pass_context
    def later(_: Context, value: int) -> str:
        return said(value)

    return later


@dataclass(frozen=True)
class _HtmlTexts:
    """A language's texts as templates call them: they are HTML of ours, the values in them are escaped."""

    language: Language

    def gettext(self, message: str, /, **values: object) -> Markup:
        return self._filled(self.language.translations.gettext(message), values)

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> Markup:
        return self._filled(
            self.language.translations.ngettext(one, many, number), {"num": number, "count": number, **values}
        )

    def pgettext(self, context: str, message: str, /, **values: object) -> Markup:
        return self._filled(self.language.translations.pgettext(context, message), values)

    def npgettext(self, context: str, one: str, many: str, number: int, /, **values: object) -> Markup:
        text = self.language.translations.npgettext(context, one, many, number)
        return self._filled(text, {"num": number, "count": number, **values})

    def _filled(self, text: str, values: dict[str, object]) -> Markup:
        return Markup(text) % self.language.shown(values)  # noqa: S704 - a text of ours; % escapes the values


def _on(commands: Sequence[Command], system: str) -> list[Command]:
    """Return the commands for a system. On a cluster nothing may be installed: there what needs nothing comes first."""
    if system == _CLUSTER:
        return sorted(_on(commands, LINUX), key=lambda command: command.tool != _BARE)
    return [command for command in commands if system in command.platforms]


def _among(system: str, commands: Sequence[Command]) -> bool:
    """Say whether there are commands of its own for a system."""
    if system == _CLUSTER:
        return any(command.tool == _BARE for command in commands)
    return bool(_on(commands, system))


def _time(language: Language, when: datetime, form: Literal["long", "short", "clock"] = "long") -> Markup:
    """Return a moment in UTC, which the script turns into the reader's zone."""
    text = escape(language.moment(when)) if form == "long" else when.strftime(_FORMS[form])
    # Digits and our own words only; a page may hold a thousand of these.
    return Markup(f'<time datetime="{iso(when)}" data-form="{form}">{text}</time>')  # noqa: S704 - digits and our own words


def _at(moment_s: int) -> datetime:
    return datetime.fromtimestamp(moment_s, UTC)


def _since(language: Language, when: datetime, now: datetime) -> Markup:
    """Return how long ago a moment was, with the exact moment on hover."""
    return Markup('<time datetime="{}" title="{}" data-form="title">{}</time>').format(
        iso(when), language.moment(when), language.ago(when, now)
    )
