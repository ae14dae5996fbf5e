"""The next action for one dataset: decided from facts, for every mixture of facts."""

from __future__ import annotations

from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fs2od.configuration import Configuration
from fs2od.facility.deciding import (
    OPEN,
    STRUCTURAL,
    AskImport,
    CheckImport,
    CheckSidecar,
    CloseMetadata,
    EndImport,
    FinishImport,
    ImportSidecar,
    NoteRunning,
    Publish,
    ReadMetadata,
    Reopen,
    Rules,
    SetContinuous,
    SetLinks,
    Take,
    TellComplete,
    Withhold,
    brought_about,
    data_signature,
    due_at,
    next_action,
    pause_after_setback,
    rule_in_words,
    rule_of,
)
from fs2od.facility.journal import ONBOARDING, Facts, LinkTerms, Phase, Problem, ProblemKind, Record, Step
from fs2od.facility.metadata import fact_rules, publication_of
from fs2od.facility.watching import SeenFile, SeenFolder, Sighting, Tally
from fs2od.onedata.roles import bundles_fingerprint
from fs2od.onedata.wire.sharing import LinkRule

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
ROOT = "/data/krios1"
FILE = SeenFile("SPA.yml", 100, 1_000_000_000, 7)
FACTS = Facts("grid 2", "Krios", "Alex Example", {}, ("alex@example.org",), (), ())
CONFIGURATION = Configuration.model_validate(
    {
        "onedata": {"zone": "https://z.example.org", "provider": "https://p.example.org", "token_file": "t", "provision": True},
        "facility": {"contact": "desk@example.org"},
        "mail": {"sender": "desk@example.org"},
        "watch": [{"path": ROOT}],
    }
)  # fmt: skip
RULES = Rules(CONFIGURATION)
TAKEN = fact_rules(CONFIGURATION, CONFIGURATION.watch[0])
OLD_NS = int((NOW - timedelta(days=2)).timestamp() * 1e9)
FRESH_NS = int((NOW - timedelta(seconds=1)).timestamp() * 1e9)


def tally(newest_ns: int = OLD_NS, signature: str = "s") -> Tally:
    return Tally(3, 300, 0, (), newest_ns, signature)


def sighting(*, running: bool = False, count: Tally | None = None, file: SeenFile = FILE) -> Sighting:
    folder = SeenFolder(ROOT, "A", 1, 1, (file,), running=running)
    return Sighting(folder, NOW - timedelta(minutes=1), count)


def announced(**changes: object) -> Record:
    """A dataset after its onboarding, with everything in order."""
    record = Record(
        id=1, root=ROOT, relative="A", name="A", unique_name="A-x", device=1, inode=1, detected_at=NOW - timedelta(hours=1),
        phase=Phase.ACQUIRING, done=dict.fromkeys(ONBOARDING, "x"), facts=FACTS, metadata=FILE,
        closed=sighting().folder.fingerprint, tally=tally(), links=OPEN, taken_by=TAKEN,
    )  # fmt: skip
    record = replace(record, **changes)
    published = publication_of(record, CONFIGURATION.facility).fingerprint
    given = {Step.PUBLISHED: published, Step.MEMBERS_RIGHTS: bundles_fingerprint()}
    return replace(record, done={**record.done, **given})


def decided(record: Record, seen: Sighting | None, now: datetime = NOW) -> object:
    return next_action(record, seen, RULES, now)


def test_the_metadata_file_comes_first() -> None:
    fresh = Record(1, ROOT, "A", "A", "A-x", 1, 1, NOW)
    assert decided(fresh, sighting()) == ReadMetadata(1)


def test_steps_are_taken_in_their_order_and_looked_for_when_they_were_begun() -> None:
    record = replace(announced(), done={}, phase=Phase.ONBOARDING, begun=None)
    for step in ONBOARDING:
        assert decided(record, sighting()) == Take(1, step, look_first=False)
        begun = replace(record, begun=step)
        assert decided(begun, sighting()) == Take(1, step, look_first=True)
        record = replace(record, done={**record.done, step: "x"})


