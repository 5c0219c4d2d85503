"""Every figure: described in words with its numbers, the same bytes twice, the same colours everywhere."""

import re
from pathlib import Path

import matplotlib.colors
import matplotlib.pyplot as plt
import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.board.boards import Board
from helpers.board.counts import Count, Counts
from helpers.course import course_map
from helpers.measure import accuracy, energy
from helpers.measure.accuracy import Score
from helpers.measure.ceilings import Ceilings
from helpers.measure.debugging import LayerError
from helpers.measure.latency import Median, Timings
from helpers.measure.roofline import LayerWork, Prediction
from helpers.methods import simulation
from helpers.networks.costs import LayerCost
from helpers.numbers import floats
from helpers.pictures import datasets
from helpers.plots import fewer_bits, histograms, style
from helpers.tflite import convert, inspect

KINDS = list(convert.KINDS)


def made_up_score(seed, pictures=200):
    """Return a score of pictures that are mostly right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, pictures)
    dog = np.clip(labels + rng.normal(0, 0.35, pictures), 0.01, 0.99)
    return Score(np.stack([1 - dog, dog], axis=1).astype(np.float32), labels)


def made_up_pets(counts):
    """Return pets of which only labels matter: {split: (cats, dogs)}."""
    tf = datasets.tf
    splits = {
        name: tf.data.Dataset.from_tensor_slices(
            (np.zeros((cats + dogs, 96, 96, 3), np.uint8), np.int64([0] * cats + [1] * dogs))
        )
        for name, (cats, dogs) in counts.items()
    }
    return datasets.Pets("made-up", "made-up pets", **splits, counts={name: sum(pair) for name, pair in counts.items()})


RNG = np.random.default_rng(5)
SCORES = {kind: made_up_score(i) for i, kind in enumerate(KINDS)}
TIMES = {
    k: Timings({n: RNG.gamma(9, s, 20) for n, s in zip(KINDS, range(1, 7), strict=True)}) for k in ("XNNPACK", "b")
}
SIZES = {kind: dict.fromkeys(inspect.PURPOSES, 1000 * (i + 1)) for i, kind in enumerate(("float32", "int8"))}
HISTORY = {name: [0.5, 0.6, 0.75] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
PICTURES = RNG.integers(0, 256, (3, 96, 96, 3), np.uint8)
EQUAL = {"train": (8, 8), "validation": (1, 1), "test": (2, 2)}

PEAKED = RNG.laplace(0, 0.01, 20_000).astype(np.float32)
FLAT = RNG.uniform(-2, 2, 3000).astype(np.float32)
PRUNED = np.where(np.abs(PEAKED) > 0.01, PEAKED, 0)

BOARD = Board("B", 2**20, 2**18, "core", True, "no", "a document", 2024)
LAYERS = [LayerCost("conv1", (2,), 1, 1, 50_000), LayerCost("conv2", (2,), 1, 1, 100_000)]
SPENT = energy.Inference("float32", 100, 20, 3, 2), energy.Inference("int8", 10, 20, 0.5, 0.75)


def made_up_tensor(role, shape, dtype, scale, zero_point):
    scale, zero_point = np.float32(scale), np.int64(zero_point)
    return inspect.Tensor(0, role, shape, dtype, scale, zero_point, 0, role, None)


TENSORS = [
    made_up_tensor("input", (1, 6), "int8", [0.00392], [-128]),
    made_up_tensor("weights", (4, 6), "int8", [0.1, 0.2, 0.3, 0.4], [0] * 4),
    made_up_tensor("bias", (4,), "int32", [0.001, 0.002, 0.003, 0.004], [0] * 4),
    made_up_tensor("output", (1, 4), "int8", [0.05], [3]),
    made_up_tensor("constant", (2,), "int32", [], []),
]

SLIDE = {"A": {"float32": 80.0, "int8": 40.0}, "B": {"float32": 1480.0, "int8": 970.0}}
PAIRS = {name: Timings({"float32": np.full(5, k * 9e-3), "int8": np.full(5, 3e-3)}) for name, k in (("A", 1), ("B", 2))}
CEILINGS = Ceilings({"float32": 50e9, "int8": 200e9}, {2**20: 80e9, 2**27: 20e9})
CONVOLUTION = LayerWork("c", "CONV_2D", "float32", 10**8, 64, 10**5, 10**5, 1)
DENSE = LayerWork("d", "FULLY_CONNECTED", "float32", 10**6, 1000, 4 * 10**6, 8000, 1000)
POOL = LayerWork("p", "MAX_POOL_2D", "float32", 0, 64, 0, 5 * 10**4, 1)
TOLD = Prediction([CONVOLUTION, POOL, DENSE], np.array([2e-3, 0, 2e-5]), np.array([1e-5, 2e-6, 2e-4]), 2e10)
BOUNDS = {name: {"float32": TOLD, "int8": TOLD} for name in ("A", "B")}
RATIOS = {"A": Median(2.5, 2.4, 2.6), "B": Median(4.2, 4.0, 4.5)}
PREDICTED = {"from peaks": {"A": 4.0, "B": 4.1}, "by sort": {"A": 3.0, "B": 4.0}}


def counted(right, pictures=200):
    """Return a score with so many right answers, the first ones."""
    return Score(np.eye(2)[(np.arange(pictures) >= right).astype(int)], np.zeros(pictures, int))


ERRORS = [
    LayerError("conv1", "CONV_2D", "a", 100, 0.02, 50.0, 50.0, -5.0),
    LayerError("pool1", "MAX_POOL_2D", "b", 100, 0.02, 0.0, 0.0, float("inf")),
    LayerError("dense", "FULLY_CONNECTED", "c", 2, 0.03, 0.3, 0.3, 40.0),
]
REPAIRED = {"float32": counted(180), "broken": counted(130), "int16x8": counted(179), "better range": counted(150)}
REPAIR_TIMES = Timings({name: np.full(5, 2e-3 * 3**i) for i, name in enumerate(REPAIRED)})

WHOLE_AND_LESS = {8: counted(180), 4: counted(170), 3: counted(120)}
SENSITIVITIES = {
    "conv1": simulation.Sensitivity(counted(140), counted(170), 0.2),
    "conv2": simulation.Sensitivity(counted(180), counted(120), 0.1),
}

COMPARISON = {
    "data": "drawn pets",
    "models": {
        kind: {
            "bytes": 1000 * (i + 1),
            "accuracy": 0.9,
            "low": 0.88,
            "high": 0.92,
            "milliseconds": {"XNNPACK": {"value": i + 1.0}},
        }
        for i, kind in enumerate(KINDS)
    },
}


def made_up_counts(smlad=200):
    """Return counts of 100 multiply-accumulates on two processors, one of them without known cycles."""
    numbers = {"f32": 500, "f32_blocked": 300, "i8": 600, "i8_blocked": 400, "i8_smlad": smlad}
    found = [Count("Cortex-M4F", f"pointwise_{k}", 100, n, (n, 2 * n)) for k, n in numbers.items()]
    found += [Count("Cortex-M3", f"pointwise_{k}", 100, n, None) for k, n in (("f32", 9000), ("i8", 450))]
    return Counts({(one.core, one.kernel): one for one in found}, "recorded")


# Each figure, and numbers that its description must name.
FIGURES = {
    "pictures": (lambda: plots.pictures(PICTURES, ["a cat", "b\nc", "d"], "Title"), ["3 pictures", "a cat; b c; d"]),
    "class_balance": (lambda: plots.class_balance(made_up_pets(EQUAL)), ["50% cats in train"]),
    "training_curves": (lambda: plots.training_curves(HISTORY), ["3 epochs", "from 50.0% to 75.0%"]),
    "course_map": (
        lambda: plots.course_map(course_map.stations()),
        ("8 boxes", "SavedModel", "to 5 notebooks", "7 · On the board"),
    ),
    "confusion": (
        lambda: plots.confusion(Score(np.eye(2)[[0, 0, 0, 1, 1]], np.array([0, 0, 1, 1, 1])), ("cat", "dog")),
        ["5 pictures", "0.0% of the cats", "33.3% of the dogs"],
    ),
    "file_bytes": (lambda: plots.file_bytes(SIZES), ["float32: 20.0% of 5,000 bytes", "int8: 20.0% of 10,000 bytes"]),
    "calibrations": (
        lambda: plots.calibrations({"noise": (SCORES["int8"], 1 / 255)}, SCORES["float32"]),
        [f"{SCORES['float32'].accuracy:.1%}", f"noise {SCORES['int8'].accuracy:.1%} at scale 0.0039"],
    ),
    "code_differences": (
        lambda: plots.code_differences(np.array([0, 0, 0, -1])),
        ["25.0% of the values differ by -1", "75.0% of the values differ by 0"],
    ),
    "layer_histograms": (
        lambda: plots.layer_histograms({"conv10": PEAKED.reshape(10, -1), "conv2": FLAT}),
        ["of 2 layers", "codes in conv10", "253 in conv2"],
    ),
    "pruned_histograms": (
        lambda: plots.pruned_histograms(
            {"trained": (PEAKED, SCORES["float32"]), "pruned": (PRUNED, SCORES["int8"])}, "dense6"
        ),
        [
            f"trained: one hump, 20,000 of 20,000 weights left, none nearer to zero than {np.abs(PEAKED).min():.2g}",
            f"pruned: two humps, {np.count_nonzero(PRUNED):,} of 20,000 weights left, none nearer to zero than 0.01",
            f"accuracy {SCORES['int8']}",
        ],
    ),
    "equal_range": (
        lambda: plots.equal_range(PEAKED, FLAT, ("dense6", "conv1")),
        [f"dense6: largest error {np.abs(PEAKED).max() / 254:.2g}", "SQNR", "conv1: largest error"],
    ),
    "clipping": (
        lambda: plots.clipping(PEAKED, "dense6"),
        ["8 bits: ", "4 bits: ", "at 99.9, best of those tried"],
    ),
    "flash_budget": (
        lambda: plots.flash_budget({"float32": 1_500_000, "int8": 400_000}, BOARD),
        ["1 MB of flash: float32 1,500 kB or 143% and int8 400 kB or 38%", "Too large for the flash of the B: float32"],
    ),
    "ram_budget": (
        lambda: plots.ram_budget(LAYERS, BOARD),
        ["peak, at conv2, is 400 kB in float32, 100 kB in int8; the B has 262 kB", "Only int8 fits into the RAM"],
    ),
    "energy_per_operation": (
        lambda: plots.energy_per_operation(energy.costs()),
        ["add int8 0.03 pJ", "multiply float32 3.7 pJ", "takes 527 times as much", "overhead 70 pJ"],
    ),
    "energy_per_inference": (
        lambda: plots.energy_per_inference({"a chip": SPENT, "a core": SPENT[::-1]}),
        ["a chip: float32 125 µJ, int8 31 µJ, 4.0 to 1", "a core: float32 31 µJ"],
    ),
    "number_bits": (
        lambda: plots.number_bits(floats.in_formats(3.14, scale=0.05)),
        ["float32 0 10000000 10010001111010111000011 stores 3.1400001049041748046875", "63 × 0.05 = 3.15"],
    ),
    "reasons": (
        lambda: plots.reasons("3.7 times smaller", "1.2 times as fast", "6 of 12 boards"),
        ["Why quantize?: size (3.7 times smaller); latency (1.2 times as fast); portability (6 of 12 boards)"],
    ),
    "kinds_of_quantization": (
        lambda: plots.kinds_of_quantization("180 kB"),
        ["weight compression, for size (180 kB); quantized inference, for latency); quantization-aware"],
    ),
    "network_parts": (
        lambda: plots.network_parts(TENSORS),
        [
            "weights: 1 tensor, 24 values, int8, one scale for each channel, scale 0.1 to 0.4, zero point 0",
            "biases: 1 tensor, 4 values, int32, one scale for each channel, scale 0.001 to 0.004, zero point 0",
            "activations: 2 tensors, 10 values, int8, one scale for each tensor, scale 0.0039 to 0.05, zero point -128",
        ],
    ),
    "slide_latencies": (
        lambda: plots.slide_latencies(PAIRS, SLIDE, "XNNPACK"),
        ["A 9.0 and 3.0 ms here (3.00 times), 80 and 40 ms there (2.00 times)", "1480 and 970 ms there (1.53 times)"],
    ),
    "roofline": (
        lambda: plots.roofline(BOUNDS, CEILINGS),
        ["50 billion for float32 and 200 billion for int8", "20 GB/s", "A spends 9% of its predicted time waiting"],
    ),
    "ratios": (
        lambda: plots.ratios(PREDICTED, RATIOS),
        ["A: measured 2.50, from peaks 4.00, by sort 3.00", "B: measured 4.20"],
    ),
    "accuracies": (lambda: plots.accuracies(SCORES), [f"int8 {SCORES['int8']}", f"float16 {SCORES['float16']}"]),
    "latencies": (
        lambda: plots.latencies(TIMES),
        [f"{TIMES['b'].ratio('float32', 'int8').value:.1f} times as fast with the b kernels"],
    ),
    "tradeoff": (
        lambda: plots.tradeoff(SCORES, TIMES["XNNPACK"], dict.fromkeys(KINDS, 123400), "XNNPACK"),
        [f"int8 {SCORES['int8'].accuracy:.1%} in {TIMES['XNNPACK'].milliseconds('int8').value:.2f} ms and 123 kB"],
    ),
    "overview": (
        lambda: plots.overview(np.concatenate([PICTURES, PICTURES]), COMPARISON),
        ["Four drawn pets", "float32 1 kB, 90.0%, 1.00 ms", "int8 5 kB, 90.0%, 5.00 ms"],
    ),
    "accuracy_by_bits": (
        lambda: plots.accuracy_by_bits({"per channel": WHOLE_AND_LESS}, counted(180)),
        ["one weight", "float32 90.0%: 90.0% at 8, 85.0% at 4, 60.0% at 3 bits, cliff at 3 bits"],
    ),
    "sensitivity": (
        lambda: plots.sensitivity(SENSITIVITIES, counted(180), counted(120), name="a network"),
        [
            "the 2 of 2 parts",
            "conv1 20.0 and 5.0 and conv2 0.0 and 30.0",
            "All quantized: 30.0",
            "out conv1 helps most",
        ],
    ),
    "tensor_sqnr": (
        lambda: plots.tensor_sqnr({"picture": (146.0, 146.0), "conv1": (3.2, 3.1), "dense": (9.0, -1.5)}, "4 bits"),
        ["4 bits", "worst alone is conv1", "picture no error and no error; conv1 3.2 and 3.1; dense 9.0 and -1.5"],
    ),
    "layer_errors": (
        lambda: plots.layer_errors(ERRORS),
        ["2 operators", "conv1 50 and dense 0.3", "The median is 25"],
    ),
    "repairs": (
        lambda: plots.repairs(REPAIRED, dict.fromkeys(REPAIRED, Path(__file__)), REPAIR_TIMES, "XNNPACK"),
        ["of 4 files", f"float32 {REPAIRED['float32']}", f"broken {REPAIRED['broken']}", "2.00 ms"],
    ),
    "straight_through": (
        lambda: plots.straight_through(-1.0, 1.5, 3),
        ["8 values from -1.1 to 1.4", "told 1 from -1.1 to 1.4 and 0 outside"],
    ),
    "qat_recovery": (
        lambda: plots.qat_recovery(SCORES["float32"], {4: (SCORES["int8"], SCORES["float16"])}),
        [f"float32 {SCORES['float32']}", f"4 bits {SCORES['int8']} and {SCORES['float16']}"],
    ),
    "instructions": (
        lambda: plots.instructions(made_up_counts()),
        ["recorded instructions", "Cortex-M3 float32 90, int8 4.5", "int8, SMLAD 2 (2 to 4 cycles)", "kernel: SMLAD."],
    ),
}


def test_repairs_counts_those_that_came_back():
    picture = plots.repairs(REPAIRED, dict.fromkeys(REPAIRED, Path(__file__)), REPAIR_TIMES, "XNNPACK")
    assert picture.figure.get_suptitle() == "25 points lost; 1 of 2 repairs bring them back to within 1"
    with pytest.raises(ValueError, match="float32, a file that went wrong and a repaired one"):
        plots.repairs(dict(list(REPAIRED.items())[:2]), {}, REPAIR_TIMES, "XNNPACK")


def test_errors_of_operators_that_only_copy():
    with pytest.raises(ValueError, match="at least one operator whose output differs"):
        plots.layer_errors(ERRORS[1:2])


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def test_a_picture_shows_itself_with_its_description():
    picture = plots.code_differences(np.array([0, -1]))
    data, metadata = picture._repr_mimebundle_()
    assert data == {"image/png": picture.png(), "text/plain": picture.alt}
    assert set(metadata) == {"image/png"} and metadata["image/png"]["alt"] == picture.alt
    assert repr(picture) == picture.alt


def test_no_figure_stays_open():
    before = plt.get_fignums()
    plots.accuracies(SCORES)
    assert plt.get_fignums() == before


def test_looks_belong_to_kinds_and_no_two_are_alike():
    for looks in (style.COLOURS, style.MARKERS, style.HATCHES):
        assert list(looks) == KINDS
        assert len(set(looks.values())) == len(KINDS)
    assert style.COLOURS["float32"] == "#0072B2"  # Okabe and Ito's blue
    assert style.COLOURS["int8"] == "#D55E00"  # and their vermilion


def colours(figure, label):
    """Return the colours of everything in a figure that carries a label, whatever it is."""
    found = set()
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            if re.split(r",(?! float)", name)[0] == label:
                artist = handle[0] if hasattr(handle, "patches") else handle
                colour = artist.get_facecolor() if hasattr(artist, "get_facecolor") else artist.get_color()
                found.add(matplotlib.colors.to_hex(np.ravel(colour)[:3] if not isinstance(colour, str) else colour))
    return found


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_a_kind_has_its_colour_in_every_figure(kind):
    for name in ("latencies", "slide_latencies", "roofline", "tradeoff"):
        assert colours(FIGURES[name][0]().figure, kind) == {style.COLOURS[kind].lower()}
    rows = FIGURES["accuracies"][0]().figure.axes[0].get_lines()
    marks = {line.get_color() for line in rows if line.get_marker() == style.MARKERS[kind]}
    assert marks == {style.COLOURS[kind]}


@pytest.mark.parametrize(
    ("counts", "title"),
    [(EQUAL, "Both classes are there in equal parts"), (EQUAL | {"train": (4, 12)}, "The classes are not")],
)
def test_the_balance_of_classes_is_called_what_it_is(counts, title):
    picture = plots.class_balance(made_up_pets(counts))
    assert picture.figure.axes[0].get_title(loc="left").startswith(title)
    assert f"{counts['train'][0] / 16:.0%} cats in train" in picture.alt


def test_heights_of_bars_are_the_bytes():
    axes = plots.file_bytes(SIZES).figure.axes[0]
    widths = np.array([[bar.get_width() for bar in bars] for bars in axes.containers])
    np.testing.assert_allclose(widths.sum(axis=0) * 1000, [5000, 10_000])


def confusion_texts(*arguments, **options):
    return [text.get_text() for text in plots.confusion(*arguments, **options).figure.axes[0].texts]


def test_the_confusion_matrix_counts():
    texts = [text.get_text() for text in FIGURES["confusion"][0]().figure.axes[0].texts]
    assert texts == ["2\n100.0%", "0\n0.0%", "1\n33.3%", "2\n66.7%"]


def test_a_threshold_of_a_half_is_the_larger_probability():
    probabilities = np.random.default_rng(0).dirichlet((1, 1), 200).astype(np.float32)
    score = Score(probabilities, np.arange(200) % 2)
    counts = [int(text.split("\n")[0]) for text in confusion_texts(score, ("cat", "dog"))]
    taken = np.stack([score.labels, score.predictions])
    assert counts == [np.sum((pair == taken.T).all(axis=1)) for pair in ((0, 0), (0, 1), (1, 0), (1, 1))]


def test_a_higher_threshold_says_dog_less_often():
    score = Score(np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]]), np.array([0, 0, 1, 1]))
    for threshold, counts in ((0.5, (1, 1, 0, 2)), (0.65, (2, 0, 0, 2)), (0.8, (2, 0, 1, 1)), (0.1, (0, 2, 0, 2))):
        texts = confusion_texts(score, ("cat", "dog"), threshold=threshold)
        assert tuple(int(text.split("\n")[0]) for text in texts) == counts


@pytest.mark.parametrize("count", [1, 6, 7])
def test_any_number_of_pictures(count):
    images = np.zeros((count, 8, 8, 3), np.uint8)
    picture = plots.pictures(images, [str(i) for i in range(count)], "Some")
    assert sum(len(axes.images) for axes in picture.figure.axes) == count


@pytest.mark.parametrize(("count", "words"), [(0, "No"), (1, "One"), (3, "Three"), (6, "Four")])
def test_the_overview_of_a_folder_with_few_pictures(count, words):
    picture = plots.overview(np.zeros((count, 8, 8, 3), np.uint8), COMPARISON | {"data": "pictures in pets"})
    assert picture.alt.startswith(f"{words} pictures in pets, then size")
    mosaic = picture.figure.axes[0].images[0].get_array()
    assert mosaic.shape == (16, 16, 3)
    assert (mosaic == 0).sum() == min(count, 4) * 8 * 8 * 3


@pytest.mark.parametrize("captions", [[], ["one"], ["one", "two", "three", "four"]])
def test_captions_that_do_not_match(captions):
    with pytest.raises(ValueError, match=f"one caption for each picture, at least one; found 3 and {len(captions)}"):
        plots.pictures(PICTURES, captions, "Title")


def test_nothing_to_show():
    with pytest.raises(ValueError, match="found 0 and 0"):
        plots.pictures(PICTURES[:0], [], "Title")


def test_figures_use_what_is_measured():
    """The interval that is drawn is Wilson's."""
    axes = plots.accuracies({"int8": SCORES["int8"]}).figure.axes[0]
    low, high = accuracy.wilson(int(SCORES["int8"].correct.sum()), 200)
    np.testing.assert_allclose(axes.get_lines()[0].get_xdata(), [100 * low, 100 * high])


