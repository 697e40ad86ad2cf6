"""The two planes of the street as textures: the ground with its paving, and the house fronts behind it.

Textures are (rows, columns, 3) float32, RGB from 0 to 255 in full light, with `density` pixels a metre; the top
rows are the far end of the ground and the top of the houses.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.video.street.shapes import Colour, darker

__all__ = ["FRONT_HEIGHT_M", "FRONT_Y_M", "KERBS_M", "LEFT_M", "Texture", "ground_texture", "house_fronts"]

Texture = NDArray[np.float32]

# Both planes reach farther to the sides than any picture shows; the ground begins below its lower edge.
LEFT_M, RIGHT_M = -16.0, 32.0
NEAR_M, FRONT_Y_M = 3.0, 19.0
FRONT_HEIGHT_M = 9.0
WIDEST_HOUSE_M = 7.0
# Between the kerbs lies a lane of setts, beyond them walkways of slabs.
KERBS_M = (10.7, 15.6)
JOINT_M = 0.02

PLASTERS: tuple[Colour, ...] = ((196, 176, 146), (170, 122, 98), (188, 186, 178), (150, 158, 150), (206, 190, 160))
CLOTHS: tuple[Colour, ...] = ((146, 52, 48), (54, 88, 84), (62, 72, 112), (178, 128, 58))
SIGNS = ("BAKERY", "BOOKS", "FLORIST", "TEA & COFFEE", "TAILOR", "OPTICIAN", "SHOES", "RADIO", "PHARMACY")
GLASS: Colour = (58, 70, 80)
FRAME: Colour = (74, 66, 58)
STONE: Colour = (120, 114, 106)
SLABS: Colour = (176, 168, 156)
SETTS: Colour = (142, 133, 124)


def ground_texture(rng: np.random.RandomState, density: int) -> Texture:
    """Slabs, a kerb, setts, a kerb and slabs, worn and stained."""
    x = LEFT_M + _pixel_centres(RIGHT_M - LEFT_M, density)
    y = FRONT_Y_M - _pixel_centres(FRONT_Y_M - NEAR_M, density)
    near, far = KERBS_M
    ground = np.empty((len(y), len(x), 3), np.float32)
    for rows, stone_m, variety, colour in (
        (y < near, (0.75, 0.5), 0.045, SLABS),
        ((near <= y) & (y < far), (0.24, 0.14), 0.09, SETTS),
        (far <= y, (0.6, 0.6), 0.045, darker(SLABS, 0.95)),
    ):
        ground[rows] = _paving(x, y[rows], stone_m, variety, rng)[..., None] * np.array(colour, np.float32)
    ground[(abs(y - near) < 0.1) | (abs(y - far) < 0.1)] *= 1.13
    ground[((near + 0.1 < y) & (y < near + 0.4)) | ((far - 0.4 < y) & (y < far - 0.1))] *= 0.86
    wear = 0.06 * _clouds(ground.shape[:2], density * 2.5, rng) + 0.03 * _clouds(ground.shape[:2], density * 0.2, rng)
    # Less of the sky is seen from where the houses stand.
    corner = 1 - 0.35 * np.exp((y - FRONT_Y_M) / 0.3)
    ground *= (1 + wear)[..., None] * corner[:, None, None]
    return ground


def house_fronts(rng: np.random.RandomState, density: int) -> tuple[Texture, Texture]:
    """A row of houses with shops, and how much of the sun each point gets, 0 to 1, (rows, columns)."""
    # The last house may reach beyond the right end.
    columns = int((RIGHT_M - LEFT_M + WIDEST_HOUSE_M) * density)
    colours = np.zeros((int(FRONT_HEIGHT_M * density), columns, 3), np.float32)
    sunlit = np.ones(colours.shape[:2], np.float32)
    left, number = 0.0, 0
    while left < RIGHT_M - LEFT_M:
        width = rng.uniform(5.2, WIDEST_HOUSE_M)
        house = _Wall(colours, sunlit, density, left)
        _paint_house(house, width, PLASTERS[number % len(PLASTERS)], SIGNS[number % len(SIGNS)], rng)
        left, number = left + width, number + 1
    grain = 0.05 * _clouds(sunlit.shape, density * 1.5, rng) + 0.03 * _clouds(sunlit.shape, density * 0.08, rng)
    colours *= (1 + grain)[..., None]
    return colours, sunlit


@dataclass(frozen=True, slots=True)
class _Wall:
    """A stretch of the fronts to paint on, in metres from its lower left corner."""

    colours: Texture
    sunlit: Texture
    density: int
    left_m: float

    def window(self, x: float, width: float, z: float, height: float) -> tuple[slice, slice]:
        rows = len(self.colours)
        left = round((self.left_m + x) * self.density)
        bottom = rows - round(z * self.density)
        right = left + max(1, round(width * self.density))
        return slice(max(0, bottom - max(1, round(height * self.density))), bottom), slice(left, right)

    def fill(self, x: float, width: float, z: float, height: float, colour: Colour) -> None:
        self.colours[self.window(x, width, z, height)] = colour

    def shade(self, x: float, width: float, z: float, height: float, sun: float) -> None:
        self.sunlit[self.window(x, width, z, height)] *= sun


def _paint_house(wall: _Wall, width: float, plaster: Colour, sign: str, rng: np.random.RandomState) -> None:
    wall.fill(0, width, 0, FRONT_HEIGHT_M, plaster)
    wall.fill(0, width, 0, 0.45, STONE)
    wall.fill(0, width, 3.75, 0.16, darker(plaster, 1.12))
    wall.shade(0, width, 3.6, 0.15, 0.55)
    wall.fill(width - 0.09, 0.09, 0, FRONT_HEIGHT_M, darker(plaster, 0.72))
    door = rng.choice([0.5, width - 1.75])
    _paint_door(wall, door, rng)
    shop = 1.9 if door < 1 else 0.45
    _paint_shop_window(wall, shop, width - 2.5, rng)
    cloth = CLOTHS[rng.randint(len(CLOTHS))]
    wall.fill(shop - 0.1, width - 2.3, 2.95, 0.55, darker(cloth, 0.6))
    _write(wall, sign, shop, width - 2.5)
    if rng.uniform() < 0.65:
        _paint_awning(wall, shop - 0.15, width - 2.2, cloth)
    for place in np.arange(0.8, width - 1.2, 1.75):
        wall.fill(place - 0.1, 1.2, 4.5, 1.95, darker(plaster, 1.1))
        wall.fill(place, 1.0, 4.6, 1.75, GLASS)
        wall.fill(place + 0.47, 0.06, 4.6, 1.75, (206, 200, 190))


def _paint_door(wall: _Wall, x: float, rng: np.random.RandomState) -> None:
    paint = CLOTHS[rng.randint(len(CLOTHS))]
    wall.fill(x - 0.12, 1.24, 0, 2.62, FRAME)
    wall.fill(x, 1.0, 0.08, 2.4, darker(paint, 0.62))
    wall.fill(x + 0.18, 0.64, 1.1, 1.2, GLASS)
    wall.fill(x + 0.84, 0.06, 1.0, 0.16, (190, 170, 120))
    wall.fill(x - 0.2, 1.4, 0, 0.1, darker(STONE, 1.2))


def _paint_shop_window(wall: _Wall, x: float, width: float, rng: np.random.RandomState) -> None:
    wall.fill(x - 0.08, width + 0.16, 0.5, 2.36, FRAME)
    panes = max(1, round(width / 1.6))
    for pane in range(panes):
        left, broad = x + pane * width / panes + 0.04, width / panes - 0.08
        wall.fill(left, broad, 0.58, 2.2, GLASS)
        wall.fill(left, broad, 0.58, 0.5, darker(GLASS, 0.8))
        for _ in range(4):
            thing_width, height = rng.uniform(0.12, 0.34), rng.uniform(0.15, 0.55)
            colour = darker(CLOTHS[rng.randint(len(CLOTHS))], rng.uniform(0.7, 1.25))
            wall.fill(left + rng.uniform(0, broad - thing_width), thing_width, 0.72, height, colour)
        # The sky mirrored in the upper half.
        rows, columns = wall.window(left, broad, 1.6, 1.18)
        wall.colours[rows, columns] += np.linspace(64, 8, rows.stop - rows.start, dtype=np.float32)[:, None, None]


def _paint_awning(wall: _Wall, x: float, width: float, cloth: Colour) -> None:
    stripes = round(width / 0.3)
    for stripe in range(stripes):
        colour = cloth if stripe % 2 else (214, 206, 190)
        wall.fill(x + stripe * width / stripes, width / stripes, 2.42, 0.62, colour)
        wall.fill(x + stripe * width / stripes, width / stripes, 2.42, 0.14, darker(colour, 0.8))
    wall.shade(x + 0.1, width + 0.25, 1.2, 1.22, 0.25)


def _write(wall: _Wall, sign: str, x: float, width: float) -> None:
    """Letters on the sign board, in its middle."""
    rows, columns = wall.window(x, width, 2.95, 0.55)
    board = np.clip(wall.colours[rows, columns], 0, 255).astype(np.uint8)
    height = len(board)
    font = cv2.FontFace("sans")
    size = max(4, round(height * 0.62))
    text_width = cv2.getTextSize((0, 0), sign, (0, 0), font, size, 600)[2]
    at = (max(0, (board.shape[1] - text_width) // 2), round(height * 0.72))
    cv2.putText(board, sign, at, (226, 214, 186), font, size, 600)
    wall.colours[rows, columns] = board


def _pixel_centres(length_m: float, density: int) -> Texture:
    """Where the pixels of a side lie, in metres from its begin."""
    return np.asarray((np.arange(int(length_m * density)) + 0.5) / density, np.float32)


def _paving(
    x: Texture, y: Texture, stone_m: tuple[float, float], variety: float, rng: np.random.RandomState
) -> Texture:
    """Brightness of stones laid in rows, each row shifted by half a stone: (len(y), len(x)), about 1."""
    row, in_row = np.divmod(y / np.float32(stone_m[1]), 1)
    column, in_column = np.divmod(x[None] / np.float32(stone_m[0]) + (row[:, None] % 2) * 0.5, 1)
    stones = 1 + rng.normal(0, variety, 4099).astype(np.float32)
    light = stones[(row[:, None].astype(int) * 389 + column.astype(int)) % len(stones)]
    joints = (in_column * stone_m[0] < JOINT_M) | (in_row * stone_m[1] < JOINT_M)[:, None]
    return np.asarray(np.where(joints, 0.72, 1) * light, np.float32)


def _clouds(shape: tuple[int, ...], blob_px: float, rng: np.random.RandomState) -> Texture:
    """Smooth random unevenness about 0, standard deviation about 1."""
    small = [max(2, int(side / blob_px)) for side in shape]
    values = rng.normal(0, 1.3, small).astype(np.float32)
    return np.asarray(cv2.resize(values, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
