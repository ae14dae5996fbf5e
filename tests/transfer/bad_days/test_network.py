"""A network that cuts, flips, swaps, compresses, stalls and lies, between a real node and the real command.

Each must end with equal trees, and with no more fetched again than what was bad: the proxy counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.noise import noise

from fs2od.manifests import PIECE_BYTES
from fs2od.testing.downloading import BehindProxy, Downloader, publish
from fs2od.testing.network import (
    Cut,
    Delay,
    Fault,
    FlipBit,
    Gzip,
    NoLength,
    Refuse,
    Relabel,
    Request,
    Stall,
    SwapRanges,
    Throttle,
    WholeForRange,
)
from fs2od.transfer import Download, Options, Timeouts, parse_link

Making = Callable[..., Downloader]
BIG_BYTES = 30_000_000
big = partial(noise, BIG_BYTES)
"""Four pieces, the last one shorter."""
SMALL = {f"Grids/Square_{number % 7}/{number}.tiff": random.Random(number).randbytes(20_000) for number in range(300)}
SMALL_BYTES = sum(map(len, SMALL.values()))
ON_ITS_WAY = 4 << 20
"""What may have left the proxy, and lie in the kernel's buffers, when a client turns away."""
ALWAYS = 1_000_000


def once_and_what_it_costs() -> list[tuple[str, tuple[Fault, ...], int]]:
    """Return faults of one answer about pieces, and the most bytes that may be fetched again because of each."""
    return [
        ("cut", (Cut(3_000_001),), ON_ITS_WAY),
        ("cut at once", (Cut(0),), ON_ITS_WAY),
        ("cut at a piece's end", (Cut(PIECE_BYTES),), ON_ITS_WAY),
        ("one bit", (FlipBit(1_234_567),), PIECE_BYTES + ON_ITS_WAY),
        ("the first bit", (FlipBit(0),), PIECE_BYTES + ON_ITS_WAY),
        ("swapped ranges", (SwapRanges(1_000_000, 4_000_000, 65_536),), PIECE_BYTES + ON_ITS_WAY),
        ("200 for 206", (WholeForRange(),), BIG_BYTES),
        ("no length", (NoLength(),), 0),
        ("no length, and cut", (Cut(1_000_000), NoLength()), ON_ITS_WAY),
        ("compressed", (Gzip(),), ON_ITS_WAY),
        ("late and slow", (Delay(0.2), Throttle(20_000_000)), 0),
        ("503", (Refuse(503, {"Retry-After": "1"}),), 0),
        ("429", (Refuse(429, {"Retry-After": "1"}),), 0),
        ("502", (Refuse(502),), 0),
        ("416", (Refuse(416, {"Content-Range": f"bytes */{BIG_BYTES}"}),), 0),
        ("another range", (Relabel({"Content-Range": f"bytes 1-8388608/{BIG_BYTES}"}),), ON_ITS_WAY),
        ("no range", (Relabel({"Content-Range": None}),), ON_ITS_WAY),
        ("another size", (Relabel({"Content-Range": "bytes 0-8388607/99"}),), ON_ITS_WAY),
        ("another state", (Relabel({"ETag": '"another"'}),), ON_ITS_WAY),
    ]


@pytest.mark.parametrize(
    ("faults", "most_again"),
    [each[1:] for each in once_and_what_it_costs()],
    ids=[e[0] for e in once_and_what_it_costs()],
)
def test_one_bad_answer_costs_no_more_than_what_was_bad(
    net: BehindProxy, downloader: Making, faults: tuple[Fault, ...], most_again: int
) -> None:
    published = publish(net.world, {"movie.mrc": big()})
    net.proxy.strike(*faults, when=net.about_pieces)
    download = downloader(net, published)
    ended = download.run()
    assert ended.code == 0, ended
    assert net.proxy.struck()
    assert download.tree() == published.files()
    assert ended.told["summary"].startswith("4 of 4 files")
    sent = net.proxy.body_bytes(lambda found: net.about_pieces(found.request) and found.status in {200, 206})
    assert sent <= BIG_BYTES + most_again


