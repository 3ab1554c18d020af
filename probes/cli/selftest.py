"""`probe selftest`: does every probe read what it must from every control?"""

import json
import time
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from probes.cli.command import FAILED_SELFTEST, Command, Group
from probes.cli.flags import add_json
from probes.terminal.layout import print_lines, table_lines
from probes.terminal.progress import phase, say

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="selftest",
    group=Group.CHECK,
    help="run every probe on controls and compare the results with what they must be",
    phases=lambda options: 2,
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    add_json(parser)


def run(options: Namespace) -> int:
    """Run every probe on every control and print what was compared; returns the exit status."""
    with phase("importing libraries"):
        from probes.selftest.run import selftest, selftest_table

    began = time.perf_counter()
    readings = []
    with phase("comparing", unit="probe") as told:
        for reading in selftest(progress=told):
            readings.append(reading)
            for failure in reading.failures if not options.json else ():
                say(f"{reading.probe} ({reading.task}) on {reading.control}: {failure}")
    failed = [reading for reading in readings if not reading.passed]
    if options.json:
        print(json.dumps([asdict(reading) for reading in readings], indent=1))
    else:
        print("\n".join(table_lines(selftest_table(readings).reset_index(names="probe"))))
        checked = sum(reading.checked for reading in readings)
        compared = f"\n{checked:,} numbers of {len(readings)} probes × controls compared with what they must be in"
        ended = f"{len(failed)} pairs fail" if failed else "all agree. (·: the control does not belong to the task.)"
        print_lines([f"{compared} {time.perf_counter() - began:.0f} s: {ended}"])
    return FAILED_SELFTEST if failed else 0
