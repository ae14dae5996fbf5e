import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs2od.mail import Attachment, Letter, LetterError, Mailbox
from fs2od.mail._letters import compose, in_seven_bits

NOW = datetime(2026, 11, 5, 14, 2, 3, tzinfo=UTC)
SENDER = Mailbox("data@facility.example.org", "Example Facility")
ALEX = Mailbox("alex@example.org", "Alex Example")
ID = "<0123456789abcdef@facility.example.org>"


def letter(text: str = "Hello\n", **changes: object) -> Letter:
    return Letter(**{"sender": SENDER, "to": (ALEX,), "subject": "Your data", "text": text} | changes)  # type: ignore[arg-type]  # keywords of a test


def parsed(message: bytes) -> EmailMessage:
    found = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert found.defects == []
    return found


def part(message: EmailMessage, kind: str) -> EmailMessage:
    body = message.get_body((kind,))
    assert isinstance(body, EmailMessage)
    return body


@pytest.mark.parametrize(("text", "encoding"), [("plain\n", "7bit"), ("Åse · 1.84 TB\n", "8bit")])
def test_the_text_part_is_7bit_or_8bit(text: str, encoding: str) -> None:
    message = parsed(compose(letter(text, html="<p>Åse</p>"), message_id=ID, now=NOW))
    plain = part(message, "plain")
    assert plain["Content-Transfer-Encoding"] == encoding
    assert plain.get_content().replace("\r\n", "\n") == text
    assert part(message, "html")["Content-Transfer-Encoding"] == "8bit"


@pytest.mark.parametrize("html", ["", "<p>Åse</p>"])
def test_a_file_comes_with_the_letter_byte_by_byte_and_the_text_stays_as_it_is(html: str) -> None:
    content = b"-----BEGIN\r\n\0\n.\n\xff" * 40
    with_file = letter("Åse\n", html=html, attachments=(Attachment("fs2od-ca.pem", content),))
    raw = compose(with_file, message_id=ID, now=NOW)
    message = parsed(raw)
    (found,) = message.iter_attachments()
    assert isinstance(found, EmailMessage)
    assert (found.get_filename(), found.get_content()) == ("fs2od-ca.pem", content)
    assert part(message, "plain")["Content-Transfer-Encoding"] == "8bit"
    assert part(message, "plain").get_content() == "Åse\r\n"
    assert raw == compose(with_file, message_id=ID, now=NOW)
    assert "BEGIN" not in repr(with_file)


def test_for_a_server_that_takes_ascii_alone_nothing_of_a_letter_is_lost() -> None:
    long_name = Mailbox("alex@example.org", "Ž" * 70)
    file = Attachment("fs2od-ca.pem", b"\xff\r\n" * 40)
    text = f"Åse\n\nhttps://x/{'=' * 300}\n"
    whole = compose(letter(text, html="<p>Åse</p>", to=(long_name,), attachments=(file,)), message_id=ID, now=NOW)
    message = parsed(in_seven_bits(whole))
    assert in_seven_bits(whole).isascii()
    assert in_seven_bits(whole).partition(b"\r\n\r\n")[0] == whole.partition(b"\r\n\r\n")[0]
    assert b"\n" not in in_seven_bits(whole).replace(b"\r\n", b"")
    assert [each["Content-Transfer-Encoding"] for each in message.walk() if not each.is_multipart()] == ["base64"] * 3
    assert part(message, "plain").get_content().replace("\r\n", "\n") == text
    assert part(message, "html").get_content().strip() == "<p>Åse</p>"
    plain = compose(letter("ASCII\n"), message_id=ID, now=NOW)
    assert in_seven_bits(plain) == plain


@pytest.mark.parametrize("length", [79, 500, 998])
def test_a_long_word_stands_unbroken_alone_on_its_line(length: int) -> None:
    token = "=" * length
    raw = compose(letter(f"Token:\n\n{token}\n\nÜber\n", html=f"<p>\n{token}\n</p>"), message_id=ID, now=NOW)
    assert raw.split(b"\r\n").count(token.encode()) == 2
    assert b"\n" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize("length", [999, 3000])