# --- 03: weights ---------------------------------------------------------------------------------------------


def suptitle(picture):
    return picture.figure.get_suptitle()


def test_every_layer_has_its_panel_in_the_order_of_the_numbers():
    names = ["dense", "conv10", "conv2", "conv1"]
    axes = plots.layer_histograms(dict.fromkeys(names, PEAKED)).figure.axes
    assert [a.get_title(loc="left") for a in axes] == [
        f"{name}: 20,000" for name in ("conv1", "conv2", "conv10", "dense")
    ]
    assert sum(axes[0].patches[0].get_data().values) == 20_000, "every weight is in some bin"
    with pytest.raises(ValueError, match="at least one layer"):
        plots.layer_histograms({})


@pytest.mark.parametrize("count", [1, 14, 19, 28])
def test_any_number_of_layers(count):
    picture = plots.layer_histograms({f"conv{i}": FLAT for i in range(count)})
    assert len(picture.figure.axes) == count
    assert suptitle(picture).startswith(f"{count} of {count} layers have one hump")


def test_the_ticks_under_a_histogram_are_codes_of_the_grid():
    axes = plots.equal_range(PEAKED, FLAT).figure.axes[0]
    (ticks,) = [c for c in axes.collections if len(c.get_segments()) > 1]
    found = np.array([segment[0][0] for segment in ticks.get_segments()]) / (np.abs(PEAKED).max() / 127)
    np.testing.assert_allclose(found, np.arange(-120, 128, 8), atol=1e-3)


