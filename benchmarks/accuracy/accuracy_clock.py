"""What a budget of training counts: time on the wall, or the processor's time, which other work on a machine leaves as it is."""

import argparse
import os
import resource
import time
from collections.abc import Callable


def _of_ended_processes() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


#: name -> s; differences count a process that is started and ends in between
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.monotonic, "processor": _of_ended_processes}


def add_clock(parser: argparse.ArgumentParser) -> None:
    """Add the option `--clock`."""
    parser.add_argument("--clock", default="wall", choices=list(CLOCKS), help="of the budget; the processor's counts one thread")


def settle_threads(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Fill in the threads of a run; the processor's clock adds up those of a process, so that it goes with one thread alone."""
    if arguments.threads is None:
        arguments.threads = 1 if arguments.clock == "processor" else len(os.sched_getaffinity(0))
    if arguments.threads < 1:
        parser.error(f"--threads must be 1 or more, got {arguments.threads}")
    if arguments.clock == "processor" and arguments.threads > 1:
        parser.error(f"--threads must be 1 with --clock processor, which adds up all threads, got {arguments.threads}; use --clock wall")
