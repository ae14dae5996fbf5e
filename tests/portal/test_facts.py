from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.portal._facts import Facts, parse_facts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def test_everything_that_the_facility_says_is_understood() -> None:
    facts = parse_facts(
        {
            "fs2od": {
                "title": "70S ribosome,\n grid 2",
                "instrument": "Titan Krios",
                "facility": "Example Facility",
                "contact": "data@facility.example.org",
                "state": "complete",
                "since": "2026-11-05T14:02:00+00:00",
                "completed": "2026-11-06T09:00:00+01:00",
                "available_until": "2027-03-12",
                "undeliverable": 2,
                "undeliverable_names": ["a", "b"],
            },
            "ProjectName": "Factors",
            "Sample": {"Name": "70S", "Keywords": ["one", "two"]},
            "dose_per_area": 40.5,
            "IsApo": True,
        }
    )
    assert facts.title == "70S ribosome, grid 2"
    assert facts.state == "complete"
    assert facts.since == datetime(2026, 11, 5, 14, 2, tzinfo=UTC)
    assert facts.completed == datetime(2026, 11, 6, 8, 0, tzinfo=UTC)
    assert facts.available_until == date(2027, 3, 12)
    assert (facts.undeliverable, facts.undeliverable_names) == (2, ("a", "b"))
    assert dict(facts.values) == {
        "Project name": "Factors",
        "Sample · Name": "70S",
        "Sample · Keywords": "one, two",
        "dose per area": "40.5",
        "Is apo": "yes",
    }


@pytest.mark.parametrize("metadata", [None, [], "text", {"fs2od": None}, {"fs2od": {"state": "odd", "since": "soon"}}])
def test_what_is_not_of_the_expected_form_is_left_out(metadata: object) -> None:
    assert parse_facts(metadata) == Facts()


@given(JSON | st.fixed_dictionaries({"fs2od": st.dictionaries(st.sampled_from(
    ["title", "state", "since", "completed", "available_until", "undeliverable", "undeliverable_names", "contact"]), JSON
)}))  # fmt: skip
def test_no_metadata_breaks_a_page(metadata: object) -> None:
    facts = parse_facts(metadata)
    assert all(label and value and len(value) <= 300 for label, value in facts.values)


def test_the_number_of_values_is_bounded() -> None:
    assert len(parse_facts({f"k{number}": number for number in range(1000)}).values) == 40
    deep: dict[str, object] = {"leaf": "x"}
    for _ in range(50):
        deep = {"a": deep}
    assert parse_facts(deep).values == ()
