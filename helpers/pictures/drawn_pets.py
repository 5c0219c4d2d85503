"""The drawn pets: cats and dogs that the suite draws itself, one picture at a time.

`drawn_dataset` makes the TFDS data set `drawn_cats_vs_dogs` of them. Every random number of a picture comes from one
generator seeded with (seed, split, index), so any picture can be redrawn by itself, in any order and by any process.

Where cats end and dogs begin. One number, `Traits.breed`, runs from 0 (as cat-like as can be) to 1 (as dog-like as
can be). Cats are drawn from a distribution around the low end and dogs from one around the high end, and the two
overlap: some cats have folded ears and a broad muzzle, some dogs have pointed ears and a short one. Every visible
trait follows `breed` with a scatter of its own, so no single trait gives the class away. A label is never changed:
the classifier's errors come from animals that really look like both, and from leaves, blur and poor light.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from helpers.pictures.painting import (
    CANVAS,
    INK,
    PINK,
    WHITE,
    Painting,
    Pose,
    Scene,
    choice,
    develop,
    draw_background,
    draw_occluder,
    ellipse,
    fur_strokes,
    mix,
    noise_field,
    palette,
    ramp,
    sample_pose,
    sample_scene,
    smooth,
    strip,
    tufted,
)

CLASSES = ("cat", "dog")
SEED = 20
SPLITS = ("train", "validation", "test")
NAME, VERSION = "drawn_cats_vs_dogs", "1.0.0"  # of the data set; a picture that comes out otherwise is another version
COUNTS = {"train": 4000, "validation": 500, "test": 2000}

# Beta distributions with means 0.21 and 0.79: 2.6 % of each class lie beyond the middle, 0.5
BREEDS = {"cat": (2, 7.5), "dog": (7.5, 2)}

# trait: (mean at breed 0, mean at breed 1, standard deviation around that line); values are cut to [0, 1]
TRAIT_LINES = {
    "ear_droop": (0.00, 0.95, 0.19),  # 0 pointed, 0.5 folded over, 1 hanging
    "ear_size": (0.45, 0.60, 0.22),
    "ear_spread": (0.45, 0.60, 0.20),
    "muzzle_length": (0.05, 0.95, 0.15),
    "muzzle_width": (0.25, 0.75, 0.16),
    "roundness": (0.80, 0.30, 0.18),
    "eye_size": (0.75, 0.30, 0.15),
    "eye_slant": (0.78, 0.18, 0.18),
    "pupil_width": (0.15, 1.00, 0.20),  # 0 a slit, 1 round
    "iris_brown": (0.02, 0.95, 0.22),  # 0 green, amber or blue, 1 brown
    "nose_size": (0.08, 0.92, 0.14),
    "nose_dark": (0.18, 0.92, 0.22),  # 0 pink, 1 black
    "whiskers": (0.90, 0.12, 0.18),
    "tongue": (0.05, 0.75, 0.28),  # shown above TONGUE_SHOWS
    "fluff": (0.45, 0.45, 0.25),
    "tail_curl": (0.35, 0.65, 0.25),
}

EAR_FOLDS, EAR_HANGS = 0.36, 0.56  # ear_droop from which an ear folds over, and from which it hangs
TONGUE_SHOWS, LONG_MUZZLE, FEW_WHISKERS = 0.6, 0.4, 0.25
RAYS, BANDS = 14, 9  # tabby: stripes around the head, and stripes down the body in half heads
COLLARS = 0.35  # share of the animals that wear one

COATS = {  # main colour, colour of the marking, weight at breed 0, weight at breed 1
    "ginger": (palette((226, 142, 70), (176, 92, 38)), 5, 2),
    "grey": (palette((146, 148, 156), (88, 90, 100)), 5, 2),
    "black": (palette((66, 62, 66), (34, 31, 36)), 3, 4),
    "cream": (palette((236, 212, 172), (198, 162, 112)), 3, 4),
    "white": (palette((240, 236, 228), (168, 150, 134)), 3, 4),
    "brown": (palette((146, 102, 66), (88, 58, 38)), 3, 5),
    "golden": (palette((220, 170, 96), (166, 114, 54)), 2, 5),
    "fawn": (palette((202, 166, 128), (96, 74, 62)), 3, 4),
}

PATTERNS = {  # weight at breed 0, weight at breed 1
    "plain": (4, 6),
    "tabby": (6, 1.5),
    "spots": (1.5, 3),
    "patches": (2, 4),
    "bicolour": (3, 4),
    "tortoiseshell": (2, 0.7),
    "mask": (2, 3),
}

IRISES = palette((126, 170, 84), (222, 172, 60), (104, 164, 204))  # green, amber, blue
BROWN_EYE, NOSE_PINK, NOSE_BLACK, PUPIL = palette((112, 68, 38), (206, 118, 118), (40, 32, 36), (24, 18, 22))
TONGUE, TONGUE_FOLD, TAG, GLINT = palette((226, 116, 122), (186, 84, 92), (238, 200, 90), (255, 255, 255))
COLLAR_COLOURS = palette((196, 62, 62), (60, 110, 160), (70, 140, 110), (232, 160, 70))


@dataclass(frozen=True)
class Traits:
    """What an animal looks like; every value lies in [0, 1] and follows `breed` (see TRAIT_LINES)."""

    breed: float
    ear_droop: float
    ear_size: float
    ear_spread: float
    muzzle_length: float
    muzzle_width: float
    roundness: float
    eye_size: float
    eye_slant: float
    pupil_width: float
    iris_brown: float
    nose_size: float
    nose_dark: float
    whiskers: float
    tongue: float
    fluff: float
    tail_curl: float


@dataclass(frozen=True)
class Coat:
    """Colours of fur and eyes, and the pattern of the fur (a name in PATTERNS)."""

    main: np.ndarray
    marking: np.ndarray
    iris: np.ndarray
    pattern: str


@dataclass(frozen=True)
class Pet:
    """All that decides one picture, but for the single strokes."""

    label: str
    traits: Traits
    coat: Coat
    pose: Pose
    scene: Scene


# ---------------------------------------------------------------- rolling the dice
def sample_traits(label: str, rng: np.random.Generator) -> Traits:
    """Traits for a "cat" or a "dog": first the breed, then each trait around its line."""
    breed = rng.beta(*BREEDS[label])
    scatter = rng.standard_normal(len(TRAIT_LINES))
    values = {
        name: float(np.clip(mix(cat, dog, breed) + spread * z, 0, 1))
        for (name, (cat, dog, spread)), z in zip(TRAIT_LINES.items(), scatter, strict=True)
    }
    return Traits(breed=breed, **values)


def weighted(rng, table, breed):
    """A name from a `table` of rows that end with (weight at breed 0, weight at breed 1)."""
    steps = np.cumsum([mix(row[-2], row[-1], breed) for row in table.values()])
    return list(table)[int(np.searchsorted(steps, rng.random() * steps[-1], side="right"))]


def sample_coat(traits: Traits, rng: np.random.Generator) -> Coat:
    """Colours and pattern; all of them occur in both classes, some more often in one."""
    colours = COATS[weighted(rng, COATS, traits.breed)][0]
    brightness, tint = rng.uniform(0.85, 1.06), rng.uniform(0.95, 1.05, 3)
    main, marking = (np.clip(colour * brightness * tint, 24, 248).astype(np.float32) for colour in colours)
    iris, pattern = mix(choice(rng, IRISES), BROWN_EYE, traits.iris_brown), weighted(rng, PATTERNS, traits.breed)
    return Coat(main, INK if pattern == "tortoiseshell" else marking, iris, pattern)


def sample_pet(label: str, rng: np.random.Generator) -> Pet:
    """Everything about one picture of a "cat" or a "dog". Pose and scene do not depend on the class."""
    traits = sample_traits(label, rng)
    return Pet(label, traits, sample_coat(traits, rng), sample_pose(rng), sample_scene(rng))


# ---------------------------------------------------------------- the coat
def marking_field(pet, painting):
    """How much of the marking colour shows where, for the pet's pattern; [CANVAS, CANVAS] in 0 to 1."""
    rng, u, v = painting.rng, painting.u, painting.v
    wobble = noise_field(rng, 9)
    match pet.coat.pattern:
        case "tabby":  # rays around the head, bands across the body
            rays = np.cos(RAYS * np.arctan2(u, 0.35 - v) + 1.2 * wobble) * (np.hypot(u, v) > 0.45)
            return 0.85 * ramp(np.where(v < 1.0, rays, np.cos(BANDS * v + 3 * wobble)), 0.25, 0.6)
        case "spots":
            return ramp(noise_field(rng, 14), 0.35, 0.5)
        case "patches":
            return ramp(noise_field(rng, 4) + 0.15 * wobble, 0.05, 0.15)
        case "tortoiseshell":
            return ramp(noise_field(rng, 7) + 0.5 * noise_field(rng, 30), -0.1, 0.15)
        case "mask":  # a dark face
            return 0.8 * ramp(1.0 - np.hypot(u * 1.1, v - 0.25) + 0.15 * wobble, 0.2, 0.6)
        case _:
            return 0.25 * ramp(wobble, -0.5, 1)


