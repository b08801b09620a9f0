"""Many narrow networks: networks x epochs per second, for several ways to use the same cores."""

import statistics

from benchmarks.contenders import STACK
from benchmarks.processes import Contender
from minimod import TrainingConfig

WIDTHS = (16, 64, 256)


def ways(threads: int, with_torch: bool) -> dict[str, tuple[str, int, int, int]]:
    """Way -> contender, number of processes, threads per process, networks that one step trains."""
    return {
        "minimod, a process for each core": ("minimod", threads, 1, 1),
        "minimod, one process, all cores": ("minimod", 1, threads, 1),
    } | ({
        "PyTorch, a process for each core": ("torch eager", threads, 1, 1),
        f"PyTorch, {STACK} networks stacked, all cores": ("torch stacked", 1, threads, STACK),
    } if with_torch else {})  # fmt: skip


def measure(width: int, threads: int, with_torch: bool, rounds: int) -> dict[str, float]:
    """Networks x epochs per second for every way, the median over the rounds."""
    config = TrainingConfig(width=width)
    rates, processes = {}, {}
    for way, (name, count, each, _) in ways(threads, with_torch).items():
        rates[way], processes[way] = [], [Contender(name, config, each, core) for core in range(0, count * each, each)]
    for _ in range(rounds):
        for way, (*_, networks) in ways(threads, with_torch).items():
            for process in processes[way]:
                process.tell("turn")
            turns = [process.answer() for process in processes[way]]
            rates[way].append(sum(1e3 * networks / statistics.median(times) for times in turns))
    for group in processes.values():
        for process in group:
            process.end()
    return {way: statistics.median(values) for way, values in rates.items()}
