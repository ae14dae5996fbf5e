"""Oneprovider's nouns, one module each. P in the docstrings stands for `https://PROVIDER/api/v3/oneprovider`."""

from fs2od.client.provider.files import Files, Written
from fs2od.client.provider.metadata import JsonMetadata, RdfMetadata, Xattrs
from fs2od.client.provider.oneprovider import Oneprovider
from fs2od.client.provider.qos import QosRequirements
from fs2od.client.provider.shares import ProviderShares
from fs2od.client.provider.spaces import ProviderSpaces
from fs2od.client.provider.transfers import Transfers

__all__ = [
    "Files",
    "JsonMetadata",
    "Oneprovider",
    "ProviderShares",
    "ProviderSpaces",
    "QosRequirements",
    "RdfMetadata",
    "Transfers",
    "Written",
    "Xattrs",
]
