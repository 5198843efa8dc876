"""Compile CUDA sources for real GPUs with NVIDIA's run-time compiler, NVRTC. That needs neither a GPU nor a driver.

The options are those that CuPy compiles a RawModule with, its include folders and all.
"""

from __future__ import annotations

import re

import pytest

from minigrad.extras import install

ADVICE = f"NVRTC is missing: {install('nvrtc')}"


def load():
    """CuPy's binding of NVRTC. Skips the calling test if CuPy or NVRTC is not installed."""
    pytest.importorskip("cupy", reason=ADVICE)
    from cupy.cuda import nvrtc

    try:
        nvrtc.getVersion()
    except RuntimeError as error:
        if "failed to load" not in str(error):
            raise
        pytest.skip(f"{ADVICE} ({error})")
    return nvrtc


def compile_program(code: str, options: tuple[str, ...], arch: str) -> tuple[bytes, str]:
    """A cubin for `arch` ("sm_90") and what the compiler said. Raises AssertionError with its log if that fails."""
    nvrtc = load()
    from cupy._core import core

    extra = ("-ftz=true", "--device-as-default-execution-space", f"-arch={arch}")
    program = nvrtc.createProgram(code, "kernels.cu", (), ())
    try:
        nvrtc.compileProgram(program, (*core.assemble_cupy_compiler_options(options), *extra))
        return nvrtc.getCUBIN(program), nvrtc.getProgramLog(program)
    except nvrtc.NVRTCError as error:
        raise AssertionError(f"{error}\n{nvrtc.getProgramLog(program)}") from error
    finally:
        nvrtc.destroyProgram(program)


def resources(code: str, options: tuple[str, ...], arch: str) -> dict[str, dict[str, int]]:
    """For each kernel the registers of a thread, and the bytes that did not fit into registers."""
    _, log = compile_program(code, (*options, "--ptxas-options=-v"), arch)
    found = {}
    for part in log.split("Compiling entry function '")[1:]:
        used = re.search(r"Used (\d+) registers", part)
        spilled = [int(n) for n in re.findall(r"(\d+) bytes spill", part)]
        assert used, part
        found[part.split("'")[0]] = {"registers": int(used[1]), "spilled": sum(spilled)}
    return found
