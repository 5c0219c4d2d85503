"""Vector instructions from recorded texts of several systems; the table against the manuals' arithmetic; ceilings with
a made-up clock."""

import types

import numpy as np
import pytest

from helpers.base.seed import SEED
from helpers.base.tf import keras
from helpers.measure import ceilings, latency, processor
from helpers.measure.ceilings import Ceilings, layer_files, layer_seconds, read_bandwidth
from helpers.tflite import interpreter

# Lines as the systems print them, shortened to what matters.
CPUINFO = {
    "Zen 2": ("flags\t\t: fpu sse2 ssse3 fma sse4_1 avx f16c avx2 bmi2", {"AVX2"}),
    "AVX2 without FMA": ("flags\t\t: fpu avx avx2", set()),
    "Skylake-SP": ("flags\t\t: fpu fma avx2 avx512f avx512dq avx512cd avx512bw avx512vl", {"AVX2", "AVX-512"}),
    "Alder Lake": ("flags\t\t: fpu fma avx2 avx_vnni", {"AVX2", "AVX-VNNI"}),
    "Zen 4": ("flags\t\t: fma avx2 avx512f avx512bw avx512_bf16 avx512_vnni", {"AVX2", "AVX-512", "AVX-512 VNNI"}),
    "Sapphire Rapids": (
        "flags\t\t: fma avx2 avx_vnni avx512f avx512bw avx512_vnni amx_bf16 amx_tile amx_int8",
        {"AVX2", "AVX-512", "AVX-VNNI", "AVX-512 VNNI", "AMX"},
    ),
    "Raspberry Pi 4": ("Features\t: fp asimd evtstrm crc32 cpuid", {"NEON"}),
    "Raspberry Pi 5": ("Features\t: fp asimd aes atomics fphp asimdhp lrcpc asimddp", {"NEON", "NEON dot product"}),
    "Graviton 3": ("Features\t: fp asimd asimdhp asimddp sve i8mm bf16", {"NEON", "NEON dot product", "NEON i8mm"}),
}  # fmt: skip
M2 = """hw.optional.arm.FEAT_FlagM: 1
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 1
hw.optional.AdvSIMD: 1
"""


# --- the instructions of a processor -------------------------------------------------------------------------


@pytest.mark.parametrize("name", CPUINFO)
def test_linux(name):
    line, expected = CPUINFO[name]
    found = processor.from_cpuinfo(f"processor\t: 0\nmodel name\t: {name}\n{line}\n\n")
    assert set(found.names) == expected and found.known
    assert "/proc/cpuinfo" in found.note


def test_only_what_every_core_has_counts():
    large, small = CPUINFO["Graviton 3"][0], CPUINFO["Raspberry Pi 5"][0]
    found = processor.from_cpuinfo(f"processor\t: 0\n{small}\n\nprocessor\t: 1\n{large}\n")
    assert found.names == ("NEON", "NEON dot product")


@pytest.mark.parametrize("text", ["", "processor\t: 0\nBogoMIPS\t: 108.00\n"])
def test_cpuinfo_that_lists_nothing(text):
    found = processor.from_cpuinfo(text)
    assert not found.known and found.names == () and found.best is None
    assert str(found).startswith("none that is known. Unknown: ")


def test_macos():
    assert processor.from_sysctl(M2).names == ("NEON", "NEON dot product", "NEON i8mm")
    assert processor.from_sysctl(M2.replace("I8MM: 1", "I8MM: 0")).names == ("NEON", "NEON dot product")
    assert not processor.from_sysctl("").known


@pytest.mark.parametrize(
    ("system", "problem"), [("Darwin", FileNotFoundError()), ("Windows", ImportError()), ("Linux", PermissionError())]
)
def test_a_system_that_does_not_tell_is_no_error(monkeypatch, system, problem):
    def fails(*_, **__):
        raise problem

    monkeypatch.setattr(processor.platform, "system", lambda: system)
    monkeypatch.setattr(processor, {"Darwin": "_macos", "Windows": "_numpy", "Linux": "_linux"}[system], fails)
    found = processor.features()
    assert not found.known and system in found.note
    assert "unknown" in str(processor.instruction_table(found))


