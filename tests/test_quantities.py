import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs2od.quantities import human_bytes, human_count


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9_994, "9.99 kB"),
        (9_995, "10.0 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (1_840_000_000_000, "1.84 TB"),
        (12_340_000_000, "12.3 GB"),
        (5 * 10**21, "5000 EB"),
    ],
)
def test_sizes_have_three_digits_and_a_decimal_unit(size_bytes: int, text: str) -> None:
    assert human_bytes(size_bytes) == text


@settings(deadline=None)
@given(st.integers(1000, 10**20))
def test_no_size_reads_as_a_thousand_of_a_unit_or_is_off_by_more_than_its_last_digit(size_bytes: int) -> None:
    number, unit = human_bytes(size_bytes).split()
    factor = 1000 ** (1 + ["kB", "MB", "GB", "TB", "PB", "EB"].index(unit))
    assert 1 <= float(number) < 1000
    assert len(number.replace(".", "")) == 3
    assert float(number) * factor == pytest.approx(size_bytes, rel=0.0051)


def test_counts_have_their_thousands_apart() -> None:
    assert [human_count(each) for each in (0, 999, 9120, 1_234_567)] == ["0", "999", "9,120", "1,234,567"]