def test_the_title_of_the_pruned_layer_counts_humps():
    def titled(before, after):
        return suptitle(plots.pruned_histograms({"a": (before, SCORES["int8"]), "b": (after, SCORES["int8"])}, "x"))

    assert titled(PEAKED, PRUNED) == "One hump before, two humps after pruning"
    assert titled(PEAKED, PEAKED) == "One hump before, and as many after pruning"


def test_layers_of_equal_range_differ_in_their_signal_and_not_in_their_errors():
    """Errors are even over half a step to both sides, so the SQNR differs by the power of the weights alone."""
    picture = plots.equal_range(PEAKED, FLAT)
    flat = FLAT * np.abs(PEAKED).max() / np.abs(FLAT).max()
    expected = 10 * np.log10(np.mean(flat.astype(np.float64) ** 2) / np.mean(PEAKED.astype(np.float64) ** 2))
    assert suptitle(picture) == (
        f"Equal range, equal largest error, but signal-to-noise ratios {expected:.0f} dB apart"
    )
    assert f"times {np.abs(PEAKED).max() / np.abs(FLAT).max():.2g}" in picture.figure.axes[1].get_xlabel()


def test_clipping_adds_up_and_is_what_a_loop_finds():
    """One weight at 1 among 9,999 in [-0.1, 0.1]: at the 99.9th percentile its error is 0.9, the others' a tenth."""
    values = np.append(np.linspace(-0.1, 0.1, 9999), 1).astype(np.float32)
    full, clipped = histograms._clipped(values, 100, 4), histograms._clipped(values, 99.9, 4)
    for found in (full, clipped):
        assert found["bulk"] + found["clipped"] == pytest.approx(found["noise"])
        assert found["sqnr"] == pytest.approx(10 * np.log10(np.mean(values.astype(float) ** 2) / found["noise"]))
    assert full["clipped"] == 0
    end, squares = np.percentile(np.abs(values), 99.9), []
    outside = np.count_nonzero(np.abs(values) > end)  # the others lie just outside
    assert clipped["clipped_rmse"] == pytest.approx(0.9 / np.sqrt(outside), rel=0.01)
    for value in values:
        code = max(-7, min(7, round(float(value) / (end / 7))))
        squares.append((float(value) - code * end / 7) ** 2)
    assert clipped["noise"] == pytest.approx(np.mean(squares), rel=1e-4)


