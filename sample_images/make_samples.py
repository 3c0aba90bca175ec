"""Makes every sample in this folder: python sample_images/make_samples.py [FOLDER]

Everything is computed, nothing photographed, and the pixels are the same on every machine: random numbers are
seeded and uniform, and lines and letters are drawn here, so no font and no drawing library has a say.
A picture is an array of floats from 0 to 255, (height, width) or (height, width, 3), rounded once at its end.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageCms

Array = NDArray[Any]
Line = Iterable[tuple[float, float]]

# A letter is lines on a grid 4 wide and 6 high: "xy" is a point, a space draws on, a slash lifts the pen.
LETTERS = {"A": "06 20 46/14 34", "G": "41 30 10 01 05 16 36 45 43 23", "I": "20 26", "L": "00 06 46"}
LETTERS |= {"M": "06 00 23 40 46", "N": "06 00 46 40", "O": "10 30 41 45 36 16 05 01 10", " ": ""}
LETTERS |= {"P": "06 00 30 41 42 33 03", "V": "00 26 40", "X": "00 46/40 06"}
CIRCLE = np.linspace(0, 2 * np.pi, 49)


def rounded(values: Array) -> Array:
    return np.floor(np.clip(values, 0, 255) + 0.5).astype(np.uint8)


def exact(values: Array) -> Array:
    """In steps of 1/1024, so that the last bits of sin() and exp(), which differ by machine, are gone."""
    return np.floor(values * 1024 + 0.5) / 1024


def plane(picture: Array) -> Array:
    """The x and the y of every pixel."""
    return np.mgrid[: picture.shape[0], : picture.shape[1]].astype(float)[::-1]


def ramp(at: Any, *stops: tuple[float, ...]) -> Array:
    """Colours along `at`, blended between stops (position, red, green, blue)."""
    where, *channels = zip(*stops, strict=True)
    return np.stack([np.interp(at, where, channel) for channel in channels], axis=-1)


def paint(picture: Array, cover: Array, colour: ArrayLike) -> None:
    """Lay a colour over the picture, in place, as far as `cover` (0 to 1) says."""
    cover = np.clip(cover, 0, 1)
    picture += (np.asarray(colour) - picture) * (cover[..., None] if picture.ndim == 3 else cover)


def draw(picture: Array, lines: Iterable[Line], colour: ArrayLike, width: float = 1) -> None:
    """Smooth lines, each a list of points (x, y); the whole numbers are the centres of the pixels."""
    (x, y), cover = plane(picture), np.zeros(picture.shape[:2])
    for (x0, y0), (x1, y1) in (piece for line in lines for piece in pairwise(line)):
        ends = sorted((y0, y1)), sorted((x0, x1))
        box = tuple(slice(max(int(a - width), 0), max(int(b + width) + 2, 0)) for a, b in ends)
        right, down, dx, dy = x[box] - x0, y[box] - y0, x1 - x0, y1 - y0
        along = np.clip((right * dx + down * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        away = np.sqrt((right - along * dx) ** 2 + (down - along * dy) ** 2)
        cover[box] = np.maximum(cover[box], np.clip(width / 2 + 0.5 - away, 0, 1))
    paint(picture, cover, colour)


def text(words: str, left: float, top: float, unit: float) -> Iterator[Line]:
    for place, letter in enumerate(words):
        for line in LETTERS[letter].split("/"):
            yield [(left + (place * 6 + int(p[0])) * unit, top + int(p[1]) * unit) for p in line.split()]


def ring(x: float, y: float, radius: float, angles: Array = CIRCLE) -> Line:
    return [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles]


def glow(picture: Array, x: float, y: float, radius: float, colour: ArrayLike, strength: float = 1) -> None:
    xs, ys = plane(picture)
    paint(picture, strength * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / radius**2), colour)


def disc(picture: Array, x: float, y: float, radius: float) -> Array:
    xs, ys = plane(picture)
    cover: Array = np.clip(radius + 0.5 - np.sqrt((xs - x) ** 2 + (ys - y) ** 2), 0, 1)
    return cover


def hills(x: Array, rng: np.random.Generator, height: float, longest: float) -> Array:
    """A hill line: waves with random phases, each shorter and lower than the one before."""
    waves = [np.sin(x * 6.2832 * 1.9**i / longest + 6.3 * rng.random()) / 1.9**i for i in range(7)]
    line: Array = height * np.sum(waves, axis=0)
    return line


# Pictures


SHORE, DARK, LIGHT = 232, (18, 15, 38), (255, 238, 196)


def image() -> Array:
    """A harbour at dusk. Bright lines for max: bridge, stars, neon. Dark ones for min: rigging, print."""
    picture, rng = np.zeros((320, 480, 3)), np.random.default_rng(1)
    add_sky(picture, rng)
    add_bridge(picture)
    add_city(picture, rng)
    add_water(picture)
    return rounded(picture)


def add_sky(picture: Array, rng: np.random.Generator) -> None:
    x, y = plane(picture)
    dusk = (0, 9, 12, 38), (100, 30, 32, 86), (165, 96, 62, 124), (205, 206, 112, 112), (SHORE, 255, 190, 122)
    picture += ramp(y, *dusk)
    for _ in range(190):  # stars of one pixel; the brightest have a fine cross
        column, row, bright = int(480 * rng.random()), int(140 * rng.random()), rng.random() ** 2
        picture[row, column] += (60 + 190 * bright) * (1 - row / 190)
        if bright > 0.94 and row < 80:
            cross = [(column - 3, row), (column + 3, row)], [(column, row - 3), (column, row + 3)]
            draw(picture, cross, (214, 222, 255), 0.5)
    glow(picture, 428, 46, 46, (190, 190, 255), 0.35)
    paint(picture, disc(picture, 428, 46, 15) * (1 - disc(picture, 421, 42, 14)), (255, 248, 226))
    paint(picture, y - 220 - hills(x, rng, 4, 260), (128, 74, 112))


def add_bridge(picture: Array) -> None:
    for tower in (222, 424):
        legs = [[(tower + 1.5 * side, SHORE), (tower + side, 84)] for side in (-4, 4)]
        beams = [[(tower - 4, row), (tower + 4, row)] for row in (86, 128, 166, 214)]
        draw(picture, [*legs, *beams], DARK, 3)
        glow(picture, tower, 79, 3, (255, 80, 80))
    # The cable hangs as a parabola from tower to tower.
    cable = [(c, 92 + 104 * (1 - ((c - 222) % 202 / 101 - 1) ** 2)) for c in range(100, 481)]
    draw(picture, [cable], LIGHT, 1.2)
    draw(picture, [[point, (point[0], 204)] for point in cable[::7]], (224, 190, 190), 0.7)
    draw(picture, [[(100, 206), (480, 206)]], (40, 30, 66), 5)
    draw(picture, [[(100, 204), (480, 204)]], LIGHT)
    picture[201:203, 103::14] = LIGHT


def add_city(picture: Array, rng: np.random.Generator) -> None:
    for left in range(0, 480, 24):  # a far row of houses, then a near one with lit windows
        roof = SHORE - int(6 + (80 if left < 160 else 8) * rng.random())
        picture[roof:SHORE, left : left + 23] = (66, 46, 92)
    left, lamps = 0, ((255, 214, 130), (255, 238, 190), (164, 206, 255), DARK, DARK)
    while left < 180:
        wide, rise = int(16 + 20 * rng.random()), rng.random()
        roof, middle = SHORE - int(46 + 92 * rise * (1 - left / 260)), left + wide // 2
        picture[roof:SHORE, left : left + wide - 1] = DARK
        for row, column in product(range(roof + 4, 208, 6), range(left + 3, left + wide - 4, 5)):
            picture[row : row + 3, column : column + 2] = lamps[int(5 * rng.random() ** 0.8)]
        if rise > 0.7:
            draw(picture, [[(middle, roof - 22), (middle, roof)]], DARK)
            glow(picture, middle, roof - 23, 2.5, (255, 80, 80))
        left += wide
    picture[210:SHORE, :left] = DARK
    picture[213:227, 14:116] = (255, 240, 206)
    draw(picture, text("MAX MIN AVG", 19, 216, 4 / 3), (40, 24, 30))
    glow(picture, 152, 219, 26, (255, 60, 150), 0.25)
    draw(picture, text("POOL", 130, 214, 11 / 6), (255, 120, 190), 1.3)


def add_water(picture: Array) -> None:
    for row in range(320 - SHORE):  # what is above: upside down, rippled, darker
        ripple = (np.sin(row * 1.7) + np.sin(row * 0.61)) * (0.6 + row / 24)
        mirror = np.roll(picture[SHORE - 1 - row * 5 // 4], int(ripple), axis=0)
        picture[SHORE + row] = mirror * (0.74 - row / 300) + (2, 6, 14)
    # A sailing boat: stays and spreader, mast and boom, hull.
    stays = [[(310, 142), end] for end in ((262, 252), (352, 250), (322, 254))]
    draw(picture, [*stays, [(294, 176), (326, 176)]], DARK)
    draw(picture, [[(310, 138), (310, 256)], [(310, 240), (346, 238)]], DARK, 2)
    draw(picture, [[(259 + 1.3 * row, 250 + row), (356 - 0.7 * row, 250 + row)] for row in range(13)], DARK)


def gradient() -> Array:
    """Each of the 65,536 greys once, black on the left, white on the right."""
    return np.arange(65536, dtype=np.uint16).reshape(256, 256).T.copy()


def checkerboard() -> Array:
    """A zone plate, its rings ever finer down to one pixel, beside checkerboards of 1, 2, 4 and 8 pixels."""
    x, y = plane(np.zeros((256, 256)))
    square = (x - 127.5) ** 2 + (y - 127.5) ** 2
    plate = 127.7 + 127 * np.cos(np.pi * square / 256) * np.clip((127 - np.sqrt(square)) / 6, 0, 1)
    size = 2 ** (y // 64)
    return rounded(np.hstack([plate, (255 * ((x // size + y // size) % 2))[:, :64]]))


def labels() -> Image.Image:
    """A map of eight classes, kept as palette numbers, with stray pixels and threads for `mode` to remove."""
    rng, threads = np.random.default_rng(4), np.zeros((160, 240))
    x, y = plane(threads)
    x, y = x + 7 * np.sin(y / 13) + 4 * np.sin(y / 5), y + 7 * np.sin(x / 15) + 3 * np.sin(x / 6)
    seeds = rng.random((22, 2)) * (240, 160)
    classes = np.argmin([(x - left) ** 2 + (y - top) ** 2 for left, top in seeds], axis=0) % 8
    draw(threads, rng.random((7, 3, 2)) * (240, 160), 1.0)
    stray = np.where(rng.random(classes.shape) < 0.03, 8 * rng.random(classes.shape), 3 * (threads > 0.5))
    picture = Image.fromarray(((classes + stray.astype(int)) % 8).astype(np.uint8))
    picture.putpalette(bytes.fromhex("264653 2a9d8f 8ab17d e9c46a f4a261 e76f51 b56576 e8e4d9"))
    return picture


def noisy() -> Array:
    """Three balls on a table through a bad sensor: one pixel in ten is black or white."""
    picture, chance = np.zeros((180, 240)), np.random.default_rng(5).random((180, 240))
    (x, y), balls = plane(picture), ((66, 92, 40, 200), (196, 102, 30, 235), (136, 128, 26, 120))
    wall, table = 70 + y / 2 + 40 * np.exp(-(((x - 60) / 90) ** 2)), 253 - y / 2 - 0.12 * x
    picture += np.where(y < 96, wall, table)
    for left, top, radius, _ in balls:
        square = ((x - left) / radius - 0.7) ** 2 / 2.25 + ((y - top) / radius - 0.86) ** 2 / 0.13
        paint(picture, np.where(y < 96, 0, 0.75 * np.exp(-(square**1.5))), 40)
    for left, top, radius, white in balls:
        right, down = (x - left) / radius, (y - top) / radius
        lit = 0.6 * np.sqrt(np.clip(1 - right**2 - down**2, 0, 1)) - 0.5 * right - 0.62 * down
        lit = np.clip(lit, 0, 1)
        shade = white * (0.16 + 0.1 * np.clip(down, 0, 1) + 0.84 * lit) + 150 * lit**40
        paint(picture, disc(picture, left, top, radius), shade)
    return rounded(np.select([chance < 0.05, chance > 0.95], [0, 255], picture))


def photo() -> Array:
    """Misty mountains, 320 wide and 480 high, stored on the side as a telephone does; EXIF says so."""
    rng, picture = np.random.default_rng(12), np.zeros((480, 320, 3))
    x, y = plane(picture)
    picture += ramp(y, (0, 70, 118, 176), (150, 188, 196, 206), (250, 255, 214, 166))
    glow(picture, 214, 196, 110, (255, 226, 160), 0.7)
    paint(picture, disc(picture, 214, 196, 17), (255, 252, 232))
    for i in range(6):  # from far and pale to near and dark, with mist at each foot
        colour = np.zeros_like(picture) + ramp(i, (0, 196, 176, 176), (2.5, 92, 116, 134), (5, 20, 46, 52))
        paint(colour, np.clip((y - 226 - 36 * i) / 90, 0, 1) * (0.45 - 0.06 * i), (255, 228, 200))
        paint(picture, y - 236 - 36 * i - hills(x, rng, 16 + 2 * i, 330 - 20 * i), colour)
    for _ in range(46):  # firs: a triangle of drooping boughs each
        column, down = 320 * rng.random(), y - 470 - 30 * rng.random() + 50 + 60 * rng.random()
        bough = down * (0.14 + 0.06 * (down / 7 % 1))
        paint(picture, np.where(down > 0, bough - abs(x - column) + 0.5, 0), (10, 28, 34))
    return np.rot90(rounded(picture)).copy()


def bilevel() -> Array:
    """A bicycle in thin black lines, one bit for each pixel."""
    paper, rear, front = np.ones((148, 272)), (68.2, 88.3), (203.7, 88.3)
    crank, seat, fork = (122.1, 92.2), (104.3, 34.4), (184.8, 46.9)
    turns = (np.arange(18) / 18 + 0.013) * 2 * np.pi
    draw(paper, [[(8.3, 136.4), (264.2, 136.4)]], 0, 1.2)
    for hub in (rear, front):
        axle, rim = ring(*hub, 3.5, turns + 1.2 * (-1) ** np.arange(18)), ring(*hub, 42, turns)
        draw(paper, [*zip(axle, rim, strict=True), ring(*hub, 42.2)], 0, 1.1)
        draw(paper, [ring(*hub, 45.8), ring(*hub, 3.6)], 0, 2.2)
    pedals = [[(106.2, 76), (118.2, 76)], [(112.2, 76), (132.3, 108)], [(126.3, 108), (138.3, 108)]]
    frame = [[rear, crank, fork], [rear, seat, crank], [seat, (181.4, 36.1)], [(177.1, 21.4), fork, front]]
    bar = [(168.3, 19.2), (177.1, 21.4), (192.2, 17.4), (199.3, 22.6), (197.2, 32.3), (188.4, 36.1)]
    draw(paper, [*frame, *pedals, bar, [seat, (100.4, 21.6)]], 0, 2.6)
    draw(paper, [[(86.3, 19.7), (94.2, 19.4), (116.4, 20.8)]], 0, 4.6)
    chain = [(122.1, 81.9), (68.2, 84.2)], [(122.1, 102.5), (68.2, 92.4)]
    draw(paper, [*chain, ring(*crank, 10.4), ring(*crank, 7.3)], 0, 1.3)
    return paper > 0.5


def cutout() -> Image.Image:
    """A balloon without a background: soft edges, a faint halo, fine ropes; black where nothing is."""
    alpha, ropes = np.zeros((240, 200)), np.zeros((240, 200))
    x, y = plane(alpha)
    wide = 66 * np.sqrt(np.clip(1 - ((y - 84) / 74) ** 2, 1e-4, 1)) * (1 - 0.0035 * np.clip(y - 84, 0, None))
    angle = np.arcsin(np.clip((x - 100) / wide, -1, 1))
    gores = np.array([(226, 74, 66), (250, 186, 72), (248, 238, 218)])
    light = 0.42 + 0.66 * np.clip(np.cos(angle + 0.5), 0, 1) * (1.12 - y / 420)
    colour = gores[(angle / np.pi * 9.99 + 5).astype(int) % 3] * light[..., None]
    shell = np.clip((wide - abs(x - 100)) / 4 + 0.5, 0, 1) * np.clip(np.minimum(152 - y, y - 9) / 3, 0, 1)
    draw(ropes, [[(100 + end, 152), (100 + end * 0.45, 196)] for end in (-24, -13, 0, 13, 24)], 1)
    basket = np.clip(13.5 - abs(x - 100), 0, 1) * np.clip(11.5 - abs(y - 206), 0, 1)
    halo = 0.55 * np.clip(1 - np.sqrt(((x - 100) / 96) ** 2 + ((y - 100) / 112) ** 2), 0, 1)
    paint(colour, shell + ropes + basket == 0, (255, 222, 160))
    paint(colour, ropes * (y > 150) > 0, (92, 64, 44))
    paint(colour, basket > 0, ramp((x // 3 + y // 3) % 2, (0, 150, 98, 54), (1, 184, 128, 74)))
    alpha = rounded(255 * np.max([shell, ropes, basket, halo], axis=0))
    return Image.fromarray(np.dstack([rounded(colour) * (alpha > 0)[..., None], alpha]))


# Arrays


def activations(picture: Array, directions: int, side: int) -> Array:
    """What a first layer sees: edges facing each direction, rectified; the strongest in side x side cells."""
    down, right = np.gradient(picture.mean(axis=2) / 255)
    height, width = down.shape[0] // side, down.shape[1] // side
    turns = 2 * np.pi * np.arange(directions) / directions
    edges = np.stack([np.sin(turn) * down + np.cos(turn) * right for turn in turns])
    edges = np.maximum(edges[:, : side * height, : side * width] - 0.03, 0)
    return exact(edges.reshape(directions, side, height, side, width).max(axis=(2, 4))).astype(np.float32)


def feature_map() -> Array:
    """Edges of image.png in eight directions, channels last."""
    return activations(image(), 8, 16).transpose(1, 2, 0).copy()


def maps() -> dict[str, Array]:
    """Two layers of a small network that saw image.png and photo.jpg: `early` is large, `late` deep."""
    early = np.stack([activations(picture, 4, 32) for picture in (image(), np.rot90(photo(), -1))])
    small = early.reshape(2, 4, 8, 4, 8, 4).max(axis=(3, 5)).astype(float)
    weights = exact(2 * np.random.default_rng(9).random((16, 4, 1, 1)) - 0.8)
    late = np.maximum((weights * small[:, None]).sum(axis=2) - 0.05, 0)
    return {"early": early, "late": exact(4 * late).astype(np.float32)}


def volume() -> Array:
    """A scan, depth first: four soft blobs and a thin bright fibre, in a little grain."""
    z, y, x = np.mgrid[:24, :32, :32].astype(float)
    scan = 12 + 10 * np.random.default_rng(10).random(z.shape)
    blobs = (8, 10, 11, 4.5, 150), (14, 21, 20, 6, 110), (18, 8, 24, 3, 190), (5, 25, 7, 2.5, 210)
    for deep, top, left, size, bright in blobs:
        scan += bright * np.exp(-((z - deep) ** 2 + (y - top) ** 2 + (x - left) ** 2) / (2 * size**2))
    return rounded(np.where((y == z + 4) & (x == 28 - z), 255, scan))


def sequence() -> Array:
    """A sensor over time: two rhythms, a drift, grain, three spikes, and two samples it missed (NaN)."""
    t, grain = np.arange(512), np.random.default_rng(11).random(512)
    values = 20 + 3 * np.sin(t / 20) + np.sin(t / 6.3) + t / 180 + 0.6 * grain
    values[[97, 260, 411]] += (9, -8, 12)
    values[[180, 333]] = np.nan
    return exact(values)


SAMPLES: dict[str, Callable[[], Any]] = {
    "image.png": image,
    "gradient.png": gradient,
    "checkerboard.png": checkerboard,
    "labels.png": labels,
    "noisy.png": noisy,
    "photo.jpg": photo,
    "bilevel.png": bilevel,
    "cutout.png": cutout,
    "feature_map.npy": feature_map,
    "volume.npy": volume,
    "sequence.npy": sequence,
    "maps.npz": maps,
}


def save(sample: Any, path: Path) -> None:
    if isinstance(sample, dict):
        np.savez_compressed(path, **sample)
    elif path.suffix == ".npy":
        np.save(path, sample)
    else:
        options: dict[str, Any] = {"optimize": True}
        if path.suffix == ".jpg":
            profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
            profile[24:36] = bytes(12)  # no date, so that a new run changes nothing
            exif = Image.Exif()
            exif[0x0112] = 6  # orientation: turn it a quarter clockwise
            options = {"quality": 90, "exif": exif, "icc_profile": bytes(profile)}
        picture = sample if isinstance(sample, Image.Image) else Image.fromarray(sample)
        picture.save(path, **options)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in SAMPLES.items():
        save(make(), folder / name)
        print(f"{(folder / name).stat().st_size:>7,} bytes  {name}")
