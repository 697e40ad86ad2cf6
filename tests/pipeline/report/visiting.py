"""A report visited in a Chromium."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
from playwright.sync_api import Page

from tests.pipeline.report.making import BITS

__all__ = ["NARROW", "WIDE", "Opened", "Visit"]

PAINTED_S = 3.0
WIDE, NARROW = (1440, 900), (390, 844)
STILL = "(() => { const v = document.querySelector('video'); return !v.seeking && v.readyState >= 2; })()"


@dataclass
class Opened:
    """A page, and all it said and asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def settled(self) -> None:
        """Wait until the picture that was asked for is there."""
        self.page.wait_for_function(STILL)

    def click_at(self, time_s: float) -> None:
        """Click the curve where a time lies: its left edge is the first frame's, its right edge the last one's."""
        area = self.page.locator(".area")
        begin, end = (float(area.get_attribute(f"aria-value{name}") or "nan") for name in ("min", "max"))
        box = area.bounding_box()
        assert box is not None
        self.page.mouse.click(box["x"] + (time_s - begin) / (end - begin) * box["width"], box["y"] + box["height"] / 2)
        self.settled()

    @property
    def video_s(self) -> float:
        return float(self.page.evaluate("document.querySelector('video').currentTime"))

    @property
    def moment_s(self) -> float:
        return float(self.page.locator(".area").get_attribute("aria-valuenow") or "nan")

    @property
    def source(self) -> str:
        return self.page.locator("#from").inner_text()

    def shows(self, number: int) -> bool:
        """Whether the picture on the screen comes to show a number: a browser may take a moment to paint it."""
        until = time.monotonic() + PAINTED_S
        while self._number() != number:
            if time.monotonic() > until:
                return False
        return True

    def _number(self) -> int:
        shot = np.frombuffer(self.page.locator("video").screenshot(), np.uint8)
        picture = cv2.imdecode(shot, cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        row = picture[picture.shape[0] // 2]
        return sum(int(row[round((bit + 0.5) * len(row) / BITS)] > 128) << bit for bit in range(BITS))


class Visit(Protocol):
    """Opens a report; what the page complains about or asks a network for fails the test."""

    def __call__(
        self,
        path: Path,
        size: tuple[int, int] = WIDE,
        scheme: Literal["light", "dark"] = "light",
        *,
        scripts: bool = True,
        touch: bool = False,
        strict: bool = False,
    ) -> Opened: ...
