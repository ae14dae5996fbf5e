"""The one configuration file, which node and facility read: its sections, how it is read, and the documents made from it."""

from fs2od.configuration._documents import example, settings_reference
from fs2od.configuration._file import judged, load_configuration, load_node_configuration
from fs2od.configuration._mail_transport import mail_transport
from fs2od.configuration._network import Network
from fs2od.configuration._sections import (
    ACCESS_FILE_NAME,
    Access,
    Checksums,
    Configuration,
    FacilitySection,
    Mail,
    Members,
    NodeConfiguration,
    Onedata,
    Pages,
    Publish,
    Replication,
    Smtp,
    Watch,
    closed_names,
)
from fs2od.configuration._sign_in import SignIn
from fs2od.configuration._sites import SiteStorage

__all__ = [
    "ACCESS_FILE_NAME",
    "Access",
    "Checksums",
    "Configuration",
    "FacilitySection",
    "Mail",
    "Members",
    "Network",
    "NodeConfiguration",
    "Onedata",
    "Pages",
    "Publish",
    "Replication",
    "SignIn",
    "SiteStorage",
    "Smtp",
    "Watch",
    "closed_names",
    "example",
    "judged",
    "load_configuration",
    "load_node_configuration",
    "mail_transport",
    "settings_reference",
]