def test_clipping_says_what_it_costs_and_what_it_buys():
    picture = plots.clipping(PEAKED, "dense6")
    gains = {
        b: histograms._clipped(PEAKED, 99.9, b)["sqnr"] - histograms._clipped(PEAKED, 100, b)["sqnr"] for b in (8, 4)
    }
    assert gains[8] < 0 < gains[4]
    title = picture.figure.axes[0].get_title(loc="left")
    assert title == f"The range ends at 99.9: {gains[8]:+.1f} dB (8 bits), {gains[4]:+.1f} dB (4 bits)"


# --- 03: energy, bits and memory -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "title"),
    [
        ({"float32": 2**20, "int8": 1}, "Every file fits into the flash of the B"),
        ({"float32": 2**20 + 1, "int8": 1}, "Too large for the flash of the B: float32"),
        ({"float32": 2**22, "float16": 2**21}, "Too large for the flash of the B: float32 and float16"),
    ],
)
def test_flash_is_judged_to_the_byte(sizes, title):
    axes = plots.flash_budget(sizes, BOARD).figure.axes[0]
    assert axes.get_title(loc="left") == title
    assert [bar.get_width() for bars in axes.containers for bar in bars] == [size / 1e3 for size in sizes.values()]


@pytest.mark.parametrize(
    ("live", "words"),
    [(2**16, "Both fit"), (2**16 + 1, "Only int8 fits"), (2**18, "Only int8 fits"), (2**18 + 1, "Neither fits")],
)
def test_ram_is_judged_to_the_byte(live, words):
    axes = plots.ram_budget([LayerCost("a", (1,), 0, 0, 5), LayerCost("b", (1,), 0, 0, live)], BOARD).figure.axes[0]
    assert axes.get_title(loc="left") == f"{words} into the RAM: the peak is at b"
    heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in axes.containers}
    assert heights == {"float32": [4 * 5 / 1e3, 4 * live / 1e3], "int8": [5 / 1e3, live / 1e3]}


