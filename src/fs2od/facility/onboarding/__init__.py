"""Bringing about at Onedata what a dataset needs: one module for each part, every step repeatable."""

from fs2od.facility.onboarding._importing import importing_again, uncounted_names
from fs2od.facility.onboarding._letters import NobodyToTell, announced_letter, complete_letter
from fs2od.facility.onboarding._names import dataset_name, provider_path, unique_name
from fs2od.facility.onboarding._performing import ApartAction, LocalAction, OnedataAction, Performer
from fs2od.facility.onboarding._provisioning import Groups, provide_groups
from fs2od.facility.onboarding._retiring import retired
from fs2od.facility.onboarding._services import Connect, Services, read_token
from fs2od.facility.onboarding._setbacks import FolderTrouble, NotYet, OnedataAway, Setback, setback_of

__all__ = [
    "ApartAction",
    "Connect",
    "FolderTrouble",
    "Groups",
    "LocalAction",
    "NobodyToTell",
    "NotYet",
    "OnedataAction",
    "OnedataAway",
    "Performer",
    "Services",
    "Setback",
    "announced_letter",
    "complete_letter",
    "dataset_name",
    "importing_again",
    "provide_groups",
    "provider_path",
    "read_token",
    "retired",
    "setback_of",
    "uncounted_names",
    "unique_name",
]