def coat_texture(pet, painting):
    """The fur as an RGB image as large as the canvas: colour, pattern, hair strokes, light from one side."""
    u, v, pose = painting.u, painting.v, pet.pose
    main, marking, white = (colour[:, None, None] for colour in (pet.coat.main, pet.coat.marking, WHITE))
    planes = mix(main, marking, marking_field(pet, painting))  # [3, CANVAS, CANVAS]
    if pet.coat.pattern == "bicolour":  # white blaze, mouth and chest
        planes = mix(planes, white, ramp(0.2 + 0.35 * np.maximum(v, 0) - np.abs(u - 0.3 * pose.turn), 0, 0.08))
    top, left = round(CANVAS - pose.y), round(CANVAS - pose.x)
    hair = fur_strokes(int(painting.rng.integers(3)))[top : top + CANVAS, left : left + CANVAS]
    light = np.clip(0.13 * (u * math.cos(pet.scene.light) + v * math.sin(pet.scene.light)), -0.25, 0.25)
    planes = planes * (1.04 + light + (0.08 + 0.1 * pet.traits.fluff) * hair)
    return Image.merge("RGB", [Image.fromarray(np.minimum(plane, 255).astype(np.uint8)) for plane in planes])


# ---------------------------------------------------------------- parts of the animal, from back to front
def draw_tail(pet, painting, coat):
    """A tail at one side of the body, hanging out straight or curled upwards."""
    traits, side = pet.traits, choice(painting.rng, (-1, 1))
    t = np.linspace(0, 1, 14)
    reach, rise = mix(0.8, 0.45, traits.tail_curl), mix(0.6, 1.5, traits.tail_curl)
    u = 0.8 + reach * np.sin(mix(1.6, 2.6, traits.tail_curl) * t)
    path = np.stack([side * u, 2.3 - rise * t**1.3], axis=1)
    widths = (0.12 + 0.1 * traits.fluff) * np.sqrt(1.02 - t**4)
    painting.fur(tufted(strip(path, widths), 0.03 * traits.fluff, painting.rng), coat, upright=True)


