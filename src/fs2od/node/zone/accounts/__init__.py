"""Accounts: how people prove who they are, and the sessions of their browsers. No passwords anywhere."""

from fs2od.node.zone.accounts.accounts import Account, Accounts, Blocked, NotInvited, SignUp
from fs2od.node.zone.accounts.flows import Flow, Flows
from fs2od.node.zone.accounts.grants import Grant, Grants
from fs2od.node.zone.accounts.identities import Identities, Identity, LastIdentity, Proof
from fs2od.node.zone.accounts.links import AskedTooOften, LinkLetters, SignInLink, SignInLinks
from fs2od.node.zone.accounts.pace import Pace
from fs2od.node.zone.accounts.sealing import SealedTransport, sealed_link
from fs2od.node.zone.accounts.sessions import SESSION_LASTS, BrowserSession, Resumed, Sessions

__all__ = [
    "SESSION_LASTS",
    "Account",
    "Accounts",
    "AskedTooOften",
    "Blocked",
    "BrowserSession",
    "Flow",
    "Flows",
    "Grant",
    "Grants",
    "Identities",
    "Identity",
    "LastIdentity",
    "LinkLetters",
    "NotInvited",
    "Pace",
    "Proof",
    "Resumed",
    "SealedTransport",
    "Sessions",
    "SignInLink",
    "SignInLinks",
    "SignUp",
    "sealed_link",
]