def test_nothing_is_tried_before_the_pause_is_over() -> None:
    record = replace(announced(), done={}, next_attempt_at=NOW + timedelta(seconds=1))
    assert decided(record, sighting()) is None
    assert isinstance(decided(record, sighting(), NOW + timedelta(seconds=1)), Take)


def test_while_it_runs_the_provider_scans_by_itself_and_is_asked_when_something_changed() -> None:
    record = announced()
    running = sighting(running=True, count=tally(FRESH_NS))
    assert decided(record, running) == NoteRunning(1)
    record = replace(record, running_seen=True)
    assert decided(record, running) == SetContinuous(1, on=True)
    record = replace(record, continuous=True)
    assert decided(record, running) == AskImport(1)
    record = replace(record, imported=data_signature(running), import_asked_at=NOW)
    assert decided(record, running) is None
    more = sighting(running=True, count=tally(FRESH_NS, "more"))
    assert decided(record, more) is None, "at most every five seconds"
    assert decided(record, more, NOW + timedelta(seconds=5)) == AskImport(1)
    assert due_at(record, more, RULES, NOW) == NOW + timedelta(seconds=5)


def test_when_the_running_file_went_the_data_settles_before_the_last_import() -> None:
    record = announced(running_seen=True, imported=data_signature(sighting(count=tally(FRESH_NS))))
    seen = sighting(count=tally(FRESH_NS))
    assert decided(record, seen) is None
    assert decided(record, seen, NOW + timedelta(seconds=4)) == FinishImport(1)


def test_without_a_running_file_only_the_quiet_period_ends_acquisition() -> None:
    seen = sighting(count=tally(FRESH_NS))
    record = announced(imported=data_signature(seen))
    assert decided(record, seen, NOW + timedelta(hours=11)) is None
    assert decided(record, seen, NOW + timedelta(hours=12)) == FinishImport(1)


def test_the_completion_is_published_before_it_is_told() -> None:
    seen = sighting(count=tally())
    record = announced(phase=Phase.FINISHING, running_seen=True, continuous=True)
    assert decided(record, seen) == CheckImport(1)
    record = replace(record, phase=Phase.COMPLETE, completed_at=NOW)
    assert decided(record, seen) == SetContinuous(1, on=False)
    record = replace(record, continuous=False)
    assert decided(record, seen) == Publish(1)
    published = publication_of(record, CONFIGURATION.facility).fingerprint
    record = replace(record, done={**record.done, Step.PUBLISHED: published})
    assert decided(record, seen) == TellComplete(1)
    record = replace(record, told="s")
    assert decided(record, seen) is None
    assert due_at(record, seen, RULES, NOW) is None


def test_new_checksums_are_imported_but_not_too_often_and_not_into_the_last_import() -> None:
    seen = changed(sighting(count=tally()), sidecar="1 sealed")
    record = announced(phase=Phase.COMPLETE, completed_at=NOW, told="s")
    record = replace(record, import_asked_at=NOW - timedelta(seconds=4))
    assert decided(record, seen) is None
    assert decided(record, seen, NOW + timedelta(seconds=1)) == ImportSidecar(1)
    assert due_at(record, seen, RULES, NOW) == NOW + timedelta(seconds=1)
    record = replace(record, sidecar="1 sealed")
    assert decided(record, seen, NOW + timedelta(seconds=1)) == Publish(1)
    assert decided(announced(phase=Phase.FINISHING), seen) == CheckImport(1)
    running = announced(running_seen=True, imported=data_signature(seen))
    assert decided(running, changed(seen, sidecar="")) == FinishImport(1)