def draw_body(pet, painting, coat):
    """A sitting body: trunk, two forelegs, two paws."""
    girth = mix(0.85, 1.05, pet.traits.roundness)
    trunk = smooth(
        [
            (-0.5, 0.2),
            (0.5, 0.2),
            (0.75 * girth, 1.2),
            (1.05 * girth, 2.3),
            (0.9, 3.0),
            (-0.9, 3.0),
            (-1.05 * girth, 2.3),
            (-0.75 * girth, 1.2),
        ]
    )
    painting.fur(tufted(trunk, 0.05 * pet.traits.fluff, painting.rng), coat, upright=True, tone=-0.06)
    for side in (-1, 1):
        leg = strip(np.array([(side * 0.34, 1.3), (side * 0.36, 2.0), (side * 0.38, 2.55)]), [0.22, 0.21, 0.24])
        painting.fur(smooth(leg, 2), coat, upright=True)
        painting.fur(ellipse(side * 0.4, 2.62, 0.31, 0.2), coat, upright=True, tone=0.08)


def draw_collar(painting):
    """A collar with a round tag."""
    colour = choice(painting.rng, COLLAR_COLOURS)
    u = np.linspace(-0.62, 0.62, 9)
    painting.fill(strip(np.stack([u, 1.08 - 0.35 * u * u], axis=1), np.full(9, 0.1)), colour, upright=True)
    painting.fill(ellipse(0, 1.27, 0.13, 0.13, 16), TAG, upright=True)


def upright_ear(traits):
    """Corners [6, 2] of a right ear that stands: base, bulge, tip, tip, bulge, base. The tip stays sharp."""
    length, lean = mix(0.6, 1.0, traits.ear_size), np.radians(mix(8, 26, traits.ear_spread))
    base, out = np.array([mix(0.45, 0.66, traits.ear_spread), -0.58]), np.array([np.sin(lean), -np.cos(lean)])
    across, half, tip = np.array([-out[1], out[0]]), base + out * length * 0.5, base + out * length
    return np.array([base - across * 0.37, half - across * 0.31, tip, tip, half + across * 0.31, base + across * 0.37])


