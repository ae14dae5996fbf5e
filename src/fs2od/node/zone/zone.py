"""The zone assembled: every service over one database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from fs2od.mail import Outbox, parse_mailbox
from fs2od.node.clock import Clock
from fs2od.node.clockwork import Clockwork
from fs2od.node.settings import NodeSettings
from fs2od.node.zone.accounts import Accounts, Flows, Grants, Identities, LinkLetters, Sessions, SignInLinks
from fs2od.node.zone.activity import Activity
from fs2od.node.zone.audit import Audit
from fs2od.node.zone.catalogue import Catalogue
from fs2od.node.zone.credentials import Credentials
from fs2od.node.zone.devices import Devices
from fs2od.node.zone.epoch import Epoch
from fs2od.node.zone.groups import Groups
from fs2od.node.zone.invite_book import InviteBook
from fs2od.node.zone.invite_previews import InvitePreviews
from fs2od.node.zone.invites import Invites
from fs2od.node.zone.job_tokens import JobTokens
from fs2od.node.zone.link_rules import LinkRules
from fs2od.node.zone.memberships import Memberships
from fs2od.node.zone.notice_letters import NoticeLetters
from fs2od.node.zone.notices import LinkEnding, Notices, TokenEnding
from fs2od.node.zone.offers import Offers
from fs2od.node.zone.people import People
from fs2od.node.zone.places import open_places
from fs2od.node.zone.provenance import Provenance
from fs2od.node.zone.providers import Providers
from fs2od.node.zone.results import Results
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.schema import ZONE_SCHEMA
from fs2od.node.zone.secrets import KeyFile
from fs2od.node.zone.shares import Shares
from fs2od.node.zone.spaces import Spaces
from fs2od.node.zone.support_requests import SupportRequests
from fs2od.node.zone.token_endings import EndingToken, TokenEndings
from fs2od.node.zone.tokens import Tokens
from fs2od.node.zone.users import Users
from fs2od.node.zone.wrong_tokens import WrongTokens
from fs2od.onedata import errors
from fs2od.onedata.ids import ShareId
from fs2od.sqlite import Database

__all__ = ["Zone", "open_zone"]

_REMINDED_BEFORE = timedelta(days=7)


@dataclass(frozen=True)
class Zone:
    """The services of Onezone."""

    settings: NodeSettings
    database: Database
    clock: Clock
    clockwork: Clockwork
    epoch: Epoch
    keys: KeyFile
    memberships: Memberships
    rights: Rights
    users: Users
    groups: Groups
    spaces: Spaces
    shares: Shares
    catalogue: Catalogue
    provenance: Provenance
    link_rules: LinkRules
    tokens: Tokens
    token_endings: TokenEndings
    credentials: Credentials
    wrong_tokens: WrongTokens
    invites: Invites
    invite_book: InviteBook
    invite_previews: InvitePreviews
    people: People
    notices: Notices
    notice_letters: NoticeLetters
    providers: Providers
    offers: Offers
    support_requests: SupportRequests
    audit: Audit
    activity: Activity
    outbox: Outbox
    accounts: Accounts
    links: SignInLinks
    flows: Flows
    devices: Devices
    results: Results
    job_tokens: JobTokens

    def remind(self) -> None:
        """Tell of links that end within a week, and of tokens; of each once. Looks every few minutes, however often it is called."""
        if not self.link_rules.is_look_due():
            return
        soon = self.clock.now() + _REMINDED_BEFORE
        for ending in self.link_rules.ending(before_s=int(soon.timestamp())):
            share = self.shares.known(ending.share)
            self.notices.tell(LinkEnding(share.creator, share.id, share.name, ending.until_s))
        for token in self.token_endings.due():
            self.notices.tell(TokenEnding(token.user, token.id, token.name, token.until_s, self._page_of(token)))

    def _page_of(self, token: EndingToken) -> str:
        """Return the path of the page where a token like this is made: a job's on its dataset's page, for the same results."""
        try:
            dataset, *results = (self.spaces.known(space).id for space in token.spaces)
        except (ValueError, errors.NotFound):
            return "/tokens/new"
        return f"/space/{dataset}/compute{f'?results={results[0]}' if results else ''}#token"

    def public_url(self, share: ShareId) -> str:
        """Return the address of a share's page."""
        return f"{self.settings.zone_url}/share/{share}"

    def public_rest_url(self, share: ShareId) -> str:
        """Return the address of a share's public record."""
        return f"{self.settings.zone_url}/api/v3/onezone/shares/{share}/public"