@pytest.mark.parametrize(
    "fault",
    [WholeForRange(), NoLength(), Relabel({"ETag": None}), Relabel({"Accept-Ranges": None, "Content-Range": None})],
    ids=["200 for 206", "no length", "no entity tag", "no range told"],
)
def test_a_proxy_that_is_always_like_that_is_lived_with(net: BehindProxy, downloader: Making, fault: Fault) -> None:
    published = publish(net.world, {"movie.mrc": big(), **dict(list(SMALL.items())[:20])})
    net.proxy.strike(fault, when=net.about_bytes, times=ALWAYS)
    download = downloader(net, published)
    ended = download.run()
    assert ended.code == 0, ended
    assert download.tree() == published.files()


def test_a_file_that_never_arrives_right_is_named_and_does_not_get_its_name(
    net: BehindProxy, downloader: Making
) -> None:
    published = publish(net.world, {"movie.mrc": big(), "a.txt": b"x" * 1000})
    net.proxy.strike(FlipBit(10), when=net.about_pieces, times=ALWAYS)
    download = downloader(net, published)
    ended = download.run()
    assert ended.code == 8, ended
    assert [each["path"] for each in ended.told["failures"]] == ["movie.mrc"]
    assert "bytes" in ended.told["failures"][0]["reason"]
    there, whole = download.tree(), published.files()
    assert {path: digest for path, digest in there.items() if not path.endswith((".partial", ".pieces"))} == {
        path: digest for path, digest in whole.items() if path != "movie.mrc"
    }
    net.proxy.forgive()
    assert download.run().code == 0
    assert download.tree() == whole


def test_behind_a_proxy_that_compresses_everything_nothing_is_believed(net: BehindProxy, downloader: Making) -> None:
    published = publish(net.world, {"movie.mrc": big(), "a.txt": b"x" * 1000})
    net.proxy.strike(Gzip(), when=net.about_bytes, times=ALWAYS)
    download = downloader(net, published)
    ended = download.run()
    assert ended.code in {4, 8}, ended
    assert not download.tree().keys() & {"movie.mrc", "a.txt"}
    net.proxy.forgive()
    assert download.run().code == 0
    assert download.tree() == published.files()


def test_a_connection_that_stalls_is_left_and_asked_anew(net: BehindProxy, tmp_path: Path) -> None:
    published = publish(net.world, {"movie.mrc": big(), **SMALL})
    net.proxy.strike(Stall(2_000_000), when=net.about_pieces)
    net.proxy.strike(Stall(50_000), when=lambda request: net.about_bytes(request) and request.range is None)
    net.proxy.strike(Stall(0), when=lambda request: "children" in request.target)
    options = Options(ca_file=str(net.world.ca), timeouts=Timeouts(connect_s=5, stall_s=0.5))
    report = Download(parse_link(published.link), tmp_path / "out", options).run()
    assert report.exit_code == 0, report.summary()
    assert len(net.proxy.struck()) == 3
    assert report.files_intact == len(SMALL) + 1


@pytest.mark.parametrize(
    ("fault", "most_again"),
    [
        (Cut(1_000_000), 1_000_000),
        (FlipBit(400_000), 1_000_000),
        (SwapRanges(200_000, 400_000, 4_096), 1_000_000),
        (Gzip(), ON_ITS_WAY),
        (NoLength(), 0),
        (Refuse(503, {"Retry-After": "1"}), 0),
        (Refuse(500), 0),
        (Relabel({"Content-Type": "text/html"}), ON_ITS_WAY),
    ],
    ids=["cut", "one bit", "swapped", "compressed", "no length", "503", "500", "another type"],
)
def test_many_small_files_come_whole_whatever_happens_to_their_stream(
    net: BehindProxy, downloader: Making, fault: Fault, most_again: int
) -> None:
    published = publish(net.world, SMALL)

    def is_stream(request: Request) -> bool:
        return request.target.endswith("/bulk")

    net.proxy.strike(fault, when=is_stream)
    download = downloader(net, published)
    ended = download.run()
    assert ended.code == 0, ended
    assert net.proxy.struck()
    assert download.tree() == published.files()
    assert net.proxy.body_bytes() < SMALL_BYTES * 1.2 + 500_000 + most_again


