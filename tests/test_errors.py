"""What an error may repeat: never a secret, and nothing else is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.errors import masked

LETTERS = st.text("ab c", max_size=12)


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("the value 'a' is bad", ["a"], "the value '(hidden)' is bad"),
        ("key=ab1: refused", ["ab1"], "key=(hidden): refused"),
        ("cab1", ["ab1"], "cab1"),
        ("prefixsecretsuffix", ["secret"], "prefix(hidden)suffix"),
        ("secret and secrets", ["secret", "secrets"], "(hidden) and (hidden)"),
        ("abcXdef", ["abcX", "Xdef"], "(hidden)"),
        ("the secret is hidden", ["secret", "hidden"], "the (hidden) is (hidden)"),
        ("aaaaa", ["aaaa"], "(hidden)"),
        ("nothing", [""], "nothing"),
        ("(.*)+", ["(.*)+"], "(hidden)"),
    ],
)
def test_secrets_are_hidden_and_words_stay_whole(text: str, secrets: list[str], shown: str) -> None:
    assert masked(text, secrets) == shown


@given(LETTERS, LETTERS, st.lists(st.text("ab c", min_size=4, max_size=6), min_size=1, max_size=3))
def test_no_long_secret_is_ever_left(before: str, after: str, secrets: list[str]) -> None:
    found = masked(before + secrets[0] + after, secrets)
    assert all(secret not in part for secret in secrets for part in found.split("(hidden)"))


@given(LETTERS, LETTERS, st.text("ab", min_size=1, max_size=3))
def test_no_short_secret_is_left_that_stands_by_itself(before: str, after: str, secret: str) -> None:
    assert secret not in masked(f"{before} {secret} {after}", [secret]).replace("(hidden)", "").split()
