import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.manifests import folder_name


@given(st.text(max_size=100))
def test_no_shell_and_no_disk_takes_it_amiss_and_it_stays_as_it_is(name: str) -> None:
    found = folder_name(name)
    assert 0 < len(found) <= 80
    assert found[0] not in "-."
    assert found[-1] not in "-._"
    assert set(found) <= set(string.ascii_letters + string.digits + "-._")
    assert folder_name(found) == found


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mix2-ys7ikyyh", "mix2-ys7ikyyh"),
        ("Krios_1.2-ys7ikyyh", "Krios_1.2-ys7ikyyh"),
        ("70S ribosome (grid 2)", "70S-ribosome-grid-2"),
        ("Příliš žluťoučký", "Prilis-zlutoucky"),
        ("$(reboot); ../../x", "reboot-..-..-x"),
        ("試料", "5f785efc"),
        ("..", "5f785efc"),
        ("NUL.txt", "5f785efc"),
        ("", "5f785efc"),
    ],
)
def test_it_resembles_the_name(name: str, folder: str) -> None:
    assert folder_name(name, unnamed="5f785efc") == folder