def test_macos_is_asked_with_sysctl(monkeypatch):
    asked = []

    def run(command, **options):
        asked.append(command)
        return types.SimpleNamespace(stdout=M2)

    monkeypatch.setattr(processor.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(processor.subprocess, "run", run)
    assert "NEON i8mm" in processor.features().names
    assert asked == [["sysctl", "hw.optional"]]


def test_this_computer_agrees_with_numpy():
    """Two independent ways, as far as the second one looks."""
    found, numpys = processor.features(), processor._numpy()
    assert numpys.known
    looked_for = {name for name, line in processor.instructions().items() if line.numpy_flags}
    if found.known:
        assert set(found.names) & looked_for == set(numpys.names)


@pytest.mark.parametrize(
    ("name", "best"),
    [("Zen 2", "AVX2"), ("Zen 4", "AVX-512 VNNI"), ("Sapphire Rapids", "AMX"), ("Graviton 3", "NEON i8mm")],
)
def test_the_best_instructions(name, best):
    assert processor.from_cpuinfo(CPUINFO[name][0]).best.name == best


# --- the table -----------------------------------------------------------------------------------------------


def test_macs_follow_from_the_width_of_the_registers():
    """Bits / 32 lanes of float32. int8: widened to 16 bits, half of bits / 8; four to a lane, or all, without."""
    for name, line in processor.instructions().items():
        if name == "AMX":
            assert line.float32_macs == 512 // 32
            assert line.int8_macs == 16 * 16 * 64  # a tile has 16 rows of 64 bytes
            continue
        assert line.float32_macs == line.bits // 32
        bytes_ = line.bits // 8
        assert line.int8_macs == {
            "AVX2": bytes_ // 2, "AVX-512": bytes_ // 2, "AVX-VNNI": bytes_, "AVX-512 VNNI": bytes_,
            "NEON": bytes_, "NEON dot product": bytes_, "NEON i8mm": 2 * 2 * 8,
        }[name]  # fmt: skip


def test_ratios():
    table = processor.instructions()
    assert {name: line.ratio for name, line in table.items() if line.system == "x86" and name != "AMX"} == {
        "AVX2": 1, "AVX-512": 1, "AVX-VNNI": 4, "AVX-512 VNNI": 4,
    }  # fmt: skip
    assert table["NEON"].ratio == pytest.approx(4 / 3)
    assert (table["NEON dot product"].ratio, table["NEON i8mm"].ratio) == (4, 8)


def test_every_line_names_its_source():
    for line in processor.instructions().values():
        assert "Manual" in line.source and "XNNPACK" in line.source and line.year > 2020
        assert line.linux_flags and line.system in ("x86", "Arm")


@pytest.mark.parametrize(
    ("machine", "first"), [("x86_64", "AVX2"), ("AMD64", "AVX2"), ("arm64", "NEON"), ("aarch64", "NEON")]
)
def test_the_table_shows_the_family(monkeypatch, machine, first):
    monkeypatch.setattr(processor.platform, "machine", lambda: machine)
    found = processor.from_cpuinfo(CPUINFO["Zen 4" if first == "AVX2" else "Graviton 3"][0])
    rows = processor.instruction_table(found).rows
    assert rows[0][:2] == [first, "yes"]
    assert {row[0] for row in rows if row[1] == "yes"} == set(found.names)


# --- ceilings ------------------------------------------------------------------------------------------------


def test_bandwidth_between_sizes():
    ceilings = Ceilings({}, {2**20: 80e9, 2**24: 40e9, 2**28: 20e9})
    assert ceilings.memory == 20e9
    assert ceilings.bandwidth_for(2**22) == pytest.approx(60e9)
    assert ceilings.bandwidth_for(2**24) == 40e9
    assert (ceilings.bandwidth_for(1), ceilings.bandwidth_for(2**40)) == (80e9, 20e9)


class Clock:
    """A clock that moves on by as many nanoseconds as it is told, each second time it is asked."""

    def __init__(self, elapsed):
        self.elapsed, self.now, self.asked = iter(elapsed), 0, 0

    def __call__(self):
        self.asked += 1
        if self.asked % 2 == 0:
            self.now += next(self.elapsed)
        return self.now


def test_reading_memory_counts_the_best_round(monkeypatch):
    warm_up = 10**9
    times = [warm_up, 100, 50, 80, warm_up, 400, 300, 200]  # of 4,096 and of 8,192 bytes, in nanoseconds
    monkeypatch.setattr(latency.time, "perf_counter_ns", Clock(times))
    found = read_bandwidth((4096, 8192), rounds=3)
    assert found == {4096: pytest.approx(4096 / 50e-9), 8192: pytest.approx(8192 / 200e-9)}


def test_a_small_array_is_read_at_least_as_fast_as_a_large_one(monkeypatch):
    monkeypatch.setattr(latency.time, "perf_counter_ns", Clock([1, 400, 400, 1, 100, 100]))
    found = read_bandwidth((4096, 8192), rounds=2)
    assert found[4096] == found[8192] == pytest.approx(8192 / 100e-9)


def test_the_peak_is_that_of_the_convolution(monkeypatch):
    asked = {}
    told = iter([{"float32": [0.3, 0.2], "int8": [0.5, 0.4]}, {"float32": [0.4, 0.4], "int8": [0.1, 0.4]}])

    def seconds(layer, shape):
        asked.update(filters=layer.filters, kernel=layer.kernel_size, shape=shape)
        return {kind: np.array(times) for kind, times in next(told).items()}

    monkeypatch.setattr(ceilings, "layer_seconds", seconds)
    monkeypatch.setattr(ceilings, "read_bandwidth", lambda: {1: 2.0})
    found = ceilings.measure()
    assert asked == {"filters": 512, "kernel": (1, 1), "shape": (32, 32, 512)}
    assert found.macs == {"float32": pytest.approx(32 * 32 * 512 * 512 / 0.2), "int8": pytest.approx(2**28 / 0.1)}
    assert found.bandwidth == {1: 2.0}


def test_a_layer_in_two_files():
    layer = keras.layers.Dense(8, bias_initializer="random_normal")
    files = layer_files(layer, (32,))
    inputs = np.random.default_rng(SEED).normal(size=(1, 32)).astype(np.float32)  # those of the calibration
    expected = inputs @ layer.kernel.numpy() + layer.bias.numpy()
    for kind, tolerance in (("float32", 1e-5), ("int8", 0.15)):
        ready = interpreter.load(files[kind])
        entry = ready.get_input_details()[0]
        assert entry["dtype"] == np.dtype(kind)
        answer = interpreter.run(ready, interpreter.quantize_input(inputs, entry))
        np.testing.assert_allclose(answer, expected, atol=tolerance)


def test_both_files_of_a_layer_take_turns(monkeypatch):
    calls = {}
    monkeypatch.setattr(ceilings, "layer_files", lambda layer, shape: {"float32": b"a", "int8": b"b"})
    monkeypatch.setattr(interpreter, "load", lambda content: types.SimpleNamespace(invoke=lambda: content))
    monkeypatch.setattr(
        latency, "interleave", lambda what, rounds, label: calls.update(what) or latency.Timings({"x": np.ones(rounds)})
    )
    assert layer_seconds(None, (1,), rounds=4)["x"].shape == (4,)
    assert {kind: call() for kind, call in calls.items()} == {"float32": b"a", "int8": b"b"}
