"""How long a command is silent: run it with its output in a pipe, and list when lines came.

    .venv/bin/python benchmarks/silences.py .venv/bin/python -m probes demo --out runs/demo

Prints each line with the seconds since the start and since the line before, then the longest silences.
"""

import subprocess
import sys
import time

_LONG = 5.0


def main(command: list[str]) -> int:
    """Run a command and say how long it was silent; returns its exit status."""
    began = last = time.monotonic()
    silences: list[tuple[float, str]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1) as running:
        assert running.stdout is not None
        for line in running.stdout:
            now = time.monotonic()
            silences.append((now - last, line.rstrip("\n")))
            print(f"{now - began:7.1f} {now - last:+6.1f}  {line}", end="", flush=True)
            last = now
    silences.append((time.monotonic() - last, "(the end)"))
    print(f"\n{time.monotonic() - began:.1f} s, {sum(long for long, _ in silences if long > _LONG):.1f} s of them in")
    print(f"silences over {_LONG:.0f} s. The longest, and the line that ended each:")
    for long, line in sorted(silences, reverse=True)[:5]:
        print(f"{long:7.1f} s  {line}")
    return running.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
