"""A network that fails as a test tells it to: a proxy before a real service, and a share that lies.

```python
with Proxy({443: ("127.0.0.2", 443)}, serving=ours, asking=theirs) as proxy:
    proxy.strike(Cut(after=1_000_000), when=is_about_bytes, times=3)
    ...  # whoever asks port 443 loses the connection three times
    assert proxy.body_bytes() < 2_000_000
```
"""

from fs2od.testing.network._faults import (
    Cut,
    Delay,
    Fault,
    FlipBit,
    Gzip,
    Held,
    NoLength,
    Refuse,
    Relabel,
    Stall,
    SwapRanges,
    Throttle,
    WholeForRange,
)
from fs2od.testing.network._hostile import HostileShare, asked_for, listed
from fs2od.testing.network._messages import Broken, Reply, Request, reply_of
from fs2od.testing.network._proxy import Exchange, Proxy, is_about_bytes
from fs2od.testing.network._serving import Server, server_context
from fs2od.testing.network._tunnels import Tunnels

__all__ = [
    "Broken",
    "Cut",
    "Delay",
    "Exchange",
    "Fault",
    "FlipBit",
    "Gzip",
    "Held",
    "HostileShare",
    "NoLength",
    "Proxy",
    "Refuse",
    "Relabel",
    "Reply",
    "Request",
    "Server",
    "Stall",
    "SwapRanges",
    "Throttle",
    "Tunnels",
    "WholeForRange",
    "asked_for",
    "is_about_bytes",
    "listed",
    "reply_of",
    "server_context",
]
