"""Run the demo and the sensitive tests as on other machines: `python tools/other_machines.py [laptop] [old]`.

Two machines are played on this one. An AVX2 laptop: no AVX-512 in NumPy, PyTorch, OpenBLAS and Numba, one thread, the C
locale. A small old one: no AVX at all, two threads, and nothing but its working folder can be written to (where this
process may make mounts: on Linux, as root). Both start in another folder and another time zone, with random hashes.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

SENSITIVE = (
    "icl/ginc/test_ginc.py",
    "icl/ginc/test_ginc_prompts.py",
    "icl/test_answers.py",
    "icl/metrics/test_normalise.py",
    "probes/scorers/test_trie.py",
    "probes/scorers/test_scorers.py",
)
"""Tests of what hangs on the last bits: families, gold labels, log-probabilities, shared passes."""

ALWAYS = {"PYTHONHASHSEED": "random", "LC_ALL": "C", "LANG": "C", "TZ": "Pacific/Chatham", "PYTHONPATH": str(ROOT)}


def disabled(*, keep: tuple[str, ...]) -> str:
    """Features that this NumPy can do without and this processor has, but for those that are kept."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name) and name not in keep)


def avx2_kernels() -> str:
    """The newest of OpenBLAS's kernels without AVX-512 that can be played here.

    OpenBLAS 0.3.34 gives its Haswell kernels block sizes that overflow their stack where the processor is an AMD one
    with AVX-512 (its issue 6021): an error of playing, which no processor without AVX-512 shows.
    """
    tall = "import numpy; numpy.linalg.qr(numpy.eye(3000, 200))"
    for kernels in ("Haswell", "Sandybridge"):
        environment = os.environ | {"OPENBLAS_CORETYPE": kernels, "OMP_NUM_THREADS": "1"}
        if subprocess.run([sys.executable, "-c", tall], env=environment, check=False).returncode == 0:
            return kernels
        print(f"note: OpenBLAS cannot play its {kernels} kernels on this processor.", flush=True)
    raise SystemExit("OpenBLAS can play none of its kernels without AVX-512 here; see tools/other_machines.py.")


def machines() -> dict[str, dict[str, str]]:
    """Environment variables that play each machine."""
    laptop = {
        "NPY_DISABLE_CPU_FEATURES": disabled(keep=("X86_V3", "AVX2", "FMA3")),
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": avx2_kernels(),
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "",
        "OMP_NUM_THREADS": "1",
    }
    old = {
        "NPY_DISABLE_CPU_FEATURES": disabled(keep=()),
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NUMBA_CPU_NAME": "nehalem",
        "NUMBA_CPU_FEATURES": "",
        "OMP_NUM_THREADS": "2",
    }
    return {"laptop": laptop, "old": old}


def can_mount() -> bool:
    """Whether folders can be made read-only for one command."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0


def read_only(command: list[str], folders: list[Path]) -> list[str]:
    """The command, with folders mounted read-only for it alone."""
    mounts = "".join(
        f"mount --bind {place} {place} && mount -o remount,ro,bind {place} && "
        for place in (shlex.quote(str(folder)) for folder in folders)
    )
    return ["unshare", "-m", "sh", "-c", f'{mounts}exec "$@"', "sh", *command]


def main() -> int:
    """Play each machine; stop at the first command that fails."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        print("other machines are played on x86-64 Linux only; nothing was run.")
        return 0
    mountable = can_mount()
    if not mountable:
        print("note: this process may not mount folders, so the checkout and the home stay writable.")
    played = machines()
    for name in sys.argv[1:] or played:
        machine = played[name]
        with tempfile.TemporaryDirectory() as place:
            home, work = Path(place, "home"), Path(place, "work")
            home.mkdir()
            work.mkdir()
            environment = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
            environment |= ALWAYS | machine
            frozen = mountable and name == "old"
            environment |= {"HOME": str(home)} if frozen else {}
            pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow and not lm", f"--rootdir={ROOT}"]
            tests = [str(ROOT / "tests" / file) for file in SENSITIVE]
            for arguments in (["-m", "probes", "demo", "--out", "demo"], [*pytest, *tests]):
                command = [sys.executable, *arguments]
                print(f"\n{name}: {' '.join(arguments[:4])} …", flush=True)
                if frozen:
                    command = read_only(command, [ROOT, home])
                if code := subprocess.run(command, cwd=work, env=environment, check=False).returncode:
                    print(f"{name}: {' '.join(arguments)} failed with status {code}.")
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
