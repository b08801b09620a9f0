"""The time of every array operation of a step, alone, on one thread, on arrays as in the step.

Run `python -m benchmarks.profile`.
"""

import numpy as np

from benchmarks.processes import milliseconds
from minimod import TrainingConfig
from minimod.engine.backend import open_backend
from minimod.engine.gradient import in_tiles, make_blocks
from minimod.engine.kernels import activation_kernel, loss_kernel, take_rows
from minimod.engine.memory import Flat
from minimod.runs.data import resolve
from minimod.runs.run import initial_network
from minimod.runs.training import with_optimizer

WIDTHS = (64, 1024, 4096)


def measure(width: int, rounds: int) -> dict[str, float]:
    """Operation -> milliseconds, over all blocks of a step."""
    config = TrainingConfig(width=width)
    with open_backend("cpu", 1) as backend:
        network, _, update = with_optimizer(initial_network(config), config)
        blocks = make_blocks(in_tiles(resolve(config).dataset().train, network, backend), network, backend)
        block = blocks[0]
        n, P, M, phi = len(block.label), network.modulus, network.width, activation_kernel(network.activation)
        Z, H = (np.full((n, M), 0.1, config.dtype) for _ in range(2))     # untouched zeros share one page of memory
        F, F_start, dF = (np.full((n, P), 0.1, config.dtype) for _ in range(3))
        dW, dUV, loss = np.zeros_like(network.W), np.zeros((2 * P, M), config.dtype), loss_kernel(config.loss)

        def add_by_input():
            dUV[block.inputs] += block.sums(Z)

        def cross_entropy():
            F[...] = F_start
            return loss(F, block.label, n)

        operations = {
            "product H W": lambda: np.matmul(H, network.W, out=F),
            "product Hᵀ dF": lambda: np.matmul(H.T, dF, out=dW),
            "product dF Wᵀ": lambda: np.matmul(dF, network.W.T, out=H),
            "Z = U[a] + V[b]": lambda: np.add(
                take_rows(network.U, block.a, out=Z), take_rows(network.V, block.b, out=H), out=Z
            ),
            "H = φ(Z)": lambda: phi.value(Z, out=H),
            "dZ = dH φ'(Z)": lambda: np.multiply(phi.derivative(Z, out=Z), H, out=Z),
            "dU and dV, rows by input": add_by_input,
            "F + μ": lambda: np.add(F, network.mu, out=F),
            "cross-entropy, and a copy": cross_entropy,
            "dμ": lambda: np.ones(n, config.dtype) @ dF,
        }
        result = {name: len(blocks) * milliseconds(run, 10 * rounds) for name, run in operations.items()}
        gradient = Flat(network.parameters)
        return result | {"AdamW": milliseconds(lambda: update(gradient), 10 * rounds)}


def text(results: dict[int, dict[str, float]]) -> str:
    """The shares as a Markdown table."""
    lines = [
        "## Where a step's time goes\n",
        "Each operation alone, on one thread, as a share of the sum of all operations (`python -m benchmarks.profile`)."
        " In a step, the caches hold other data, and Python takes time between the operations.\n",
        "| | " + " | ".join(f"M = {width}" for width in results) + " |", "| --- |" + " --: |" * len(results),
    ]
    for name in results[WIDTHS[0]]:
        shares = (f"{100 * row[name] / sum(row.values()):.1f} %" for row in results.values())
        lines.append(f"| {name} | " + " | ".join(shares) + " |")
    totals = (f"{sum(row.values()):.3g} ms" for row in results.values())
    return "\n".join([*lines, "| all | " + " | ".join(totals) + " |"])


if __name__ == "__main__":
    print(text({width: measure(width, 3) for width in WIDTHS}))