def hanging_ear(traits):
    """Corners [6, 2] of a right ear that hangs down beside the cheek like a drop."""
    length, drop = mix(0.95, 1.5, traits.ear_size), np.radians(mix(112, 178, traits.ear_droop))
    base, out = np.array([mix(0.68, 0.8, traits.ear_spread), -0.66]), np.array([np.sin(drop), -np.cos(drop)])
    across, low, tip = np.array([-out[1], out[0]]), base + out * length * 0.7, base + out * length
    return np.array(
        [
            base - across * 0.22,
            low - across * 0.34,
            tip - across * 0.18,
            tip + across * 0.18,
            low + across * 0.34,
            base + across * 0.3,
        ]
    )


def draw_ear(pet, painting, coat, side):
    """One ear, left (side -1) or right (1): pointed with a pink inside, folded over, or hanging."""
    traits, rng = pet.traits, painting.rng
    hangs = traits.ear_droop > EAR_HANGS
    points = (hanging_ear(traits) if hangs else upright_ear(traits)) * (side, 1) - (0.1 * pet.pose.turn, 0)
    outline = tufted(smooth(points), 0.06 * traits.fluff, rng)
    if hangs:
        painting.fur(outline, coat, tone=-0.2, shadow=0.3)
        return
    painting.fur(outline, coat, tone=-0.06)
    middle = points.mean(axis=0)
    painting.fill(smooth(middle + (points - middle) * (0.58, 0.66) + (0, 0.04)), mix(PINK, pet.coat.main, 0.3))
    if traits.ear_droop > EAR_FOLDS:  # the tip falls forward and hides most of the inside
        _, left, tip, _, right, _ = points
        fold = (left + right) / 2 + (0, 0.42) - 0.15 * (tip - (left + right) / 2)
        painting.fur(smooth([left, mix(left, tip, 0.5), mix(right, tip, 0.5), right, fold, fold], 2), coat, tone=-0.15)


def draw_ears(pet, painting, coat):
    """Both ears."""
    draw_ear(pet, painting, coat, -1)
    draw_ear(pet, painting, coat, 1)


def draw_head(pet, painting, coat):
    """The head: round with full cheeks, or narrower towards a long jaw."""
    traits = pet.traits
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    cheeks = mix(0.13, -0.17, traits.muzzle_length)
    width, height = mix(0.88, 1.06, traits.roundness), mix(1.0, 0.84, traits.roundness)
    u = width * np.cos(angle) * (1 + cheeks * np.sin(angle))
    outline = np.stack([u, height * np.sin(angle) + 0.02], axis=1)
    painting.fur(tufted(outline, 0.03 + 0.09 * traits.fluff, painting.rng), coat, shadow=0.45)


def draw_muzzle(pet, painting, coat):
    """Chin, bridge (if long) and two whisker pads, lighter than the face; returns where the nose is, (u, v)."""
    traits, length = pet.traits, pet.traits.muzzle_length
    width, middle = mix(0.24, 0.44, traits.muzzle_width), pet.pose.turn * mix(0.18, 0.42, length)
    top, bottom = mix(0.2, -0.25, length), mix(0.62, 0.95, length)
    white = 0.0 if pet.coat.pattern == "mask" else 0.4
    painting.fur(ellipse(middle, bottom - 0.12, width * 0.7, 0.24), coat, tone=white - 0.1)
    if length > LONG_MUZZLE:
        between_eyes, tip = middle * 0.5, middle
        bridge = [
            (between_eyes - width * 0.5, top),
            (between_eyes + width * 0.5, top),
            (tip + width * 1.1, bottom - 0.2),
            (tip - width * 1.1, bottom - 0.2),
        ]
        painting.fur(smooth(bridge), coat, tone=white + 0.03)
    for side in (-1, 1):
        painting.fur(ellipse(middle + side * width * 0.58, bottom - 0.22, width * 0.72, 0.22), coat, tone=white + 0.06)
    return middle, bottom - mix(0.36, 0.44, length)


def draw_mouth(pet, painting, nose):
    """The line under the nose, the two corners of the mouth and, on a good day, the tongue."""
    traits, (u, v) = pet.traits, nose
    reach, low = mix(0.2, 0.36, traits.muzzle_width), v + 0.3
    if traits.tongue > TONGUE_SHOWS:
        painting.fill(
            smooth([(u - 0.14, low - 0.06), (u + 0.14, low - 0.06), (u + 0.17, low + 0.36), (u - 0.17, low + 0.36)]),
            TONGUE,
        )
        painting.stroke([(u, low), (u, low + 0.24)], TONGUE_FOLD, 0.03)
    t = np.linspace(0, 1, 9)
    painting.stroke([(u, v), (u, low - 0.04)], INK, 0.045)
    for side in (-1, 1):
        corner = np.stack([u + side * reach * t, low - 0.04 + 0.09 * np.sin(np.pi * t)], axis=1)
        painting.stroke(corner, INK, 0.045)


