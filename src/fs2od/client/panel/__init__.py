"""Onepanel's nouns, one module each. N in the docstrings stands for `https://PROVIDER/api/v3/onepanel`."""

from fs2od.client.panel.imports import Imports
from fs2od.client.panel.onepanel import Onepanel
from fs2od.client.panel.spaces import SupportedSpaces
from fs2od.client.panel.storages import Storages
from fs2od.client.panel.users import ZoneUsers

__all__ = ["Imports", "Onepanel", "Storages", "SupportedSpaces", "ZoneUsers"]
