from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fs2od.mail import OUTBOX_SCHEMA_SQL, DatasetNews
from fs2od.sqlite import Database, Schema


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 5, 14, 2, 3, 456789, tzinfo=UTC)


@pytest.fixture
def open_database(tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Open the same file each time, closing what was open: a restart, as the database sees it."""
    opened: list[Database] = []

    def open_it() -> Database:
        if opened:
            opened[-1].close()
        opened.append(
            Database(tmp_path / "facility.db", Schema("test journal", ("CREATE TABLE seen (name)", OUTBOX_SCHEMA_SQL)))
        )
        return opened[-1]

    yield open_it
    if opened:
        opened[-1].close()


@pytest.fixture
def news() -> DatasetNews:
    return DatasetNews(
        instrument="Titan Krios",
        title="70S ribosome, grid 2",
        link="https://data.example.org/share/8f2a",
        download_command="fs2od download https://data.example.org/share/8f2a .",
        files=9119,
        size_bytes=1_840_000_000_000,
        state="acquiring",
        facility_name="Example Facility",
        contact="data@facility.example.org",
        experimenter_name="Alex Example",
        members_token="MDAx" * 120,
        members_token_uses=20,
        members_token_until=datetime(2027, 3, 12, 14, 0, tzinfo=UTC),
        personal_join_link="https://data.example.org/join#" + "MDAy" * 100,
        available_until=date(2027, 3, 12),
    )
