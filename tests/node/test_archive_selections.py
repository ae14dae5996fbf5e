"""What may be chosen for an archive."""

from __future__ import annotations

import pytest

from fs2od.node.provider.archives.selections import MOST_PATHS, chosen
from fs2od.onedata.errors import ServiceError


def test_what_lies_below_another_choice_is_chosen_already() -> None:
    assert chosen(["b/c", "b", "a/x", "b/c/d", "a"]) == ("a", "b")


@pytest.mark.parametrize("path", ["", "/etc", "../x", "a/../b", "a//b", "a\0b", "\ud800"])
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(ServiceError, match="invalid"):
        chosen([path])


def test_too_many_paths_are_refused() -> None:
    with pytest.raises(ServiceError, match="must be at most"):
        chosen([f"f{number}" for number in range(MOST_PATHS + 1)])
