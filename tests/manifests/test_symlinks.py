"""One rule for symbolic links: what it lets through leads to the same place, and never out, on a real disk."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs2od.manifests import is_straight, link_fault, straight_target

LINKS = {"up": ".", "deep": "a/b", "out": "/etc", "loop": "loop", "there": "back", "back": "there"}


@pytest.mark.parametrize(
    ("path", "target", "straight"),
    [
        ("odd", "d/../ok", "ok"),
        ("a/b/odd", "../b/./../ok", "../ok"),
        ("odd", "deep/../ok", "a/ok"),
        ("odd", "nowhere/../ok", "ok"),
        ("a/odd", "..", ".."),
        ("odd", "a/..", "."),
        ("loop", "d/../loop", "loop"),
        ("odd", "there/../ok", "ok"),
        ("odd", "up/../x", None),
        ("odd", "..", None),
        ("odd", "out/x", None),
        ("odd", "/srv/data/ok", None),
        ("a/odd", "../../data/ok", None),
    ],
)
def test_a_target_is_said_without_going_up_after_a_name_or_is_out(path: str, target: str, straight: str | None) -> None:
    assert straight_target(path, target, LINKS.get) == straight
    assert link_fault(path, target, LINKS.get) == (None if straight else "link leaves the dataset")


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        (None, "link could not be read"),
        ("t\udcff", "link's target is not UTF-8"),
        ("", "link says nothing that a disk would take"),
        ("a\0b", "link says nothing that a disk would take"),
        ("ö" * 2048, "link says nothing that a disk would take"),
        ("o" * 4095, None),
    ],
)
def test_what_a_link_cannot_say(target: str | None, fault: str | None) -> None:
    assert link_fault("x", target, LINKS.get) == fault


PATHS = ("l", "m", "d/l", "d/m", "d/e/l")
STEPS = st.lists(st.sampled_from(["..", ".", "l", "m", "d", "e", "f"]), min_size=1, max_size=6).map("/".join)


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(st.sampled_from(PATHS), STEPS))
def test_among_links_of_any_kind_it_says_what_the_disk_does_and_none_that_is_made_leads_out(
    links: dict[str, str],
) -> None:
    with TemporaryDirectory() as place:
        there, made = Path(place, "there").resolve(), Path(place, "made").resolve()
        for root in (there, made):
            (root / "d/e").mkdir(parents=True)
        for path, target in links.items():
            (there / path).symlink_to(target)
            straight = target if is_straight(target) else straight_target(path, target, links.get)
            if link_fault(path, target, links.get) is None and straight is not None:
                (made / path).symlink_to(straight)
        for path in links:
            inside = Path(os.path.realpath(made / path))
            assert inside.is_relative_to(made)
            if (there / path).exists():
                meant = Path(os.path.realpath(there / path))
                assert meant.is_relative_to(there) == (made / path).is_symlink()
