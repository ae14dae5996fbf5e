import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs2od.errors import ConfigurationError
from fs2od.mail import LetterError, Mailbox, parse_mailbox, parse_recipients

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=200) | st.text('<>@",;.\\ \r\nab', max_size=60),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def addresses(value: object) -> list[str]:
    return [mailbox.address for mailbox in parse_recipients(value).mailboxes]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("alex@example.org", [Mailbox("alex@example.org")]),
        (" <alex@example.org> ", [Mailbox("alex@example.org")]),
        ("Alex Example <alex@example.org>", [Mailbox("alex@example.org", "Alex Example")]),
        ('"Example, Alex" <alex@example.org>', [Mailbox("alex@example.org", "Example Alex")]),
        ("a@example.org, b@example.org; c@example.org", [Mailbox(f"{x}@example.org") for x in "abc"]),
        ("a@example.org\nb@example.org\n", [Mailbox("a@example.org"), Mailbox("b@example.org")]),
        (["Ä <a@example.org>", "b@example.org"], [Mailbox("a@example.org", "Ä"), Mailbox("b@example.org")]),
        ("Alex <alex@exämple.org>", [Mailbox("alex@xn--exmple-cua.org", "Alex")]),
        ("alex@straße.example", [Mailbox("alex@xn--strae-oqa.example")]),
        ("alex@localhost", [Mailbox("alex@localhost")]),
        ("o'hara+grid2@sub.example.org", [Mailbox("o'hara+grid2@sub.example.org")]),
    ],
)
def test_usual_ways_to_write_recipients_are_understood(value: object, expected: list[Mailbox]) -> None:
    recipients = parse_recipients(value)
    assert (list(recipients.mailboxes), recipients.complaints) == (expected, ())


@pytest.mark.parametrize("value", [None, "", "  ", [], ",;"])
def test_nothing_is_a_complaint(value: object) -> None:
    assert parse_recipients(value).complaints == ("no mail address is given",)


@pytest.mark.parametrize(
    "value",
    [
        "alex", "alex@", "@example.org", "alex@example", "alex@@example.org", "a b@example.org", ".alex@example.org",
        "alex..b@example.org", "alex@-example.org", "alex@example.org.", "alex@[127.0.0.1]", "älex@example.org",
        "alex@ex\u2603\u0301.org", "alex@-ä.org", "alex(comment)@example.org", "a" * 65 + "@example.org", "alex@" + "a." * 130 + "org",
        "Alex <alex@example.org", "Alex <alex@example.org> <eve@example.org>", "x" * 5000, 7, True, {"Email": "a@b.org"},
        [["alex@example.org"]], [None],
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_sentence(value: object) -> None:
    recipients = parse_recipients(value)
    assert recipients.mailboxes == ()
    assert len(recipients.complaints) == 1
    assert len(recipients.complaints[0]) < 200


def test_letters_before_the_at_that_no_mail_server_need_take_are_named() -> None:
    assert parse_recipients("jürgen@example.org").complaints == (
        "'jürgen@example.org' is not a mail address: expected plain letters (a to z), digits and signs before the @",
    )


def test_good_addresses_are_used_beside_bad_ones_and_each_once() -> None:
    recipients = parse_recipients(["a@example.org", "nobody", "A@example.org", "b@example.org"])
    assert [each.address for each in recipients.mailboxes] == ["a@example.org", "b@example.org"]
    assert recipients.complaints == ("'nobody' is not a mail address: expected name@host.domain",)


def test_a_list_without_end_is_cut() -> None:
    recipients = parse_recipients([f"a{n}@example.org" for n in range(10_000)])
    assert len(recipients.mailboxes) == 50
    assert recipients.complaints == ("more than 50 recipients: only the first 50 are used",)


@pytest.mark.parametrize("value", ["<" * 4000, '"' * 3999, '"a' * 2000, "a," * 2000, "\\" * 4000, '"\\' * 2000])
def test_texts_made_to_be_slow_are_read_at_once(value: str) -> None:
    assert parse_recipients(value).mailboxes == ()


@settings(deadline=None)
@given(ANYTHING)
def test_whatever_stands_there_the_addresses_are_plain_and_the_names_are_one_harmless_line(value: object) -> None:
    recipients = parse_recipients(value)
    assert recipients.mailboxes or recipients.complaints
    for mailbox in recipients.mailboxes:
        assert re.fullmatch(r"[!-~]+@[A-Za-z0-9.-]+", mailbox.address)
        assert mailbox.name.splitlines() in ([], [mailbox.name])
        assert not set(mailbox.name) & set('<>@,;:"\\')
    assert all(complaint.splitlines() == [complaint] for complaint in recipients.complaints)


def test_a_name_cannot_pose_as_another_address() -> None:
    (mailbox,) = parse_recipients('"boss@example.org\u202e, X" <eve@example.com>').mailboxes
    assert mailbox == Mailbox("eve@example.com", "boss example.org X")


def test_a_mailbox_cannot_be_made_of_what_is_no_address() -> None:
    with pytest.raises(LetterError, match="is not a mail address"):
        Mailbox("alex@example.org\nBcc: eve@example.com")


def test_a_setting_is_exactly_one_mailbox() -> None:
    assert parse_mailbox("Data desk <data@example.org>") == Mailbox("data@example.org", "Data desk")
    for wrong in ("", "a@example.org, b@example.org", "nobody"):
        with pytest.raises(ConfigurationError, match="expected one mail address"):
            parse_mailbox(wrong)
