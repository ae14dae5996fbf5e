"""The key that opens the operator's page: made once, also where a start was killed while it made it."""

from __future__ import annotations

from pathlib import Path

from fs2od.cli.operator import _key


def test_the_key_is_made_once_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "facility" / "operator.key"
    key = _key(path)
    assert len(key) > 20
    assert _key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_that_a_killed_start_did_not_write_is_made_anew(tmp_path: Path) -> None:
    """An empty key opens nothing, so nobody could sign in any more, and nothing said why."""
    path = tmp_path / "operator.key"
    path.touch(mode=0o600)
    key = _key(path)
    assert len(key) > 20
    assert path.read_text().strip() == key


def test_a_key_of_one_s_own_is_taken_from_a_file_that_can_only_be_read(tmp_path: Path) -> None:
    path = tmp_path / "operator.key"
    path.write_text("the operator's own key\n")
    path.chmod(0o400)
    assert _key(path) == "the operator's own key"
