"""What replication decides without acting: which storages are chosen, how fast it may go, and what a transfer's status is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.node.panel.storages import StorageRecord
from fs2od.node.replication.demands import Requirement, chosen
from fs2od.node.replication.pacing import Pace, allowed_bytes_s
from fs2od.node.replication.transfer_book import state_of
from fs2od.node.settings import ReplicationSettings
from fs2od.onedata.ids import ProviderId, QosRequirementId, StorageId
from fs2od.onedata.wire import SubtaskStatus


def storage(number: int, **parameters: str | float) -> StorageRecord:
    identity = StorageId(f"s{number}")
    return StorageRecord(
        id=identity,
        provider=ProviderId(f"p{number}"),
        name="disk",
        place=Path(f"/nowhere/{number}"),
        imported=False,
        readonly=False,
        qos_parameters=parameters,
    )


def requirement(expression: str, replicas: int, identity: str = "q") -> Requirement:
    return Requirement(QosRequirementId(identity), "file", expression, replicas)


@given(st.lists(st.integers(0, 20), unique=True), st.integers(1, 5), st.integers(0, 20), st.text(max_size=5))
def test_as_many_storages_are_chosen_as_asked_and_the_home_first(
    numbers: list[int], replicas: int, home: int, identity: str
) -> None:
    storages = [storage(number) for number in numbers]
    at_home = next((each for each in storages if each.id == f"s{home}"), None)
    found = chosen(requirement("anyStorage", replicas, identity), storages, at_home)
    if len(storages) < replicas:
        assert found is None
        return
    assert found is not None
    assert len({each.id for each in found}) == len(found) == replicas
    assert at_home is None or found[0] == at_home
    assert chosen(requirement("anyStorage", replicas, identity), storages[::-1], at_home) == found


def test_only_storages_that_match_are_chosen() -> None:
    storages = [storage(1, geo="PL"), storage(2, geo="FR"), storage(3, geo="PL")]
    found = chosen(requirement("geo=PL", 2), storages, storages[1])
    assert {each.id for each in found or ()} == {"s1", "s3"}
    assert chosen(requirement("geo=PL", 3), storages, None) is None


@pytest.mark.parametrize(
    ("first", "last", "hour", "allowed"),
    [
        (0, 0, 3, 10),
        (1, 5, 0, 10),
        (1, 5, 1, 99),
        (1, 5, 4, 99),
        (1, 5, 5, 10),
        (22, 6, 23, 99),
        (22, 6, 5, 99),
        (22, 6, 6, 10),
    ],
)
def test_another_limit_holds_in_its_hours_also_over_midnight(first: int, last: int, hour: int, allowed: int) -> None:
    settings = ReplicationSettings(bytes_s=10, other_bytes_s=99, from_hour=first, until_hour=last)
    assert allowed_bytes_s(settings, datetime(2026, 11, 28, hour, tzinfo=UTC)) == allowed


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50))
def test_what_leaves_never_exceeds_the_limit(sizes: list[int]) -> None:
    pace = Pace(ReplicationSettings(bytes_s=100), lambda: datetime.now(UTC), monotonic=lambda: 0.0)
    waits = [pace.take(size) for size in sizes]
    for number, wait_s in enumerate(waits):
        assert wait_s == pytest.approx(sum(sizes[:number]) / 100)


def test_without_a_limit_nothing_waits() -> None:
    pace = Pace(ReplicationSettings(), lambda: datetime.now(UTC))
    assert max(pace.take(1 << 40) for _ in range(10)) == 0


@pytest.mark.parametrize(
    ("replication", "eviction", "whole"),
    [
        ("scheduled", "skipped", "scheduled"), ("active", "skipped", "replicating"), ("completed", "skipped", "completed"),
        ("skipped", "active", "evicting"), ("skipped", "failed", "failed"), ("active", "scheduled", "replicating"),
        ("completed", "scheduled", "evicting"), ("completed", "active", "evicting"), ("completed", "completed", "completed"),
        ("failed", "failed", "failed"), ("aborting", "aborting", "aborting"), ("cancelled", "cancelled", "cancelled"),
    ],
)  # fmt: skip
def test_a_transfers_status_follows_from_its_phases(
    replication: SubtaskStatus, eviction: SubtaskStatus, whole: str
) -> None:
    assert state_of(replication, eviction) == whole
