"""More threads than this machine has cores: the times by a model, and the measured times on shared cores."""

from benchmarks.contenders import minimod
from benchmarks.processes import milliseconds
from minimod import TrainingConfig
from minimod.engine.backend import SHARDS, open_backend
from minimod.engine.memory import Flat
from minimod.runs.run import initial_network
from minimod.runs.training import with_optimizer

WIDTHS, THREADS = (64, 1024, 4096), (1, 2, 4, 8, 16, 32)


def measure(rounds: int) -> dict[int, dict[int, dict[str, float]]]:
    """Width -> threads -> milliseconds of a step, by the model and measured on this machine's cores.

        model = optimiser + (step - optimiser) ceil(shards / threads) / shards,    with times of one thread

    In the model, every thread has its own core. It leaves out that threads wait for the interpreter's lock, and that
    they share caches and memory.
    """
    result = {}
    for width in WIDTHS:
        config = TrainingConfig(width=width)
        network, _, update = with_optimizer(initial_network(config), config)
        with open_backend("cpu", 1) as backend:
            step, _ = minimod(config, backend)
            one = milliseconds(step, 8 * rounds)
            shards = min(SHARDS, backend.n_blocks(round(config.train_fraction * 113**2), width, 113))
        gradient = Flat(network.parameters)
        serial = milliseconds(lambda update=update, gradient=gradient: update(gradient), 8 * rounds)
        result[width] = {}
        for threads in THREADS:
            with open_backend("cpu", threads) as backend:
                shared = milliseconds(minimod(config, backend)[0], 8 * rounds)
            model = serial + (one - serial) * -(-shards // threads) / shards
            result[width][threads] = {"model": model, "shared": shared}
    return result


def text(results: dict[int, dict[int, dict[str, float]]], cores: int) -> str:
    """The times as a Markdown table."""
    lines = [
        f"## More threads\n\nA gradient is added up over at most {SHARDS} shards, so at most {SHARDS} threads can share"
        " it. The bits are the same for any number of threads. The table has milliseconds of a step at P = 113: first"
        " by a model with a core for every thread, then measured with all threads on the"
        f" {cores} cores of this machine. No machine with more cores was measured.\n",
        "| threads | " + " | ".join(map(str, THREADS)) + " |", "| --- |" + " --: |" * len(THREADS),
    ]
    for width, row in results.items():
        for name, what in {"model": "model", "shared": f"on {cores} cores"}.items():
            lines.append(f"| M = {width}, {what} | " + " | ".join(f"{each[name]:.3g}" for each in row.values()) + " |")
    return "\n".join(lines)
