"""Paint, surroundings and camera for the drawn pets: Pillow and NumPy, no photograph, no network.

The animals themselves are in `drawn_pets`. Here is what any picture needs: shapes, a canvas that fills a shape
with fur, backgrounds, things that stand in the way, and `develop`, which turns the painting into a "photograph".
Nothing in this module knows whether it helps to draw a cat or a dog.

Two kinds of coordinates. The animal is drawn in head coordinates (u, v): the middle of the head is the origin,
half an average head is 1, u points right and v down; `Painting` turns, scales and shifts them. Surroundings are
given in fractions (x, y) of the canvas. Colours are RGB from 0 to 255. `pen` is always Pillow's ImageDraw of the
painting and `rng` the NumPy generator of the picture. The coordinates in the drawing functions
were chosen by eye, as an illustrator does; ranges handed to `rng.uniform` say how much a thing varies.
"""

import functools
import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIZE = 96  # pixels on a side of a finished picture
OVERSAMPLING = 2  # the painting is this many times larger, then averaged: smooth edges
CANVAS = SIZE * OVERSAMPLING
JPEG_QUALITY = 90
LEVELS = np.arange(256.0)  # of an 8-bit mask
EDGE, DROP, RIM = 0.16, 0.22, 0.55  # softness of a furry rim, fall of a shadow (half heads), darkness of the rim


def palette(*colours):
    """Colours as the rows of a float32 array [n, 3]."""
    return np.array(colours, np.float32)


WHITE, INK, PINK = palette((248, 244, 236), (44, 34, 36), (228, 150, 150))
WALLS = palette((232, 205, 178), (186, 208, 202), (214, 190, 204), (240, 224, 180), (170, 186, 206), (206, 214, 182))
CLOTHS = palette((176, 82, 74), (84, 118, 142), (112, 138, 96), (204, 158, 82), (134, 104, 138), (108, 88, 76))
LEAVES = palette((86, 128, 74), (116, 150, 80), (68, 106, 84), (142, 160, 92))
FLOWERS = palette((250, 236, 190), (236, 150, 150), (244, 206, 90))
SLATS = palette((196, 158, 116), (226, 220, 208), (130, 100, 78))
WOOD, BRASS, LAMPLIGHT = palette((122, 88, 62), (90, 74, 66), (246, 222, 160))
SKY, DUSK, SUN = palette((160, 204, 228), (248, 208, 170), (236, 160, 84))
SKIN_LIGHT, SKIN_DARK = palette((244, 206, 178), (118, 78, 58))


@dataclass(frozen=True)
class Pose:
    """Where the head is, how large, and how it is held."""

    x: float  # canvas pixels
    y: float
    scale: float  # canvas pixels for half a head
    tilt: float  # radians, clockwise
    turn: float  # -1 looking left, 0 at the viewer, 1 right
    sleepy: bool


@dataclass(frozen=True)
class Scene:
    """Surroundings, light and camera."""

    background: str  # a name in BACKGROUNDS
    occluder: str | None  # a name in OCCLUDERS
    light: float  # radians: where the light comes from
    warmth: float  # -1 bluish, 1 yellowish
    exposure: float
    vignette: float
    blur: float  # pixels of the finished picture
    noise: float  # standard deviation in grey levels


def mix(a, b, share):
    """The value `share` of the way from `a` to `b`; numbers, colours or arrays."""
    return a + (b - a) * share


def choice(rng, items):
    """One of `items`, each as likely."""
    return items[int(rng.integers(len(items)))]


def rgb(colour):
    """A colour as the tuple of integers that Pillow takes."""
    return tuple(min(255, int(c)) for c in colour)


def curve(levels):
    """The new values [256] of an 8-bit mask's levels, as Pillow takes them."""
    return np.minimum(levels, 255).astype(int).tolist()


def ramp(field, low, high):
    """0 below `low`, 1 above `high`, a straight line between."""
    return np.clip((field - low) / (high - low), 0, 1)


