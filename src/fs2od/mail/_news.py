"""What a mail tells about a dataset, and the checks on values that come from metadata files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from fs2od.mail._addresses import parse_recipients
from fs2od.mail._errors import LetterError
from fs2od.mail._lines import is_one_word, one_line

__all__ = ["CA_FILE", "TOKEN_FILE", "DatasetEvent", "DatasetNews", "checked"]

CA_FILE, TOKEN_FILE = "fs2od-ca.pem", "fs2od.token"
"""What commands call the authority's certificate and the file with an access token, in the folder where they are run."""

DatasetEvent = Literal["announced", "complete"]

_MOST_NAMES = 5


@dataclass(frozen=True)
class DatasetNews:
    """Everything that a mail about a dataset may say. What is empty or `None` is left out of it, and nothing is guessed.

    Tokens and the join link are not in the repr.
    """

    instrument: str
    title: str
    link: str
    """The public page."""
    download_command: str
    """One line for a shell that has fs2od."""
    files: int
    """Files that can be delivered now."""
    size_bytes: int
    state: Literal["acquiring", "complete"]
    facility_name: str
    contact: str
    """Whom to ask: a mail address, or any words."""
    experimenter_name: str = ""
    script_command: str = ""
    """The same for a shell that has curl and Python alone; empty where nobody serves get.py."""
    ca_check: str = ""
    """One line for a shell that judges the CA file, where the commands need one: it is attached then."""
    ca_address: str = ""
    """Where the CA file can be fetched; empty where it is only attached."""
    token_page: str = ""
    """Where members make the access token that the commands read, while the link is for members only."""
    members_only_until: datetime | None = None
    """When the link opens to everybody."""
    members_token: str = field(default="", repr=False)
    members_token_uses: int | None = None
    members_token_until: datetime | None = None
    personal_join_link: str = field(default="", repr=False)
    """Makes the one who opens it an owner, once."""
    personal_join_token: str = field(default="", repr=False)
    """The same as a token, where there is no page that such a link could lead to."""
    personal_join_until: datetime | None = None
    onedata_page: str = ""
    """The web interface of a federation, in which tokens are used there; empty where a page of ours takes them."""
    undeliverable: int = 0
    """Files that cannot be delivered, besides `files`."""
    undeliverable_names: tuple[str, ...] = ()
    available_until: date | None = None

    @property
    def contact_address(self) -> str:
        """The contact, if it is one mail address; else empty."""
        recipients = parse_recipients(self.contact)
        alone = len(recipients.mailboxes) == 1 and not recipients.complaints
        return recipients.mailboxes[0].address if alone else ""


def checked(news: DatasetNews) -> DatasetNews:
    """Return the news with every word fit for one line, names shortened to the first few.

    Raises:
        LetterError: A link is no http(s) address, a token holds a blank, or the command is more than one line.
    """
    _require_link("link", news.link)
    if news.personal_join_link:
        _require_link("personal join link", news.personal_join_link)
    addresses = {
        "address of Onedata's web interface": news.onedata_page,
        "address of the CA file": news.ca_address,
        "address of the page for tokens": news.token_page,
    }
    for name, address in addresses.items():
        if address:
            _require_link(name, address)
    if not all(is_one_word(token) for token in (news.members_token, news.personal_join_token) if token):
        raise LetterError("the token in a mail must be printable ASCII without blanks")
    for command in (news.download_command, news.script_command):
        if one_line(command, most=10_000) != command:
            raise LetterError("the download command must be one line without control characters or double blanks")
    return replace(
        news,
        instrument=one_line(news.instrument),
        title=one_line(news.title),
        facility_name=one_line(news.facility_name),
        contact=one_line(news.contact),
        experimenter_name=one_line(news.experimenter_name),
        undeliverable_names=tuple(one_line(name, most=120) for name in news.undeliverable_names[:_MOST_NAMES]),
    )


def _require_link(name: str, value: str) -> None:
    if not is_one_word(value) or not value.startswith(("https://", "http://")):
        raise LetterError(f"the {name} in a mail must begin with https:// and be printable ASCII without blanks")