def test_the_kinds_keep_their_colours_in_the_budgets():
    ram, flash = plots.ram_budget(LAYERS, BOARD).figure, plots.flash_budget({"float32": 9, "int8": 3}, BOARD).figure
    for i, kind in enumerate(("float32", "int8")):
        assert colours(ram, kind) == {style.COLOURS[kind].lower()}
        assert matplotlib.colors.to_hex(flash.axes[0].containers[i][0].get_facecolor()) == style.COLOURS[kind].lower()


def test_the_bars_of_energy_are_those_of_the_table():
    left, right = plots.energy_per_operation(energy.costs()).figure.axes
    for axes, quantity in ((left, "energy"), (right, "area")):
        drawn = sorted(bar.get_width() for bars in axes.containers for bar in bars)
        assert drawn == sorted(cost.value for (q, _, _), cost in energy.costs().items() if q == quantity)


def test_the_parts_of_an_inference_stand_beside_each_other():
    axes = plots.energy_per_inference({"a chip": SPENT}).figure.axes[0]
    ends = [[bar.get_x() + bar.get_width() for bar in bars] for bars in axes.containers]
    np.testing.assert_allclose(ends, [[100, 10], [120, 30], [123, 30.5], [125, 31.25]])
    assert axes.get_title(loc="left") == "a chip: int8 takes 25% of float32"