def test_what_is_to_be_sealed_anew_is_waited_for_after_everything_else_until_it_is_imported() -> None:
    seen = changed(sighting(count=tally()), sidecar="2 to seal")
    record = announced(phase=Phase.COMPLETE, completed_at=NOW, told="s", sidecar="1 sealed")
    assert decided(record, seen) == ImportSidecar(1)
    record = announced(phase=Phase.COMPLETE, completed_at=NOW, told="s", sidecar="2 to seal")
    assert decided(replace(record, told=""), seen) == TellComplete(1)
    assert decided(record, seen) == CheckSidecar(1)
    refused = Problem(ProblemKind.REFUSED, "no", NOW)
    assert decided(replace(record, told="", trouble=refused), seen) == CheckSidecar(1), "not held back for ever"
    assert decided(replace(record, phase=Phase.FINISHING), seen) == CheckImport(1)
    waiting = replace(record, next_attempt_at=NOW + timedelta(seconds=2))
    assert decided(waiting, seen) is None
    assert due_at(waiting, seen, RULES, NOW) == NOW + timedelta(seconds=2)
    assert decided(replace(record, parts_imported=2), seen) is None
    assert decided(replace(record, sidecar="2"), seen) == ImportSidecar(1), "its scan failed"


def test_the_public_metadata_says_whether_there_are_checksums() -> None:
    def said(sidecar: str) -> object:
        own = publication_of(announced(sidecar=sidecar), CONFIGURATION.facility).metadata["fs2od"]
        return own.get("checksums") if isinstance(own, dict) else own

    assert [said(each) for each in ("", "none", "3", "3 sealed")] == [None, "none", "growing", "complete"]


def test_a_complete_dataset_opens_again_when_its_running_file_comes_back() -> None:
    record = announced(phase=Phase.COMPLETE, running_seen=True, completed_at=NOW, told="s")
    assert decided(record, sighting(running=True, count=tally())) == NoteRunning(1)


def test_a_complete_dataset_goes_on_when_its_data_changed_and_is_complete_again_when_that_has_settled() -> None:
    record = announced(phase=Phase.COMPLETE, completed_at=NOW, told="s")
    more = sighting(count=tally(FRESH_NS, "more"))
    assert decided(record, more) == Reopen(1)
    record = announced(changed_later="1 file more", quietly=True, told="s", imported=data_signature(more))
    assert decided(record, more) is None
    assert decided(record, more, NOW + timedelta(seconds=4)) == FinishImport(1), "not only after twelve hours"


def test_a_changed_metadata_file_is_read_and_closed_again() -> None:
    changed = SeenFile("SPA.yml", 200, 2_000_000_000, 8)
    record = announced(phase=Phase.COMPLETE, completed_at=NOW, told="s")
    seen = sighting(count=tally(), file=changed)
    assert decided(record, seen) == ReadMetadata(1)
    assert decided(replace(record, metadata=changed), seen) == CloseMetadata(1)


def test_nobody_to_tell_holds_back_the_mail_only() -> None:
    problem = Problem(ProblemKind.RECIPIENTS, "nobody to tell", NOW)
    done = {step: "x" for step in ONBOARDING if step is not Step.ANNOUNCED}
    record = replace(announced(problem=problem), done=done, phase=Phase.ONBOARDING)
    assert decided(record, sighting(count=tally())) == AskImport(1)


