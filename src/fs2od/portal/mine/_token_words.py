"""What a token can do, in one plain sentence. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from fs2od.onedata.tokens import (
    AccessToken,
    Api,
    Asn,
    Caveat,
    Consumer,
    DataAccess,
    GeoCountry,
    GeoRegion,
    IdentityToken,
    Interface,
    InviteToken,
    InviteType,
    Ip,
    Service,
    TokenKind,
    data_access,
    valid_until_s,
)
from fs2od.portal._language import Language

__all__ = ["NameOf", "what_it_can"]

NameOf = Callable[[str], str]
"""Returns what people call the group or space of an id; the id itself where that is not known."""
_MOST_NAMED = 5


def what_it_can(
    language: Language, kind: TokenKind, caveats: Sequence[Caveat], *, name_of: NameOf, now: datetime
) -> str:
    """Return the sentence: what the token does, and everything that narrows it, so that nothing is left unsaid."""
    limits = [*_time(language, caveats, now), *_limits(language, caveats, name_of)]
    return ", ".join([_does(language, kind, caveats, name_of), *limits]) + "."


def _does(language: Language, kind: TokenKind, caveats: Sequence[Caveat], name_of: NameOf) -> str:
    match kind:
        case IdentityToken():
            return language.text("Proves who you are and opens nothing")
        case InviteToken(invite_type=kind_of_invite, target_id=target):
            return _invites(language, kind_of_invite, name_of(target))
        case AccessToken():
            return _opens(language, data_access(caveats), name_of, is_oneclient=Interface("oneclient") in caveats)


def _invites(language: Language, kind: InviteType, target: str) -> str:
    match kind:
        case InviteType.USER_JOIN_GROUP | InviteType.USER_JOIN_SPACE:
            return language.text("Lets people into %(target)s", target=target)
        case InviteType.GROUP_JOIN_GROUP | InviteType.GROUP_JOIN_SPACE:
            return language.text("Lets groups into %(target)s", target=target)
        case InviteType.SUPPORT_SPACE:
            return language.text("Lets a site give storage to %(target)s", target=target)
        case _:
            return language.text("Invites to %(target)s", target=target)


def _opens(language: Language, left: DataAccess, name_of: NameOf, *, is_oneclient: bool) -> str:
    if left.unrestricted:
        if is_oneclient:
            return language.text("Reads and writes all data that you can reach and does nothing else")
        return language.text("Does everything that you may do yourself")
    where = _where(language, left, name_of)
    if left.readonly:
        return language.text("Reads %(where)s and does nothing else", where=where)
    return language.text("Reads %(where)s, writes there where you may, and does nothing else", where=where)


def _where(language: Language, left: DataAccess, name_of: NameOf) -> str:
    places = [] if left.paths is None else [_place(path, name_of) for path in sorted(left.paths)]
    if left.paths is not None and not places:
        return language.text("nothing")
    files = sum(map(len, left.object_ids))
    named = _list(language, places)
    if files and places:
        counted = language.plural("%(count)s file or folder", "%(count)s files or folders", files)
        return language.text("%(files)s within %(places)s", files=counted, places=named)
    if files:
        return language.plural("%(count)s file or folder", "%(count)s files or folders", files)
    return named or language.text("all data that you can reach")


def _place(path: str, name_of: NameOf) -> str:
    _, space, *folders = path.split("/")
    return "/".join([name_of(space), *folders])


def _time(language: Language, caveats: Sequence[Caveat], now: datetime) -> Iterable[str]:
    until_s = valid_until_s(caveats)
    if until_s is None:
        yield language.text("without an end")
        return
    try:
        until = datetime.fromtimestamp(until_s, UTC)
    except (ValueError, OverflowError, OSError):
        yield language.text("without an end")
        return
    moment = language.moment(until)
    if until > now:
        yield language.text("until %(moment)s", moment=moment)
    else:
        yield language.text("until %(moment)s, which is over", moment=moment)


def _limits(language: Language, caveats: Sequence[Caveat], name_of: NameOf) -> Iterable[str]:
    for caveat in caveats:
        match caveat:
            case Ip(networks):
                yield language.text("only from %(places)s", places=_list(language, networks))
            case Asn(numbers):
                yield language.text("only from %(places)s", places=_list(language, [f"AS{each}" for each in numbers]))
            case GeoCountry("whitelist", places) | GeoRegion("whitelist", places):
                yield language.text("only from %(places)s", places=_list(language, places))
            case GeoCountry(_, places) | GeoRegion(_, places):
                yield language.text("not from %(places)s", places=_list(language, places))
            case Service(services):
                yield language.text("only at the service %(services)s", services=_list(language, services))
            case Consumer(people):
                names = [name_of(each.partition("-")[2]) for each in people]
                yield language.text("only when %(people)s shows it", people=_list(language, names))
            case Interface("rest"):
                yield language.text("only by REST")
            case Interface("oneclient"):
                yield language.text("only by mounting")
            case Interface():
                yield language.text("only in Onedata's own web interface")
            case Api(operations):
                yield language.text("only for %(operations)s", operations=_list(language, operations))
            case _:
                pass  # said already: time and data


def _list(language: Language, items: Sequence[object]) -> str:
    shown = ", ".join(map(str, items[:_MOST_NAMED]))
    more = len(items) - _MOST_NAMED
    if more <= 0:
        return shown
    others = language.plural("%(count)s more", "%(count)s more", more)
    return language.text("%(items)s and %(others)s", items=shown, others=others)