@pytest.mark.parametrize("number", [3.14, "-1e-40", "inf", 1000])
def test_every_bit_has_its_box_and_its_letter(number):
    found = floats.in_formats(number)
    axes = plots.number_bits(found).figure.axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert len(axes.patches) == sum(len(one.bits) for one in found)
    for letter in "SEFI":
        count = sum(len(part.bits) for one in found for part in one.parts if part.letter == letter)
        assert texts.count(letter) == count
    for one in found:
        assert any(text.startswith(f"stores {one.shown}") for text in texts)


def test_a_tree_has_a_box_for_every_text():
    branches = {"one": {"two": {}, "three and a rather long text that must be wrapped": {}}, "four": {}}
    picture = plots.tree("root", branches, "A title")
    axes = picture.figure.axes[0]
    assert len(axes.patches) == len(axes.texts) == 5
    assert max(len(line) for text in axes.texts for line in text.get_text().split("\n")) <= 28
    places = [round(box.get_y() + 0.4, 6) for box in axes.patches]
    assert places == [1, 0.5, 0, 1, 2]  # root, one, two, three, four: a parent in the middle of its branches
    assert "one (two; three and a rather long text that must be wrapped); four" in picture.alt


def test_a_file_without_scales_has_no_parts_to_light():
    with pytest.raises(ValueError, match="tensors of a full int8 file: weights, biases and activations"):
        plots.network_parts([t for t in TENSORS if t.role != "bias"])