def open_zone(settings: NodeSettings, clock: Clock) -> Zone:
    """Open the zone's database and key file in the node's data folder; both are made at first start.

    Raises:
        StateTooNew: A newer fs2od wrote them.
        StorageMissing: The folder is not there or may not be written.
        ConfigurationError: The sender is no mail address.
        ConfigurationError: A database of addresses cannot be read.
    """
    database = Database(settings.data / "zone.db", ZONE_SCHEMA)
    keys = KeyFile(settings.data / "secret.key")
    epoch = Epoch()
    memberships = Memberships(database, epoch)
    rights = Rights(database)
    tokens = Tokens(database, rights, keys, epoch, clock, domain=re.sub(r":\d+$", "", settings.zone_domain))
    places = open_places(asn_database=settings.asn_database, country_database=settings.country_database)
    credentials = Credentials(tokens, rights, clock, places=places)
    notices = Notices()
    activity = Activity(database, clock)
    providers = Providers(database, rights, clock)
    offers = Offers(database, rights, providers)
    invites = Invites(database, memberships, rights, tokens, credentials, clock, notices, activity)
    users = Users(database, memberships, clock)
    sessions = Sessions(database, keys, epoch, clock)
    grants = Grants(database, epoch)
    accounts = Accounts(database, users, memberships, rights, Identities(database, clock), sessions, grants, epoch)
    outbox = Outbox(database)
    letters = LinkLetters(
        sender=parse_mailbox(settings.mail_sender),
        facility_name=settings.facility_name or settings.name,
        page_url=f"{settings.zone_url}/sign-in/link",
        language_for=accounts.language_for,
        language=settings.mail_language,
        templates_folder=settings.mail_templates,
    )
    invite_book = InviteBook(database, rights, memberships, invites, tokens, clock, notices, activity)
    invite_previews = InvitePreviews(database, rights, invites, tokens, credentials)
    notice_letters = NoticeLetters(
        database=database,
        outbox=outbox,
        users=users,
        tokens=tokens,
        previews=invite_previews,
        clock=clock,
        letters=letters,
        settings=settings,
        provider=providers.known,
    )
    notices.listen(notice_letters.tell)
    spaces = Spaces(database, memberships, rights, clock)
    provenance = Provenance(database, rights, clock)
    results = Results(database, rights, spaces, offers, provenance)
    return Zone(
        settings=settings,
        database=database,
        clock=clock,
        clockwork=Clockwork(),
        epoch=epoch,
        keys=keys,
        memberships=memberships,
        rights=rights,
        users=users,
        groups=Groups(database, memberships, rights, clock),
        spaces=spaces,
        shares=Shares(database, rights, epoch, clock, activity),
        catalogue=Catalogue(database, rights, clock),
        provenance=provenance,
        link_rules=LinkRules(database, rights, epoch, clock, activity),
        tokens=tokens,
        token_endings=TokenEndings(database, clock),
        credentials=credentials,
        wrong_tokens=WrongTokens(clock),
        invites=invites,
        invite_book=invite_book,
        invite_previews=invite_previews,
        people=People(database, rights, memberships, notices, activity),
        notices=notices,
        notice_letters=notice_letters,
        providers=providers,
        offers=offers,
        support_requests=SupportRequests(database, rights, providers, offers, notices, clock),
        audit=Audit(database, clock),
        activity=activity,
        outbox=outbox,
        accounts=accounts,
        links=SignInLinks(database, outbox, keys, clock, letters),
        flows=Flows(database, keys, clock),
        devices=Devices(database, keys, tokens, clock),
        results=results,
        job_tokens=JobTokens(rights, tokens, credentials, results, clock),
    )
