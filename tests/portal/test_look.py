from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

import fs2od.portal

ASSETS = Path(fs2od.portal.__file__).parent / "assets"
STYLE = (ASSETS / "style.css").read_text()
SURFACES = ["page", "card", "code"]
INKS = ["ink", "soft", "accent"]
PAIRS = [
    *product(INKS, SURFACES),
    ("on-accent", "accent"),
    ("ink", "accent-soft"),
    ("accent", "accent-soft"),
    ("good", "good-soft"),
    ("busy", "busy-soft"),
    ("bad", "bad-soft"),
]


def palette(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))


LIGHT = palette(STYLE.split("@media (prefers-color-scheme: dark)")[0])
DARK = LIGHT | palette(STYLE.split("@media (prefers-color-scheme: dark)")[1].split("*, ::before")[0])


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "surface"), PAIRS)
def test_every_ink_can_be_read_on_its_surface(colours: dict[str, str], ink: str, surface: str) -> None:
    bright, dim = sorted((luminance(colours[ink]), luminance(colours[surface])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 4.5


def test_dark_and_light_name_the_same_colours() -> None:
    named = palette(STYLE.split("@media (prefers-color-scheme: dark)")[1].split("*, ::before")[0])
    assert named.keys() == LIGHT.keys()


def test_the_style_sheet_and_the_script_are_small() -> None:
    assert len(STYLE.encode()) < 15_500
    assert (ASSETS / "page.js").stat().st_size < 10_000


def test_colours_stand_only_in_the_palette() -> None:
    rules = STYLE.split("*, ::before, ::after", 1)[1]
    assert set(re.findall(r"#[0-9a-f]{3,8}\b", rules)) <= {"#ffffff"}


def test_motion_asks_first() -> None:
    for line in STYLE.splitlines():
        if "animation:" in line:
            assert "prefers-reduced-motion: no-preference" in line