def test_what_was_taken_by_another_rule_is_read_again_at_once_or_left_out_where_it_cannot_be_read() -> None:
    for phase in (Phase.ONBOARDING, Phase.ACQUIRING, Phase.FINISHING, Phase.COMPLETE):
        record = replace(announced(phase=phase, next_attempt_at=NOW + timedelta(hours=1)), taken_by=None)
        assert decided(record, changed(sighting(), unchanged_since=NOW)) == ReadMetadata(1)
        other = sighting(file=replace(FILE, size_bytes=101))
        assert decided(record, changed(other, unchanged_since=NOW)) == Withhold(1)
        assert decided(record, None) == Withhold(1)
        lost = Problem(ProblemKind.METADATA_LOST, "it is gone", NOW)
        assert decided(replace(record, problem=lost), sighting()) == Withhold(1)
        # Whom to tell is found out where that can be read.
        people = replace(record, taken_by=replace(TAKEN, people=""), told="s", next_attempt_at=None)
        assert decided(people, sighting()) == ReadMetadata(1)
        assert decided(people, None) is None
        withdrawn = replace(record, taken_by=TAKEN, done={**record.done, Step.PUBLISHED: ""}, next_attempt_at=None)
        for seen in (sighting(), None):
            assert decided(withdrawn, seen) == Publish(1)
        assert decided(replace(withdrawn, problem=lost), sighting()) == Publish(1)


def test_nobody_is_told_while_whom_to_tell_is_being_found_out() -> None:
    seen = changed(sighting(file=replace(FILE, size_bytes=101)), unchanged_since=NOW)
    record = announced(phase=Phase.COMPLETE, completed_at=NOW, closed=seen.folder.fingerprint)
    assert decided(record, seen) == TellComplete(1)
    assert decided(replace(record, taken_by=replace(TAKEN, people="")), seen) is None


def test_links_that_were_made_by_another_rule_come_first_and_hold_back_no_data_once_that_failed() -> None:
    record = announced(phase=Phase.COMPLETE, completed_at=NOW, told="s", links=LinkTerms(link_days=9))
    more = sighting(count=tally(FRESH_NS, "more"))
    assert decided(record, more) == SetLinks(1)
    assert decided(replace(record, attempts=1), more) == Reopen(1)
    assert decided(replace(record, attempts=1, told=""), sighting(count=tally())) == SetLinks(1), "before any mail"
    assert decided(replace(record, links=None), more) == SetLinks(1), "an earlier version made them"


APPEARED_S = int(NOW.timestamp())
DAY_S = 86_400


def test_a_rule_is_changed_only_where_the_configuration_was() -> None:
    by_hand = LinkRule(audience="members", until=APPEARED_S + DAY_S)
    assert brought_about(by_hand, OPEN, OPEN, NOW) == by_hand
    embargo = brought_about(by_hand, OPEN, LinkTerms(embargo_days=9, link_days=30), NOW)
    assert embargo == LinkRule(audience="members", from_=APPEARED_S + 9 * DAY_S, until=APPEARED_S + 30 * DAY_S)
    opened = brought_about(by_hand, LinkTerms("members"), OPEN, NOW)
    assert opened == LinkRule(audience="public", until=APPEARED_S + DAY_S)


def test_an_embargo_that_outlives_the_links_is_for_members_until_they_end() -> None:
    by_hand = LinkRule(from_=APPEARED_S + 60 * DAY_S)
    rule = brought_about(by_hand, OPEN, LinkTerms(link_days=30), NOW)
    assert rule == LinkRule(audience="members", until=APPEARED_S + 30 * DAY_S)


terms = st.builds(
    LinkTerms, st.sampled_from(["public", "members"]), st.integers(0, 3), st.one_of(st.none(), st.integers(4, 6))
)
days = st.one_of(st.none(), st.integers(0, 3).map(lambda day: APPEARED_S + day * DAY_S))
ends = st.one_of(st.none(), st.integers(4, 6).map(lambda day: APPEARED_S + day * DAY_S))
link_rules = st.builds(LinkRule, audience=st.sampled_from(["public", "members"]), from_=days, until=ends)


def is_open(rule: LinkRule, moment_s: int) -> bool:
    begun = rule.from_ is None or moment_s >= rule.from_
    return rule.audience == "public" and begun and (rule.until is None or moment_s < rule.until)


