"""Vector instructions from recorded texts of several systems; the table against the manuals' arithmetic."""

import types

import pytest

from helpers.measure import processor

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


# --- the instructions of a processor ----------------------------------------------------------------------------------


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


# --- the table --------------------------------------------------------------------------------------------------------


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