def test_bars_of_the_slide_are_in_their_panels():
    here, there = FIGURES["slide_latencies"][0]().figure.axes
    widths = [[bar.get_width() for bars in axes.containers for bar in bars] for axes in (here, there)]
    np.testing.assert_allclose(widths, [[9, 18, 3, 3], [80, 1480, 40, 970]])
    assert "  (6.0×)" in "".join(text.get_text() for text in here.texts)
    assert here.figure._suptitle.get_text().startswith("Here int8 is 3.0 to 6.0 times as fast as float32")


def test_layers_lie_at_their_intensity_under_their_roof():
    """The convolution at the flat roof, the dense layer on the slope; pooling multiplies nothing and is left out."""
    axes = FIGURES["roofline"][0]().figure.axes[0]
    points = axes.collections[0].get_offsets()
    np.testing.assert_allclose(points, [[500, 50], [10**6 / 4_008_000, 5]])
    areas = axes.collections[0].get_sizes()
    np.testing.assert_allclose(areas, 30 + 900 * np.array([2e-3, 2e-4]) / TOLD.total)


def test_the_title_counts_what_falls_short():
    axes = FIGURES["ratios"][0]().figure.axes[0]
    assert axes.get_title(loc="left") == "Of 2 networks, 1 gain less from int8 than the peaks promise"


# --- 05 and 06: fewer bits, part by part ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sweeps", "title"),
    [
        ({"a": WHOLE_AND_LESS}, "The cliff is at 3 bits (ring: more than 5 points lost)"),
        ({"a": WHOLE_AND_LESS, "b": WHOLE_AND_LESS}, "The cliff is at 3 bits (ring: more than 5 points lost)"),
        (
            {"a": WHOLE_AND_LESS, "b": {5: counted(150)}},
            "The cliff is at 3 bits a,\nat 5 bits b (ring: more than 5 points lost)",
        ),
        (
            {"a": {5: counted(150)}, "b": {8: counted(180)}, "c": WHOLE_AND_LESS},
            "The cliff is at 3 to 5 bits (ring: more than",
        ),
        ({"a": {8: counted(180)}}, "No cliff: nowhere more than 5 points lost"),
    ],
)
def test_the_cliff_is_named_and_ringed(sweeps, title):
    axes = plots.accuracy_by_bits(sweeps, counted(180)).figure.axes[0]
    assert axes.get_title(loc="left").startswith(title)
    rings = [tuple(map(float, np.ravel(line.get_data()))) for line in axes.get_lines() if line.get_markersize() == 18]
    cliffs = [(3.0, 60.0) if 3 in scores else (5.0, 75.0) for scores in sweeps.values() if min(scores) < 8]
    assert rings == cliffs
    assert axes.get_xlim()[0] > axes.get_xlim()[1], "from many bits to few"