@settings(deadline=None)
@given(link_rules, st.one_of(st.none(), terms), terms)
def test_what_was_brought_about_is_brought_about_again_by_the_same(
    stands: LinkRule, had: LinkTerms | None, wanted: LinkTerms
) -> None:
    rule = brought_about(stands, had, wanted, NOW)
    assert brought_about(rule, had, wanted, NOW) == rule, "after a kill"
    assert brought_about(rule, wanted, wanted, NOW) == rule
    assert rule_in_words(rule).startswith("for ")
    if had is None:
        moments = [APPEARED_S + day * DAY_S for day in range(8)]
        allowed = [is_open(stands, each) and is_open(rule_of(wanted, NOW), each) for each in moments]
        assert [is_open(rule, each) for each in moments] == allowed, (
            "nothing is opened, and nothing stays open by surprise"
        )


problems = st.one_of(st.none(), st.builds(Problem, st.sampled_from(ProblemKind), st.just("x"), st.just(NOW)))
mixtures = st.builds(
    announced,
    phase=st.sampled_from(Phase),
    problem=problems,
    facts=st.sampled_from([FACTS, None]),
    metadata=st.sampled_from([FILE, None]),
    running_seen=st.booleans(),
    continuous=st.booleans(),
    imported=st.sampled_from(["", "s/SPA.yml:100:1000000000:7"]),
    import_asked_at=st.sampled_from([None, NOW, NOW - timedelta(hours=1)]),
    next_attempt_at=st.sampled_from([None, NOW, NOW + timedelta(hours=1)]),
    told=st.sampled_from(["", "s"]),
    links=st.sampled_from([None, OPEN]),
    access_at=st.sampled_from([None, NOW - timedelta(minutes=1), NOW + timedelta(minutes=4)]),
    taken_by=st.sampled_from([None, TAKEN, replace(TAKEN, people=""), replace(TAKEN, fields="")]),
    attempts=st.integers(0, 1),
    done=st.integers(0, len(ONBOARDING)).map(lambda count: dict.fromkeys(ONBOARDING[:count], "x") | {Step.PUBLISHED: ""}),
)  # fmt: skip
seen_mixtures = st.one_of(
    st.none(),
    st.builds(
        sighting, running=st.booleans(), count=st.sampled_from([None, tally(), tally(FRESH_NS), tally(OLD_NS, "t")])
    ),
)


@settings(deadline=None)
@given(mixtures, seen_mixtures)
def test_every_mixture_of_facts_has_an_answer_and_the_same_facts_have_the_same(
    record: Record, seen: Sighting | None
) -> None:
    action = decided(record, seen)
    assert action == decided(record, seen)
    if seen is None or (record.problem is not None and record.problem.kind in STRUCTURAL):
        assert action in (None, EndImport(1), SetLinks(1), Publish(1), Withhold(1))
    if isinstance(action, EndImport):
        assert record.problem is not None
        assert Step.SUPPORT in record.done
    if isinstance(action, TellComplete):
        assert record.phase is Phase.COMPLETE
    if isinstance(action, Take):
        assert action.step is record.next_step


@settings(deadline=None)
@given(mixtures, seen_mixtures, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_when_nothing_is_to_be_done_due_at_names_the_moment_from_which_something_is(
    record: Record, seen: Sighting | None, later: timedelta
) -> None:
    due = due_at(record, seen, RULES, NOW)
    if decided(record, seen) is None and (due is None or NOW + later < due):
        assert decided(record, seen, NOW + later) is None


@settings(deadline=None)
@given(st.sampled_from([ProblemKind.WAITING, ProblemKind.REFUSED]), st.integers(1, 100))
def test_pauses_grow_up_to_an_hour(kind: ProblemKind, attempts: int) -> None:
    pause = pause_after_setback(kind, attempts)
    assert timedelta(seconds=1) <= pause <= pause_after_setback(kind, attempts + 1) <= timedelta(hours=1)


def test_the_watched_folder_is_the_rules_own() -> None:
    assert RULES.watch(str(Path(ROOT))) is CONFIGURATION.watch[0]
    assert RULES.watch("/elsewhere") is None