def draw_nose(pet, painting, nose):
    """A small pink triangle, a large black button, or anything between."""
    traits, (u, v) = pet.traits, nose
    w, h = mix(0.11, 0.28, traits.nose_size), mix(0.09, 0.2, traits.nose_size)
    colour = mix(NOSE_PINK, NOSE_BLACK, traits.nose_dark)
    painting.fill(
        smooth(
            [(u - w, v - h), (u + w, v - h), (u + w * 0.8, v + h * 0.3), (u, v + h * 1.2), (u - w * 0.8, v + h * 0.3)],
            2,
        ),
        colour,
    )
    painting.fill(ellipse(u - 0.3 * w, v - 0.55 * h, 0.28 * w, 0.2 * h, 10), mix(colour, WHITE, 0.6))


def draw_eye(pet, painting, side):
    """One eye, left (side -1) or right (1): iris, pupil and two highlights; or closed."""
    traits, pose = pet.traits, pet.pose
    size = mix(0.16, 0.26, traits.eye_size)
    narrow = 1 - 0.3 * max(0.0, side * pose.turn)  # the eye on the far side of a turned head
    u, v = side * 0.43 * narrow + 0.2 * pose.turn, -0.1
    if pose.sleepy:
        t = np.linspace(0, np.pi, 9)
        painting.stroke(np.stack([u - size * np.cos(t), v + 0.6 * size * np.sin(t)], axis=1), INK, 0.07)
        return
    eye = ellipse(0, 0, size * narrow, size * mix(0.98, 0.82, traits.eye_slant), 24)
    eye[:, 1] -= 0.35 * traits.eye_slant * side * eye[:, 0]  # the outer corner rises
    painting.fill(eye * 1.17 + (u, v), INK)
    painting.fill(eye + (u, v), pet.coat.iris)
    painting.fill(ellipse(u, v + size * 0.35, size * 0.6 * narrow, size * 0.4, 16), mix(pet.coat.iris, WHITE, 0.3))
    pupil = size * mix(0.26, 0.74, traits.pupil_width)
    painting.fill(ellipse(u, v, pupil * narrow, size * 0.78, 20), PUPIL)
    painting.fill(ellipse(u - 0.3 * size, v - 0.35 * size, 0.27 * size, 0.27 * size, 12), GLINT)
    painting.fill(ellipse(u + 0.3 * size, v + 0.35 * size, 0.13 * size, 0.13 * size, 8), GLINT)


def draw_whiskers(pet, painting, nose):
    """Three fine hairs on either side, long in most cats and short in most dogs."""
    length, (u, v) = 0.95 * pet.traits.whiskers, nose
    if pet.traits.whiskers < FEW_WHISKERS:
        return
    colour = mix(pet.coat.main, INK, 0.5) if pet.coat.main.mean() > 150 else WHITE
    for side in (-1, 1):
        for rise in (-0.16, 0.0, 0.16):
            start = (u + side * 0.3, v + 0.14 + 0.4 * rise)
            painting.stroke([start, (start[0] + side * length, start[1] + rise + 0.06 * length)], colour, 0.02)


def draw_animal(pet, painting):
    """The whole animal."""
    coat = coat_texture(pet, painting)
    draw_tail(pet, painting, coat)
    draw_body(pet, painting, coat)
    if painting.rng.random() < COLLARS:
        draw_collar(painting)
    hangs = pet.traits.ear_droop > EAR_HANGS  # then the ears lie over the head, not behind it
    for draw_part in (draw_head, draw_ears) if hangs else (draw_ears, draw_head):
        draw_part(pet, painting, coat)
    nose = draw_muzzle(pet, painting, coat)
    draw_mouth(pet, painting, nose)
    draw_nose(pet, painting, nose)
    draw_eye(pet, painting, -1)
    draw_eye(pet, painting, 1)
    draw_whiskers(pet, painting, nose)


# ---------------------------------------------------------------- a picture
def draw(label: str, split: str, index: int, seed: int = SEED) -> tuple[np.ndarray, Pet]:
    """Picture number `index` of a split, drawn from these arguments alone.

    Returns uint8 [96, 96, 3] and the Pet in it.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    pet = sample_pet(label, rng)
    painting = Painting(pet.pose, rng)
    draw_background(painting, pet.scene)
    draw_animal(pet, painting)
    draw_occluder(painting, pet.scene)
    return develop(painting.image, pet.scene, rng), pet
