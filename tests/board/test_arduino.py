"""The folder for Arduino: compiled as far as it can be without Arduino, and the sketch run on this computer."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from helpers.board import arduino, building, compiled_network, network_in_c
from helpers.integer.network import load_network
from helpers.integer.rounding import MICRO
from helpers.networks.plans import PRETRAINED_INT8 as SHIPPED

GXX, GCC = shutil.which("g++"), shutil.which("gcc")
ARM = next((c for c in building.compilers("Cortex-M4F") if c.name == "GCC"), None)
ZIG = next((c for c in building.compilers("Cortex-M4F") if c.name == "Zig"), None)

STAND_IN = """\
#include <cstdint>
#include <cstdio>
struct Port {
    void begin(long) {}
    operator bool() { return true; }
    void print(const char *text) { std::printf("%s", text); }
    void print(int number) { std::printf("%d", number); }
    void print(unsigned long number) { std::printf("%lu", number); }
    void println(const char *text) { std::printf("%s\\n", text); }
};
static Port Serial;
static unsigned long now = 0;
static unsigned long micros() { return now += 1234; }
static void delay(unsigned long) {}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("arduino")
    codes = np.random.default_rng(0).integers(-128, 128, (96, 96, 3), np.int8)
    arduino.write(SHIPPED, codes, place)
    return place / arduino.NAME


def test_the_folder_has_all_that_arduino_needs(folder):
    """The sketch has the folder's name, and nothing stands for the C library that Arduino has."""
    assert (folder / f"{folder.name}.ino").is_file()
    assert {path.name for path in folder.iterdir()} == {
        f"{folder.name}.ino",
        "picture.h",
        "network.c",
        *network_in_c.RUNTIME,
    }


@pytest.mark.skipif(not (GXX and GCC), reason="no C++ compiler for this machine")
@pytest.mark.parametrize("wrong", [False, True])
def test_the_sketch_prints_the_answer(folder, wrong, tmp_path):
    place = tmp_path / "sketch"
    shutil.copytree(folder, place)
    (place / "Arduino.h").write_text(STAND_IN)
    sketch = (place / f"{arduino.NAME}.ino").read_text()
    (place / "main.cpp").write_text(f'#include "Arduino.h"\n{sketch}\nint main() {{ setup(); loop(); }}\n')
    if wrong:
        header = place / "picture.h"
        header.write_text(header.read_text().replace("expected[] = {", "expected[] = {0, 0}; //"))
    objects = [f"{name}.o" for name in ("kernels", "bands", "network")]
    for name in objects:
        subprocess.run([GCC, "-std=gnu11", "-Os", "-c", name.replace(".o", ".c")], cwd=place, check=True)
    subprocess.run([GXX, "-Wall", "-Wextra", "-Werror", "main.cpp", *objects, "-o", "sketch"], cwd=place, check=True)
    printed = subprocess.run([place / "sketch"], capture_output=True, text=True, check=True).stdout
    codes = np.random.default_rng(0).integers(-128, 128, (1, 96, 96, 3), np.int8)
    network = load_network(SHIPPED, rounding=MICRO)
    cat, dog = network.tensors(codes)[network.output.index].ravel()
    note = " (another code than on the computer)" if wrong else ""
    answer = "dog" if dog > cat else "cat"
    assert printed == f"{answer}, cat {cat}{note}, dog {dog}{note}, 1234 microseconds\n"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            (*ARM.command, "-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=softfp", "-ffreestanding")
            if ARM else (), marks=pytest.mark.skipif(ARM is None, reason="no arm-none-eabi-gcc"), id="GCC"),
        pytest.param(
            (*ZIG.command, "cc", "-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4+vfp4d16sp")
            if ZIG else (), marks=pytest.mark.skipif(ZIG is None, reason="ziglang is not installed"), id="Zig"),
    ],
)  # fmt: skip
def test_the_c_files_compile_as_arduino_compiles_them(folder, command, tmp_path):
    """The options of Arduino's core for this board, and all warnings as errors."""
    for name in ("kernels.c", "bands.c", "network.c"):
        options = ["-std=gnu11", "-Os", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-c", name]
        done = subprocess.run(
            [*command, *options, "-o", str(tmp_path / name)], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0 and not done.stderr, done.stderr
        assert Path(tmp_path / name).stat().st_size > 0


def test_compiled_for_size_it_keeps_its_speed(folder):
    """Arduino says -Os; kernels.c asks for speed all the same, where GCC compiles it."""
    text = (folder / "kernels.c").read_text()
    assert "__OPTIMIZE_SIZE__" in text and '#pragma GCC optimize("O2"' in text
    assert "-O2" in compiled_network.FLAGS
