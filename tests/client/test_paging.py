"""Listings come to an end, whatever a service answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.client._paging import Pages
from fs2od.onedata.errors import MalformedAnswer


def test_a_listing_ends_where_the_service_says_so() -> None:
    pages = Pages()
    pages.turn(10, "a", is_last=False)
    assert (pages.token, pages.ended) == ("a", False)
    pages.turn(0, "b", is_last=False)
    pages.turn(3, "b", is_last=True)
    assert pages.ended


@pytest.mark.parametrize("token", [None, ""])
def test_a_page_that_leads_nowhere_is_malformed(token: str | None) -> None:
    with pytest.raises(MalformedAnswer):
        Pages().turn(10, token, is_last=False)


def test_a_page_that_leads_to_itself_is_malformed() -> None:
    pages = Pages()
    pages.turn(10, "a", is_last=False)
    with pytest.raises(MalformedAnswer):
        pages.turn(10, "a", is_last=False)


@given(st.integers(0, 5))
def test_empty_pages_for_ever_are_malformed(first: int) -> None:
    with pytest.raises(MalformedAnswer):
        turn_often(Pages(), first)


def turn_often(pages: Pages, first: int) -> None:
    for number in range(1000):
        pages.turn(first if number == 0 else 0, f"token {number}", is_last=False)
