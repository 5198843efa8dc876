"""The CUDA sources, compiled for real GPUs by NVIDIA's compiler. No GPU is needed for that."""

import functools
import re

import pytest
from cuda import nvrtc

from minigrad.backends.cupy import kernels as cuda_kernels

PROGRAMS = list(cuda_kernels.programs())
NAMES = [f"{file}-{type_name}" for file, type_name, _, _ in PROGRAMS]
ARCHITECTURES = ["sm_80", "sm_90"]


@functools.cache
def resources(file, type_name, arch):
    return nvrtc.resources(cuda_kernels.source(file), cuda_kernels.options(type_name), arch)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("program", PROGRAMS, ids=NAMES)
def test_a_program_compiles_without_a_warning(program, arch):
    _, _, source, options = program
    cubin, log = nvrtc.compile_program(source, options, arch)
    assert cubin.startswith(b"\x7fELF")
    assert log.strip("\0\n ") == ""


@pytest.mark.parametrize("program", PROGRAMS, ids=NAMES)
def test_kernels_have_enough_registers(program):
    """An SM has 65,536 registers: 64 for each of the 1,024 threads of a block, 256 for 256. None go to memory."""
    file, type_name, _, _ = program
    used = resources(file, type_name, "sm_90")
    assert set(used) == {f"{kernel}_kernel" for kernel in cuda_kernels.FILES[file].split()}
    for kernel, numbers in used.items():
        assert numbers["registers"] <= 64, kernel
        assert numbers["spilled"] == 0, kernel


def test_a_mistake_is_found():
    broken = cuda_kernels.source("elementwise") + "KERNEL broken_kernel() { missing(); }\n"
    with pytest.raises(AssertionError, match=r"elementwise.cu.*missing"):
        nvrtc.compile_program(broken, cuda_kernels.options("float32"), "sm_90")


def test_a_warning_is_found():
    doubtful = cuda_kernels.source("elementwise") + "KERNEL doubtful_kernel() { int unused; }\n"
    _, log = nvrtc.compile_program(doubtful, cuda_kernels.options("float32"), "sm_90")
    assert "unused" in log


def test_all_files_are_compiled():
    found = {path.stem for path in cuda_kernels.FOLDER.glob("*.cu")}
    assert found == set(cuda_kernels.FILES)
    assert {(file, type_name) for file, type_name, _, _ in PROGRAMS} == {
        (file, type_name) for file in found for type_name in ("float16", "bfloat16", "float32", "float64")
    }


def test_a_source_is_one_text_with_its_own_line_numbers():
    text = cuda_kernels.source("cross_entropy")
    assert '#include "' not in text
    for name in ("common.cuh", "softmax.cuh", "flags.cuh"):
        assert text.count(f'#line 1 "{name}"') == 1
    own = (cuda_kernels.FOLDER / "cross_entropy.cu").read_text().splitlines()
    for number, after in re.findall(r'^#line (\d+) "cross_entropy.cu"\n(.*)', text, re.MULTILINE):
        assert after in (own[int(number) - 1], '#line 1 "softmax.cuh"', '#line 1 "flags.cuh"')
    last = text.rindex('"cross_entropy.cu"\n')
    assert text[last:].splitlines()[1:] == own[-(text[last:].count("\n") - 1) :]


def test_constants_are_the_same_on_both_sides():
    flags = dict(re.findall(r"const int (\w+) = (\d+);", (cuda_kernels.FOLDER / "flags.cuh").read_text()))
    assert flags
    for name, value in flags.items():
        assert getattr(cuda_kernels, name) == int(value)
    assert f"const int LONG = {cuda_kernels.LONG};" in cuda_kernels.source("indexing")
    assert f"const int LONG_RUN_THREADS = {cuda_kernels.THREADS};" in cuda_kernels.source("indexing")