def test_bands_are_wilson_intervals_and_float32_is_blue():
    axes = plots.accuracy_by_bits({"a": WHOLE_AND_LESS}, counted(180)).figure.axes[0]
    edges = axes.collections[0].get_paths()[0].vertices[:, 1]
    low, high = accuracy.wilson(120, 200)
    assert edges.min() == pytest.approx(100 * low)
    assert edges.max() == pytest.approx(100 * accuracy.wilson(180, 200)[1])
    assert 100 * high in edges
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert lines["float32: 90.0%"].get_color() == style.COLOURS["float32"]


def test_networks_have_lines_of_their_own():
    wholes = {"a": counted(180), "b": counted(160)}
    axes = plots.accuracy_by_bits({"a": WHOLE_AND_LESS, "b": WHOLE_AND_LESS}, wholes, "activation").figure.axes[0]
    assert {90.0, 80.0} <= {float(line.get_ydata()[0]) for line in axes.get_lines() if len(line.get_ydata()) == 2}
    assert axes.get_xlabel().startswith("bits of one activation")
    for count in (0, 7):
        with pytest.raises(ValueError, match=f"1 to 6 sweeps in one figure; found {count}"):
            plots.accuracy_by_bits({str(i): WHOLE_AND_LESS for i in range(count)}, counted(180))


def test_the_bars_of_sensitivity_are_points_lost():
    picture = FIGURES["sensitivity"][0]()
    left, right = picture.figure.axes
    widths = [[bar.get_width() for bar in axes.containers[-1]] for axes in (left, right)]
    np.testing.assert_allclose(widths, [[20, 0], [5, 30]], atol=1e-9)
    assert suptitle(picture) == "conv1 alone costs 20.0 points, all together 30.0"
    short = plots.sensitivity(SENSITIVITIES, counted(180), counted(120), most=1)
    assert "the 1 of 2 parts" in short.alt


def test_the_interval_of_a_loss_is_that_of_paired_pictures():
    """40 of 200 pictures lost, none won: variance (40/200 - (40/200)^2) / 200."""
    lost, half = fewer_bits._loss(counted(180), counted(140))
    assert lost == pytest.approx(20)
    assert half == pytest.approx(100 * 1.96 * np.sqrt((0.2 - 0.04) / 200))


def test_ratios_without_an_error_are_not_drawn():
    axes = FIGURES["tensor_sqnr"][0]().figure.axes[0]
    drawn = np.array([line.get_ydata() for line in axes.get_lines()[:2]])
    np.testing.assert_array_equal(drawn, [[np.nan, 3.2, 9.0], [np.nan, 3.1, -1.5]])
    with pytest.raises(ValueError, match="at least one tensor with an error"):
        plots.tensor_sqnr({"picture": (np.inf, np.inf), "conv1": (np.inf, 140.0)})


def test_channel_ranges_count_the_levels_of_fewer_bits():
    weights = np.array([[7.0, -1], [3.5, 1], [1, 0]])
    picture = plots.channel_ranges(weights, 0, "conv1", bits=4)
    assert "from 15 for the widest down to 3, half of the channels below 8" in picture.alt
    np.testing.assert_allclose(picture.figure.axes[1].get_lines()[0].get_ydata(), [15, 8, 3])


def test_recovery_is_told_at_the_bits_where_it_is_largest():
    labels = np.array([0, 1, 0, 1])
    whole, half = Score(np.eye(2)[labels], labels), Score(np.eye(2)[[0] * 4], labels)
    axis = plots.qat_recovery(whole, {2: (half, half), 4: (half, whole), 8: (whole, whole)}).figure.axes[0]
    assert axis.get_title("left") == "4 bits: 50.0 points lost, 0.0 after training with the rounding"
    assert [label.get_text() for label in axis.get_xticklabels()] == ["8", "4", "2"]
    with pytest.raises(ValueError, match="scores of at least one number of bits; found none"):
        plots.qat_recovery(whole, {})


def test_the_bars_are_the_best_kernels_and_all_of_one_processor():
    """Left float32, int8 and, where there is one, the int8 kernel with instructions of its own; right all five."""
    left, right = FIGURES["instructions"][0]().figure.axes
    heights = [bar.get_height() for bars in left.containers for bar in bars]
    assert heights == [3, 4, 2, 90, 4.5]
    assert [bar.get_width() for bars in right.containers for bar in bars] == [5, 3, 6, 4, 2]
    np.testing.assert_allclose([line.get_xdata() for line in right.get_lines()][1], [3, 6])
    assert left.get_title("left") == "Without an FPU, int8 takes 20 times fewer"


@pytest.mark.parametrize(
    ("smlad", "said"), [(200, "fewer instructions\nthan float32 with SMLAD only"), (300, "no int8 kernel")]
)
def test_the_title_of_the_kernels_follows_the_counts(smlad, said):
    assert said in plots.instructions(made_up_counts(smlad)).figure.axes[1].get_title("left")
    with pytest.raises(KeyError, match="counts of a 1×1 convolution, and cycles, for 'Cortex-M3'"):
        plots.instructions(made_up_counts(), "Cortex-M3")