def test_a_line_too_long_for_mail_is_an_error_and_is_never_broken(length: int) -> None:
    with pytest.raises(LetterError, match=rf"line 3 of the mail's text has {length} bytes") as caught:
        compose(letter(f"Token:\n\n{'t' * length}\n"), message_id=ID, now=NOW)
    assert "tttt" not in str(caught.value)


def test_a_long_line_is_measured_in_bytes() -> None:
    with pytest.raises(LetterError, match="1000 bytes"):
        compose(letter("é" * 500), message_id=ID, now=NOW)


def test_a_long_line_of_html_alone_is_encoded() -> None:
    html = f"<p>{'t' * 3000}</p>\n"
    message = parsed(compose(letter(html=html), message_id=ID, now=NOW))
    assert part(message, "html")["Content-Transfer-Encoding"] == "quoted-printable"
    assert part(message, "html").get_content().replace("\r\n", "\n") == html


def test_headers_say_what_they_must_and_bcc_is_in_none() -> None:
    one = letter(
        cc=(Mailbox("pi@example.org"),), bcc=(Mailbox("archive@example.net"),), reply_to=Mailbox("ask@example.org")
    )
    raw = compose(one, message_id=ID, now=NOW)
    message = parsed(raw)
    assert dict(message.items()) | {"Content-Type": ""} == {
        "Date": "Thu, 05 Nov 2026 14:02:03 +0000",
        "Message-ID": ID,
        "Subject": "Your data",
        "From": "Example Facility <data@facility.example.org>",
        "To": "Alex Example <alex@example.org>",
        "Cc": "pi@example.org",
        "Reply-To": "ask@example.org",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Transfer-Encoding": "7bit",
        "Content-Type": "",
    }
    assert b"archive" not in raw
    assert one.envelope == ("alex@example.org", "pi@example.org", "archive@example.net")


def test_an_address_named_twice_gets_one_letter() -> None:
    assert letter(cc=(ALEX,), bcc=(Mailbox("ALEX@example.org"),)).envelope == ("ALEX@example.org",)


def test_equal_letters_have_equal_bytes() -> None:
    one = letter("ä", html="<p>ä</p>")
    assert compose(one, message_id=ID, now=NOW) == compose(one, message_id=ID, now=NOW)


def test_a_letter_to_nobody_is_refused() -> None:
    with pytest.raises(LetterError, match="no recipient"):
        compose(letter(to=()), message_id=ID, now=NOW)


def test_neither_text_nor_html_is_in_the_repr() -> None:
    assert "secret" not in repr(letter("secret", html="secret"))


@settings(deadline=None)
@given(subject=st.text(max_size=300), names=st.lists(st.text(max_size=150), min_size=1, max_size=4))
def test_no_subject_and_no_name_adds_a_header_or_a_recipient(subject: str, names: list[str]) -> None:
    to = tuple(Mailbox(f"a{number}@example.org", name) for number, name in enumerate(names))
    one = letter(to=to, subject=subject)
    raw = compose(one, message_id=ID, now=NOW)
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert {name.lower() for name in message} == {
        "date", "message-id", "subject", "from", "to", "auto-submitted",
        "content-type", "content-transfer-encoding", "mime-version",
    }  # fmt: skip
    assert len(message.keys()) == 9
    assert message["Subject"] == one.subject
    assert [each.addr_spec for each in message["To"].addresses] == [each.address for each in to]
    # Python 3.11 reads a blank between two encoded words, which RFC 2047 §6.2 tells readers to drop.
    shown = [each.display_name.replace(" ", "") for each in message["To"].addresses]
    assert shown == [each.name.replace(" ", "") for each in to]
    assert all(len(line) <= 320 for line in raw.split(b"\r\n"))


@settings(deadline=None)
@given(st.text())
def test_any_text_arrives_but_for_its_control_characters(text: str) -> None:
    message = parsed(compose(letter(text), message_id=ID, now=NOW))
    shown = "".join(each for each in text if each >= " " and each != "\x7f")
    arrived = part(message, "plain").get_content()
    assert "".join(each for each in arrived if each >= " ") == shown.encode("utf-8", "replace").decode()
