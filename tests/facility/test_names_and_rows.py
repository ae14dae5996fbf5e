"""What datasets are called, and how the journal is read by those who show it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.facility.conftest import World

from fs2od.cli.main import fs2od
from fs2od.configuration import Watch
from fs2od.facility import JOURNAL_SCHEMA, Datasets
from fs2od.facility.journal import Facts, Journal, Phase, Problem, ProblemKind, Record, Wish
from fs2od.facility.onboarding import dataset_name, provider_path, unique_name
from fs2od.facility.watching import SeenFolder
from fs2od.node.zone.names import require_name
from fs2od.sqlite import Database

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)


def named(folder: str, *, template: str = "{folder}", taken: tuple[str, ...] = (), root: str = "/data/krios1") -> str:
    watch = Watch(path=Path(root), name=template, instrument="Krios")
    return dataset_name(SeenFolder(root, folder, 1, 1, (), running=False), watch, taken, NOW)


def test_a_dataset_is_called_as_its_folder_unless_told_otherwise() -> None:
    assert named("20261103_P2") == "20261103_P2"
    assert named("P2", template="{instrument} {year} {folder}") == "Krios 2026 P2"


def test_the_second_of_a_name_says_where_it_lies() -> None:
    assert named("P2", taken=("P2",)) == "P2 (krios1)"
    assert named("P2", taken=("P2", "P2 (krios1)")) == "P2 (/data/krios1)"
    assert re.fullmatch(r"P2 \([a-z2-9]{8}\)", named("P2", taken=("P2", "P2 (krios1)", "P2 (/data/krios1)")))


@settings(deadline=None)
@given(st.text(max_size=300))
def test_whatever_a_dataset_is_called_onedata_takes_its_unique_name(name: str) -> None:
    unique = unique_name(name)
    assert re.fullmatch(r"[A-Za-z0-9()_.-]{2,50}", unique)
    for part in (unique, f"{unique} members"):
        assert require_name(part) == part
    assert unique != unique_name(name)


def test_paths_are_mapped_by_their_longest_beginning() -> None:
    path_map = {"/data": "/mnt/all", "/data/krios1": "/mnt/krios"}
    assert provider_path(Path("/data/krios1/A"), path_map) == "/mnt/krios/A"
    assert provider_path(Path("/data/krios10/A"), path_map) == "/mnt/all/krios10/A"
    assert provider_path(Path("/other/A"), path_map) == "/other/A"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(Database(tmp_path / "facility.db", JOURNAL_SCHEMA))


def add(journal: Journal, name: str, *, age_h: int = 0, problem: Problem | None = None) -> Record:
    detected = NOW - timedelta(hours=age_h)
    record = Record(0, "/data", name, name, f"{name}-x", 1, 1, detected, problem=problem)
    return journal.add(record, said=f"/data/{name}", now=detected)


def test_what_needs_a_person_comes_first_and_then_the_newest(journal: Journal) -> None:
    add(journal, "old", age_h=9)
    add(journal, "stuck", age_h=5, problem=Problem(ProblemKind.METADATA, "SPA.yml line 7: expected a mapping", NOW))
    add(journal, "new")
    rows = Datasets(journal.database).list()
    assert [(row.name, row.state) for row in rows] == [("stuck", "needs you"), ("new", "seen"), ("old", "seen")]
    assert rows[0].stuck == "SPA.yml line 7: expected a mapping"


def test_trouble_that_may_pass_needs_nobody(journal: Journal) -> None:
    record = add(journal, "A")
    trouble = Problem(ProblemKind.WAITING, "space: timeout", NOW)
    journal.write(replace(record, trouble=trouble, next_attempt_at=NOW), kind="waits", said="space: timeout", now=NOW)
    row = Datasets(journal.database).get("A")
    assert (row.state, row.stuck, row.next_attempt_at) == ("waiting", "space: timeout", NOW)
    assert row.last_event is not None
    assert row.last_event.kind == "waits"


def test_the_history_is_every_event_in_its_order(journal: Journal) -> None:
    record = add(journal, "A")
    journal.write(replace(record, phase=Phase.ONBOARDING), kind="metadata", said="SPA.yml read", now=NOW)
    journal.write(record, now=NOW)
    history = Datasets(journal.database).history("A")
    assert [(event.kind, event.said) for event in history] == [("detected", "/data/A"), ("metadata", "SPA.yml read")]


def test_a_name_that_nobody_knows_is_a_key_error(journal: Journal) -> None:
    datasets = Datasets(journal.database)
    for ask in (datasets.get, datasets.history):
        with pytest.raises(KeyError):
            ask("nobody")
    with pytest.raises(KeyError):
        datasets.retry("nobody", NOW)


def test_a_record_is_read_as_it_was_written(journal: Journal) -> None:
    record = add(journal, "A")
    facts = Facts("t", "i", "e", {"a.b": ["x", 1, None]}, ("a@example.org",), (), ())
    written = journal.write(replace(record, facts=facts, completed_at=NOW), now=NOW)
    assert Journal(journal.database).get(record.id) == written


def test_wishes_are_heard_once(journal: Journal) -> None:
    record = add(journal, "A")
    Datasets(journal.database).retry("A", NOW)
    assert journal.wishes() == {record.id: Wish.RETRY}
    journal.grant([record.id])
    assert not journal.wishes()


def test_options_before_a_command_of_datasets_count_for_it(journal: Journal) -> None:
    add(journal, "A")
    data, other = str(journal.database.path.parent), {"FS2OD_FACILITY_DATA": "/nowhere"}
    for arguments in (
        ["--data", data, "--json", "show", "A"],
        ["--data", "/nowhere", "show", "A", "--data", data, "--json"],
    ):
        for environment in ({}, other):
            done = CliRunner().invoke(fs2od, ["datasets", *arguments], env=environment)
            assert done.exit_code == 0, done.output
            assert json.loads(done.stdout)["dataset"]["name"] == "A"
    for arguments in ([], ["list"], ["show", "A"]):
        missing = CliRunner().invoke(fs2od, ["datasets", *arguments], env={"FS2OD_FACILITY_DATA": None})
        assert missing.exit_code == 2
        assert "--data" in missing.output
    assert CliRunner().invoke(fs2od, ["datasets", "list"], env={"FS2OD_FACILITY_DATA": data}).exit_code == 0


async def test_a_folder_s_name_cannot_write_to_the_operator_s_terminal(world: World) -> None:
    world.dataset("a\x1b]0;owned\x07b\nc")
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", "a ]0;owned b c"))
    for arguments in (["list"], ["show", "a ]0;owned b c"]):
        done = CliRunner().invoke(fs2od, ["datasets", *arguments, "--data", str(world.state)])
        assert done.exit_code == 0, done.output
        assert "owned" in done.stdout
        assert not set(done.stdout) & {"\x1b", "\x07"}
        assert r"a\x1b]0;owned\x07b\nc" in done.stdout or arguments == ["list"]
