"""Mail: an outbox in a database handed in, letters by templates, and the ways out (a folder of files, SMTP)."""

from fs2od.mail._addresses import Mailbox, Recipients, parse_mailbox, parse_recipients
from fs2od.mail._copies import CopiesEvent, CopiesNews, render_copies
from fs2od.mail._errors import LetterError
from fs2od.mail._folder import FolderTransport
from fs2od.mail._letters import Attachment, Letter
from fs2od.mail._news import CA_FILE, TOKEN_FILE, DatasetEvent, DatasetNews
from fs2od.mail._outbox import (
    OUTBOX_SCHEMA_SQL,
    DeliveryPass,
    LetterRecipient,
    LetterRow,
    LetterState,
    Outbox,
    RecipientState,
    RefusalNote,
    pause_after,
)
from fs2od.mail._rendering import Rendered, rehearse, render
from fs2od.mail._sharing import SharingEvent, SharingNews, render_sharing
from fs2od.mail._sign_in import SignInNews, render_sign_in
from fs2od.mail._smtp import SmtpSettings, SmtpTransport
from fs2od.mail._support import SupportEvent, SupportNews, render_support
from fs2od.mail._transports import NotDelivered, Outcome, Transport

__all__ = [
    "CA_FILE",
    "OUTBOX_SCHEMA_SQL",
    "TOKEN_FILE",
    "Attachment",
    "CopiesEvent",
    "CopiesNews",
    "DatasetEvent",
    "DatasetNews",
    "DeliveryPass",
    "FolderTransport",
    "Letter",
    "LetterError",
    "LetterRecipient",
    "LetterRow",
    "LetterState",
    "Mailbox",
    "NotDelivered",
    "Outbox",
    "Outcome",
    "RecipientState",
    "Recipients",
    "RefusalNote",
    "Rendered",
    "SharingEvent",
    "SharingNews",
    "SignInNews",
    "SmtpSettings",
    "SmtpTransport",
    "SupportEvent",
    "SupportNews",
    "Transport",
    "parse_mailbox",
    "parse_recipients",
    "pause_after",
    "rehearse",
    "render",
    "render_copies",
    "render_sharing",
    "render_sign_in",
    "render_support",
]
