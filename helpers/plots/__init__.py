"""One function for each figure of the course: `plots.number_line(...)`.

Each file holds the figures of one subject; `style` says how all of them look, and `wording` has the words that several
of them derive from their numbers.  A title states what the data show, whatever they show.
"""

from helpers.plots.board import flash_budget, instructions, memory_plan, ram_bar, ram_budget
from helpers.plots.by_hand import (
    activation_ranges,
    channel_ranges,
    comb,
    discretized,
    number_line,
    precision_axes,
    sqnr_by_bits,
    zero_on_a_code,
)
from helpers.plots.course import course_map
from helpers.plots.diagrams import kinds_of_quantization, network_parts, reasons, tree
from helpers.plots.energy import energy_per_inference, energy_per_operation, number_bits
from helpers.plots.fewer_bits import (
    accuracy_by_bits,
    layer_errors,
    repairs,
    sensitivity,
    tensor_sqnr,
)
from helpers.plots.files import calibrations, code_differences, file_bytes
from helpers.plots.histograms import clipping, equal_range, layer_histograms, pruned_histograms
from helpers.plots.inference import instructions_of_a_picture
from helpers.plots.integers import one_convolution
from helpers.plots.ladder import byte_front, channel_means, range_errors, rungs, straight_through, up_or_down
from helpers.plots.latency import latencies, ratios, roofline, slide_latencies, speed_ups_of_a_class
from helpers.plots.results import overview, own_pets
from helpers.plots.style import Picture
from helpers.plots.tradeoffs import accuracies, best_of, frontier, power, tradeoff
from helpers.plots.training import class_balance, confusion, pictures, training_curves

__all__ = [
    "Picture",
    "accuracies",
    "accuracy_by_bits",
    "activation_ranges",
    "best_of",
    "byte_front",
    "calibrations",
    "channel_means",
    "channel_ranges",
    "class_balance",
    "clipping",
    "code_differences",
    "comb",
    "confusion",
    "course_map",
    "discretized",
    "energy_per_inference",
    "energy_per_operation",
    "equal_range",
    "file_bytes",
    "flash_budget",
    "frontier",
    "instructions",
    "instructions_of_a_picture",
    "kinds_of_quantization",
    "latencies",
    "layer_errors",
    "layer_histograms",
    "memory_plan",
    "network_parts",
    "number_bits",
    "number_line",
    "one_convolution",
    "overview",
    "own_pets",
    "pictures",
    "power",
    "precision_axes",
    "pruned_histograms",
    "ram_bar",
    "ram_budget",
    "range_errors",
    "ratios",
    "reasons",
    "repairs",
    "roofline",
    "rungs",
    "sensitivity",
    "slide_latencies",
    "speed_ups_of_a_class",
    "sqnr_by_bits",
    "straight_through",
    "tensor_sqnr",
    "tradeoff",
    "training_curves",
    "tree",
    "up_or_down",
    "zero_on_a_code",
]