@pytest.mark.parametrize("fault", [Cut(40), Gzip(), Refuse(503), Refuse(502), NoLength(), FlipBit(3)], ids=repr)
@pytest.mark.parametrize("part", ["children", "public", "fs2od.json", "data/"])
def test_what_is_said_about_the_files_may_break_off_as_well(
    net: BehindProxy, downloader: Making, fault: Fault, part: str
) -> None:
    published = publish(net.world, dict(list(SMALL.items())[:20]))
    net.proxy.strike(fault, when=lambda request: part in request.target and not net.about_bytes(request))
    download = downloader(net, published)
    ended = download.run()
    if ended.code:  # what cannot be read is told, and the same command goes on
        assert ended.code == 4, ended
        ended = download.run()
    assert ended.code == 0, ended
    assert download.tree() == published.files()


def test_a_manifest_that_arrives_damaged_is_asked_for_again(net: BehindProxy, downloader: Making) -> None:
    published = publish(net.world, dict(list(SMALL.items())[:20]))
    net.proxy.strike(FlipBit(40), when=net.about_bytes, times=2)  # the seal and the manifest are what is read first
    download = downloader(net, published)
    ended = download.run()
    assert ended.code == 0, ended
    assert download.tree() == published.files()
    assert ended.told["summary"].endswith("all intact")


@pytest.mark.parametrize("seed", range(3))
def test_a_storm_of_everything_ends_with_equal_trees(
    net: BehindProxy, downloader: Making, words: tuple[str, ...], seed: int
) -> None:
    chosen = random.Random(seed)
    published = publish(net.world, {"movie.mrc": big(), "second.mrc": big()[:9_000_000], **SMALL})
    kinds: list[Callable[[], Fault]] = [
        lambda: Cut(chosen.randrange(2_000_000)),
        lambda: FlipBit(chosen.randrange(2_000_000)),
        lambda: SwapRanges(chosen.randrange(1000), 2000 + chosen.randrange(500_000), 900),
        lambda: Refuse(chosen.choice([429, 500, 502, 503, 504])),
        lambda: Delay(chosen.random() / 5),
        WholeForRange,
        NoLength,
        Gzip,
    ]
    for _ in range(25):
        net.proxy.strike(chosen.choice(kinds)(), when=net.about_bytes, passing=chosen.randrange(3))
    download = downloader(net, published, words)
    codes = [download.run().code]
    while codes[-1] and len(codes) < 4:
        codes.append(download.run().code)
    assert set(codes) <= {0, 4, 8}
    assert codes[-1] == 0
    assert download.tree() == published.files()


@pytest.mark.parametrize(
    "fault",
    [Cut(3_000_001), Refuse(503), WholeForRange(), NoLength(), Gzip()],
    ids=["cut", "503", "200", "length", "gzip"],
)
def test_a_plain_onedata_without_checksums_is_read_just_as_patiently(
    plain_net: BehindProxy, downloader: Making, fault: Fault
) -> None:
    published = publish(plain_net.world, {"movie.mrc": big(), **SMALL}, sidecar=False)
    plain_net.proxy.strike(fault, when=plain_net.about_pieces, passing=1)
    plain_net.proxy.strike(fault, when=lambda r: plain_net.about_bytes(r) and r.range is None, passing=1)
    download = downloader(plain_net, published)
    ended = download.run()
    assert ended.code == 0, ended
    assert download.tree() == published.files()
    assert "checked by size only" in ended.told["summary"]


def test_what_nobody_vouches_for_is_not_called_intact(plain_net: BehindProxy, downloader: Making) -> None:
    published = publish(plain_net.world, {"a.mrc": big()[:100_000]}, sidecar=False)
    plain_net.proxy.strike(FlipBit(50_000), when=plain_net.about_bytes)
    download = downloader(plain_net, published)
    ended = download.run()
    assert ended.code == 0
    assert download.tree() != published.files()
    assert "intact" not in ended.told["summary"]