# ---------------------------------------------------------------- shapes
@functools.cache
def circle(n):
    """Points [n, 2] of the unit circle."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(u, v, ru, rv, n=36):
    """Points [n, 2] of an ellipse around (u, v)."""
    return circle(n) * (ru, rv) + (u, v)


@functools.cache
def corner_cutting(n, rounds):
    """The matrix [n 2^rounds, n] that cuts the corners of a closed polygon `rounds` times (Chaikin 1974)."""
    points = np.eye(n)
    for _ in range(rounds):
        after = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], axis=1).reshape(-1, n)
    return points


def smooth(points, rounds=3):
    """Rounds the corners of a closed polygon [n, 2]; a point given twice stays sharp."""
    return corner_cutting(len(points), rounds) @ np.asarray(points)


def tufted(points, amount, rng):
    """Pulls every other point of an outline outwards by about `amount`, which makes it look like fur."""
    middle = points.mean(axis=0)
    pull = rng.uniform(0, amount, len(points)) * (np.arange(len(points)) % 2)
    return points + (points - middle) * pull[:, None]


def strip(points, widths):
    """Outline of a band along the path `points` [n, 2] with half-widths `widths` [n]."""
    along = np.gradient(points, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
    offset = across * np.asarray(widths)[:, None]
    return np.concatenate([points + offset, (points - offset)[::-1]])


def noise_field(rng, cells):
    """Smooth random field [CANVAS, CANVAS] in about [-1, 1] with `cells` bumps on a side."""
    grid = Image.fromarray(rng.uniform(-1, 1, (cells + 2, cells + 2)).astype(np.float32))
    return np.asarray(grid.resize((CANVAS, CANVAS), Image.Resampling.BICUBIC))


@functools.cache
def pixel_grid():
    """Row and column of every canvas pixel, two float32 arrays [CANVAS, CANVAS]."""
    return np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float32)


@functools.cache
def lens_grid():
    """Height and width of every pixel of a finished picture, -1 to 1: two float32 arrays [SIZE, SIZE]."""
    return np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j].astype(np.float32)


@functools.cache
def fur_strokes(variant):
    """Hair strokes that radiate from the middle, float32 [2 CANVAS, 2 CANVAS] in [-1, 1]; one texture a variant."""
    rng = np.random.default_rng([7, variant])
    hairs, length = 420, 22.0  # directions around the circle; pixels of a stroke
    v, u = np.mgrid[-CANVAS:CANVAS, -CANVAS:CANVAS]
    direction = ((np.arctan2(v, u) / (2 * np.pi) + 0.5) * hairs).astype(int) % hairs
    distance = (np.hypot(u, v) + rng.uniform(0, length, hairs)[direction]) / length
    strokes = rng.uniform(-1, 1, (hairs, int(distance.max()) + 1))[direction, distance.astype(int)]
    fade = np.sin(np.pi * (distance % 1))  # a hair is thin at both ends
    return (strokes * fade).astype(np.float32)


class Painting:
    """An RGB canvas with a head frame (see the module's text)."""

    def __init__(self, pose, rng):
        self.pose, self.rng = pose, rng
        self.image = Image.new("RGB", (CANVAS, CANVAS))
        self.pen = ImageDraw.Draw(self.image)
        cos, sin = math.cos(pose.tilt), math.sin(pose.tilt)
        self.rotation = np.array([[cos, sin], [-sin, cos]])
        row, column = pixel_grid()
        self.u, self.v = (column - pose.x) / pose.scale, (row - pose.y) / pose.scale  # of every pixel

    def place(self, points, upright=False):
        """Canvas pixels [n, 2] of points in head coordinates; `upright` leaves out the tilt of the head."""
        turned = np.asarray(points) if upright else np.asarray(points) @ self.rotation
        return turned * self.pose.scale + (self.pose.x, self.pose.y)

    def fill(self, points, colour, upright=False):
        """A flat shape in head coordinates."""
        self.pen.polygon(self.place(points, upright).ravel().tolist(), fill=rgb(colour))

    def stroke(self, points, colour, width):
        """A line in head coordinates; `width` too, but never thinner than one canvas pixel."""
        self.pen.line(
            self.place(points).ravel().tolist(),
            fill=rgb(colour),
            joint="curve",
            width=max(1, round(width * self.pose.scale)),
        )

    def fur(self, points, coat, upright=False, tone=0.0, shadow=0.0):
        """A furry part: the coat, an RGB image of the canvas's size, seen through a shape in head coordinates.

        It darkens towards its rim; `tone` makes the whole part darker (-1: ink) or lighter (1: white), and `shadow` is
        the strength of the shadow that it throws on what is already there. Only pixels around the shape are touched.
        """
        outline = self.place(points, upright)
        edge, drop = self.pose.scale * EDGE, round(self.pose.scale * DROP)
        left, top = (max(0, int(low - edge)) for low in outline.min(axis=0).tolist())
        right, bottom = (min(CANVAS, int(high + edge) + drop + 1) for high in outline.max(axis=0).tolist())
        if left >= right or top >= bottom:
            return
        mask = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(mask).polygon((outline - (left, top)).ravel().tolist(), fill=255)
        soft = mask.filter(ImageFilter.BoxBlur(edge))
        if shadow:
            self.image.paste(rgb(INK), (left, top + drop), soft.point(curve(LEVELS * shadow)))
        self.image.paste(coat.crop((left, top, right, bottom)), (left, top), mask)
        if tone:
            self.image.paste(rgb(WHITE if tone > 0 else INK), (left, top), mask.point(curve(LEVELS * abs(tone))))
        self.image.paste(rgb(INK), (left, top), ImageChops.subtract(mask, soft, scale=1 / RIM))


# ---------------------------------------------------------------- surroundings
def box(pen, left, top, width, height, colour, corner=0.0):
    """A filled rectangle in fractions of the canvas, with round corners of radius `corner`."""
    area = [left * CANVAS, top * CANVAS, (left + width) * CANVAS, (top + height) * CANVAS]
    pen.rounded_rectangle(area, radius=corner * CANVAS, fill=rgb(colour))


def disc(pen, x, y, radius, colour):
    """A filled circle in fractions of the canvas."""
    area = [(x - radius) * CANVAS, (y - radius) * CANVAS, (x + radius) * CANVAS, (y + radius) * CANVAS]
    pen.ellipse(area, fill=rgb(colour))


def polygon(pen, points, colour):
    """A filled polygon in fractions of the canvas."""
    pen.polygon((np.asarray(points) * CANVAS).ravel().tolist(), fill=rgb(colour))


def draw_window(pen, rng):
    """A window with a cross bar and the sky behind."""
    x, y, w = rng.uniform(-0.1, 0.7), rng.uniform(-0.05, 0.15), rng.uniform(0.25, 0.4)
    box(pen, x, y, w, w * 1.2, WHITE)
    for i in (0, 1):
        for j in (0, 1):
            box(pen, x + 0.02 + i * w / 2, y + 0.02 + j * w * 0.6, w / 2 - 0.035, w * 0.6 - 0.035, SKY)


def draw_frame(pen, rng):
    """A picture on the wall: a hill and a sun."""
    x, y, w = rng.uniform(0, 0.8), rng.uniform(0.02, 0.25), rng.uniform(0.14, 0.26)
    box(pen, x, y, w, w, WOOD)
    box(pen, x + 0.02, y + 0.02, w - 0.04, w - 0.04, choice(rng, WALLS))
    disc(pen, x + w * 0.65, y + w * 0.4, w * 0.12, SUN)
    box(pen, x + 0.02, y + w * 0.65, w - 0.04, w * 0.35 - 0.02, choice(rng, LEAVES))


def draw_shelf(pen, rng):
    """A shelf with a row of books."""
    x, y = rng.uniform(-0.1, 0.6), rng.uniform(0.25, 0.45)
    left = x
    while left < x + 0.45:
        width, height = rng.uniform(0.025, 0.06), rng.uniform(0.1, 0.18)
        box(pen, left, y - height, width, height, choice(rng, CLOTHS) * rng.uniform(0.8, 1.15))
        left += width + 0.006
    box(pen, x - 0.02, y, 0.52, 0.025, WOOD)


def draw_lamp(pen, rng):
    """A standing lamp."""
    x, y = rng.uniform(0.05, 0.95), rng.uniform(0.1, 0.3)
    box(pen, x - 0.008, y, 0.016, 0.6, BRASS)
    polygon(pen, [(x - 0.06, y), (x + 0.06, y), (x + 0.11, y + 0.16), (x - 0.11, y + 0.16)], LAMPLIGHT)


def draw_room(pen, rng):
    """A wall, perhaps papered, a floor, and some of: window, picture, shelf of books, lamp."""
    wall, horizon = choice(rng, WALLS), rng.uniform(0.6, 0.8)
    box(pen, 0, 0, 1, 1, wall)
    if rng.random() < 0.5:  # wallpaper
        step = rng.uniform(0.07, 0.16)
        for x in np.arange(0, 1, step):
            box(pen, x, 0, step / 2, horizon, wall * 0.94)
    box(pen, 0, horizon, 1, 1, mix(choice(rng, CLOTHS), SLATS[0], 0.5))
    box(pen, 0, horizon - 0.03, 1, 0.03, mix(wall, WHITE, 0.5))
    for draw_thing in (draw_window, draw_frame, draw_shelf, draw_lamp):
        if rng.random() < 0.45:
            draw_thing(pen, rng)


def draw_grass(pen, rng, green, top):
    """Blades of grass below `top`, and some flowers."""
    for x, y, lean, shade in rng.uniform((0, top, -0.03, 0.8), (1, 1.1, 0.03, 1.25), (60, 4)).tolist():
        pen.line([x * CANVAS, y * CANVAS, (x + lean) * CANVAS, (y - 0.08) * CANVAS], fill=rgb(green * shade), width=2)
    for x, y in rng.uniform((0, top), (1, 1), (int(rng.integers(0, 9)), 2)):
        disc(pen, x, y, 0.016, choice(rng, FLOWERS))


def draw_meadow(pen, rng):
    """Sky, clouds, trees, hills, grass and flowers."""
    sky, horizon, green = mix(SKY, DUSK, rng.random()), rng.uniform(0.45, 0.7), choice(rng, LEAVES)
    box(pen, 0, 0, 1, 1, sky)
    for x, y in rng.uniform((0, 0.05), (1, 0.3), (3, 2)):
        for shift in (-0.07, 0, 0.07):
            disc(pen, x + shift, y, 0.06 - abs(shift) * 0.3, mix(sky, WHITE, 0.7))
    for x in rng.uniform(0, 1, int(rng.integers(0, 4))):
        box(pen, x - 0.015, horizon - 0.15, 0.03, 0.3, WOOD)
        disc(pen, x, horizon - 0.2, rng.uniform(0.08, 0.16), choice(rng, LEAVES))
    for shade, depth in ((1.15, 0.0), (1.0, 0.12)):
        x = rng.uniform(0.1, 0.9)
        disc(pen, x, horizon + depth + 1.4, 1.4, green * shade)
        disc(pen, 1 - x, horizon + depth + 1.45, 1.4, green * shade)
    draw_grass(pen, rng, green, horizon + 0.15)


def draw_sofa(pen, rng):
    """A wall, perhaps a picture, and a sofa with two cushions."""
    cloth, top = choice(rng, CLOTHS), rng.uniform(0.25, 0.5)
    box(pen, 0, 0, 1, 1, choice(rng, WALLS))
    if rng.random() < 0.6:
        draw_frame(pen, rng)
    box(pen, -0.1, top, 1.2, 2, cloth, corner=0.12)
    box(pen, rng.uniform(0.3, 0.7), top + 0.02, 0.012, 1, cloth * 0.8)  # a seam
    box(pen, 0, 0.78, 1, 0.02, cloth * 0.75)  # the edge of the seat
    for x in (rng.uniform(-0.2, 0.05), rng.uniform(0.55, 0.8)):
        box(pen, x, 0.5, 0.3, 0.32, choice(rng, CLOTHS) * 1.1, corner=0.07)


def draw_bokeh(pen, rng):
    """Discs of light of all sizes on a plain ground."""
    ground = choice(rng, np.concatenate([WALLS, CLOTHS, LEAVES])) * rng.uniform(0.6, 1.0)
    box(pen, 0, 0, 1, 1, ground)
    for x, y, radius, share in rng.uniform((0, 0, 0.03, 0.1), (1, 1, 0.16, 0.6), (22, 4)):
        disc(pen, x, y, radius, mix(ground, choice(rng, WALLS), share))


def draw_cloth(pen, rng):
    """A striped or checked blanket hung up behind the animal."""
    ground, band = choice(rng, WALLS), choice(rng, CLOTHS)
    box(pen, 0, 0, 1, 1, ground)
    step, slant = rng.uniform(0.1, 0.25), rng.uniform(-0.3, 0.3)
    for x in np.arange(-0.4, 1.4, step):
        polygon(pen, [(x, 0), (x + step / 2, 0), (x + step / 2 + slant, 1), (x + slant, 1)], mix(ground, band, 0.7))
    if rng.random() < 0.5:
        for y in np.arange(0, 1, step):
            box(pen, 0, y, 1, step / 5, mix(ground, WHITE, 0.4))


BACKGROUNDS = {"room": draw_room, "meadow": draw_meadow, "sofa": draw_sofa, "bokeh": draw_bokeh, "cloth": draw_cloth}


def draw_background(painting, scene):
    """What lies behind the animal, more or less out of focus."""
    BACKGROUNDS[scene.background](painting.pen, painting.rng)
    painting.image.paste(painting.image.filter(ImageFilter.BoxBlur(painting.rng.uniform(0, 5))))


# ---------------------------------------------------------------- things in front
def draw_plant(painting):
    """Pointed leaves that reach in from a lower corner."""
    rng, pen = painting.rng, painting.pen
    corner = int(rng.integers(2))  # 0 left, 1 right
    inward = -0.9 if corner == 0 else 0.9 - np.pi
    for _ in range(9):
        root = np.array([corner + rng.normal(0, 0.1), rng.uniform(0.55, 1.05)])
        angle, length = inward + rng.normal(0, 0.45), rng.uniform(0.3, 0.55)
        along = np.array([np.cos(angle), np.sin(angle)]) * length
        across = np.array([-along[1], along[0]]) * 0.22
        colour = choice(rng, LEAVES) * rng.uniform(0.75, 1.1)
        tip, middle = root + along, root + along / 2
        polygon(pen, smooth([root, root, middle + across, tip, tip, middle - across]), colour)
        pen.line([*(root * CANVAS).tolist(), *(mix(root, tip, 0.8) * CANVAS).tolist()], fill=rgb(colour * 0.8), width=2)


def draw_fence(painting):
    """Upright slats with pointed tops and one rail."""
    rng, pen = painting.rng, painting.pen
    colour, top = choice(rng, SLATS), rng.uniform(0.55, 0.75)
    width, point = rng.uniform(0.07, 0.11), 0.05
    box(pen, 0, top + 0.12, 1, 0.06, colour * 0.85)
    for x in np.arange(rng.uniform(-0.1, 0.1), 1, rng.uniform(0.2, 0.3)):
        polygon(
            pen,
            [(x, 1), (x, top + point), (x + width / 2, top), (x + width, top + point), (x + width, 1)],
            colour * rng.uniform(0.92, 1.05),
        )


def draw_blanket(painting):
    """A blanket with three wavy folds that covers the animal from below."""
    rng = painting.rng
    cloth, height = choice(rng, CLOTHS), rng.uniform(0.58, 0.85)
    x = np.linspace(-0.1, 1.1, 16)
    for fold in (0.0, 0.09, 0.18):
        y = height + fold + rng.uniform(-0.25, 0.25) * (x - 0.5) + 0.02 * np.sin(9 * x + rng.uniform(0, 6))
        outline = np.concatenate([np.stack([x, y], axis=1), [(1.1, 1.2), (-0.1, 1.2)]])
        polygon(painting.pen, outline, cloth * (1.05 - fold))


def draw_cushion(painting):
    """The rounded corner of a cushion or an arm-rest at one side."""
    rng = painting.rng
    cloth, reach, top = choice(rng, CLOTHS), rng.uniform(0.2, 0.42), rng.uniform(0.25, 0.65)
    left = reach - 0.6 if rng.random() < 0.5 else 1 - reach
    box(painting.pen, left - 0.015, top - 0.015, 0.63, 1, cloth * 0.8, corner=0.13)
    box(painting.pen, left, top, 0.6, 1, cloth, corner=0.12)


def draw_hand(painting):
    """A hand that strokes the head from one side: a sleeve, an arm, a back of the hand, four fingers."""
    rng, side = painting.rng, choice(painting.rng, (-1, 1))
    skin, sleeve = mix(SKIN_LIGHT, SKIN_DARK, rng.random()), choice(rng, CLOTHS)
    wrist = np.array([side * rng.uniform(0.75, 1.15), rng.uniform(-1.05, -0.55)])
    arm = wrist + np.array([(side * 2.6, -0.5), (side * 1.2, -0.3), (side * 0.1, 0)])
    painting.fill(strip(arm, [0.3, 0.27, 0.22]), skin * 0.95)
    painting.fill(strip(arm[:2], [0.5, 0.4]), sleeve)
    for k, reach in enumerate((0.44, 0.56, 0.56, 0.46)):  # from the forefinger to the little one
        knuckle = wrist + (-side * 0.28, -0.2 + 0.15 * k)
        finger = np.array([knuckle, knuckle + (-side * reach * 0.6, 0.02), knuckle + (-side * reach, 0.12 + 0.03 * k)])
        painting.fill(smooth(strip(finger, [0.1, 0.1, 0.08]), 2), skin * (0.93 + 0.05 * (k % 2)))
    painting.fill(ellipse(wrist[0] - side * 0.14, wrist[1] + 0.02, 0.32, 0.29), skin)


OCCLUDERS = {
    "plant": draw_plant,
    "fence": draw_fence,
    "blanket": draw_blanket,
    "cushion": draw_cushion,
    "hand": draw_hand,
}

OCCLUSION = 0.3  # share of the pictures with something in front of the animal
PORTRAITS = 0.55  # share of the pictures that show little more than the head


def draw_occluder(painting, scene):
    """What stands between the animal and the camera, if anything."""
    if scene.occluder:
        OCCLUDERS[scene.occluder](painting)


# ---------------------------------------------------------------- from painting to picture
def sample_pose(rng: np.random.Generator) -> Pose:
    """A portrait, or a smaller head with most of the body."""
    if rng.random() < PORTRAITS:
        scale, y = rng.uniform(0.26, 0.34), rng.uniform(0.44, 0.54)
    else:
        scale, y = rng.uniform(0.21, 0.27), rng.uniform(0.35, 0.45)
    return Pose(
        x=CANVAS * rng.normal(0.5, 0.06),
        y=CANVAS * y,
        scale=CANVAS * scale,
        tilt=float(np.clip(rng.normal(0, 0.15), -0.4, 0.4)),
        turn=float(np.clip(rng.normal(0, 0.45), -1, 1)),
        sleepy=bool(rng.random() < 0.07),
    )


def sample_scene(rng: np.random.Generator) -> Scene:
    """Surroundings, light and camera."""
    occluder = choice(rng, tuple(OCCLUDERS)) if rng.random() < OCCLUSION else None
    return Scene(
        background=choice(rng, tuple(BACKGROUNDS)),
        occluder=occluder,
        light=rng.uniform(-np.pi, 0),
        warmth=float(np.clip(rng.normal(0.1, 0.4), -1, 1)),
        exposure=rng.uniform(0.85, 1.12),
        vignette=rng.uniform(0, 0.3),
        blur=float(np.clip(rng.normal(0.1, 0.4), 0, 0.9)),
        noise=rng.uniform(1, 5),
    )


def develop(image: Image.Image, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Takes the "photograph": averages down to SIZE, then lens blur, light, vignette and sensor noise.

    Returns uint8 [SIZE, SIZE, 3].
    """
    small = image.reduce(OVERSAMPLING)
    if scene.blur > 0.05:
        small = small.filter(ImageFilter.GaussianBlur(scene.blur))
    v, u = lens_grid()
    beam = 1 + 0.12 * (u * math.cos(scene.light) + v * math.sin(scene.light))
    falloff = scene.exposure * beam * (1 - scene.vignette * 0.5 * (u * u + v * v))
    tint = 1 + scene.warmth * np.array([0.08, 0.01, -0.12], np.float32)
    light = np.asarray(small, np.float32) * (falloff[..., None] * tint)
    light += scene.noise * rng.standard_normal((SIZE, SIZE, 3), np.float32)
    return np.clip(light, 0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray) -> bytes:
    """The picture, uint8 [height, width, 3], as the bytes of a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()
