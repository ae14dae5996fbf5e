"""For whom and when a dataset's links work, as configured; and what a changed configuration changes of the rule that stands."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from fs2od.configuration import Watch
from fs2od.facility.journal import LinkTerms
from fs2od.onedata.wire.sharing import LinkRule

__all__ = ["OPEN", "brought_about", "rule_in_words", "rule_of", "terms_of"]

OPEN = LinkTerms()
"""What holds where nothing is configured: links are for everybody, at once and for ever."""

_DAY_S = 86_400


def terms_of(watch: Watch) -> LinkTerms:
    """Return what a watch says of its datasets' links; pure."""
    return LinkTerms(watch.link, watch.embargo_days, watch.link_days)


def rule_of(terms: LinkTerms, appeared: datetime) -> LinkRule:
    """Return the rule of a dataset that appeared at a moment; pure."""
    appeared_s = int(appeared.timestamp())
    begin = appeared_s + terms.embargo_days * _DAY_S if terms.embargo_days else None
    end = None if terms.link_days is None else appeared_s + terms.link_days * _DAY_S
    return LinkRule(audience=terms.link, from_=begin, until=end)


def brought_about(stands: LinkRule, had: LinkTerms | None, wanted: LinkTerms, appeared: datetime) -> LinkRule:
    """Return the rule that is to stand, of the one that stands and what is configured; pure.

    What the configuration says as before stays as it stands: somebody may have changed it by hand for this dataset.

    Args:
        stands: The rule that Onedata has.
        had: What the configuration said when it was last brought about; None: nobody knows. Then nothing is opened that is
            closed, and what is open is closed if the configuration says so.
        wanted: What it says now.
        appeared: When the dataset did.
    """
    rule = rule_of(wanted, appeared)
    if had is None:
        begins = [each.from_ for each in (stands, rule) if each.from_ is not None]
        ends = [each.until for each in (stands, rule) if each.until is not None]
        is_closed = "members" in {stands.audience, rule.audience}
        return _with_sense(
            LinkRule(
                audience="members" if is_closed else "public",
                from_=max(begins, default=None),
                until=min(ends, default=None),
            )
        )
    return _with_sense(
        LinkRule(
            audience=stands.audience if had.link == wanted.link else rule.audience,
            from_=stands.from_ if had.embargo_days == wanted.embargo_days else rule.from_,
            until=stands.until if had.link_days == wanted.link_days else rule.until,
        )
    )


def _with_sense(rule: LinkRule) -> LinkRule:
    """Return a rule that Onedata takes: an embargo that outlives the links is for members only until they end."""
    if rule.from_ is None or rule.until is None or rule.from_ < rule.until:
        return rule
    return replace(rule, audience="members", from_=None)


def rule_in_words(rule: LinkRule) -> str:
    """Return a rule as history and people read it; pure."""
    if rule.audience == "members":
        whom = "for members only"
    elif rule.from_ is not None:
        whom = f"for members only until {_day(rule.from_)}, then for everybody who has one"
    else:
        whom = "for everybody who has one"
    return whom if rule.until is None else f"{whom}, and end on {_day(rule.until)}"


def _day(moment_s: int) -> str:
    return datetime.fromtimestamp(moment_s, UTC).date().isoformat()
