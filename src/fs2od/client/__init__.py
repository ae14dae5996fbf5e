"""A typed, asynchronous client of Onedata: zones, providers, their panels, and public links.

```python
async with Connection(token=token, ca_file=ca_file) as connection:
    zone = Onezone(connection, "https://zone.example.org")
    space = await zone.spaces.create_for_group(group, "grid 7")
```

`Connection` lists the errors that every call may raise.
"""

from fs2od.client._answers import RangeNotSatisfiable
from fs2od.client._connection import Connection, Observer, Timeouts
from fs2od.client._content import LARGEST_CONTENT_BYTES, ByteRange, Content
from fs2od.client._failures import UnknownName, UntrustedCertificate
from fs2od.client._operations import OPERATIONS, Operation, ServiceName
from fs2od.client._origins import ShareLink, https_origin, parse_share_link
from fs2od.client._proxies import ProxyAddress, ProxyOf
from fs2od.client._public import OpenShare, open_share
from fs2od.client._reading import FileReader, SharedData
from fs2od.client._renewals import Renewal
from fs2od.client._retries import Retries, Tries, is_transient
from fs2od.client.panel import Onepanel
from fs2od.client.provider import Oneprovider
from fs2od.client.zone import Onezone

__all__ = [
    "LARGEST_CONTENT_BYTES",
    "OPERATIONS",
    "ByteRange",
    "Connection",
    "Content",
    "FileReader",
    "Observer",
    "Onepanel",
    "Oneprovider",
    "Onezone",
    "OpenShare",
    "Operation",
    "ProxyAddress",
    "ProxyOf",
    "RangeNotSatisfiable",
    "Renewal",
    "Retries",
    "ServiceName",
    "ShareLink",
    "SharedData",
    "Timeouts",
    "Tries",
    "UnknownName",
    "UntrustedCertificate",
    "https_origin",
    "is_transient",
    "open_share",
    "parse_share_link",
]
