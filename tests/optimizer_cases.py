"""The test problem of the optimisers, for the comparison with stored numbers and the comparison with PyTorch itself.

`python tests/optimizer_cases.py` (with PyTorch 2.13.0 installed) writes optimizer_reference.json again.
"""

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from minimod.optimizers import SGD, Adam, AdamW, MatrixMuon

REFERENCE = Path(__file__).with_name("optimizer_reference.json")
STEPS = 10

# name -> (our class, PyTorch's class, our options, PyTorch's options)
CASES = {
    "sgd defaults": (SGD, "SGD", {}, {}),
    "sgd": (SGD, "SGD", {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.3},
            {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3}),
    "adam defaults": (Adam, "Adam", {}, {}),
    "adam": (Adam, "Adam", {"learning_rate": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.3},
             {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.3}),
    "adamw defaults": (AdamW, "AdamW", {}, {}),
    "adamw": (AdamW, "AdamW", {"learning_rate": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.3},
              {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.3}),
    "adam, large epsilon": (Adam, "Adam", {"epsilon": 0.3}, {"eps": 0.3}),
    "muon defaults": (MatrixMuon, "Muon", {}, {}),
    "muon": (MatrixMuon, "Muon", {"learning_rate": 0.1, "momentum": 0.8, "weight_decay": 0.3},
             {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.3}),
}  # fmt: skip


def problem() -> tuple[dict, list[dict]]:
    """Random parameters, a wide and a tall matrix, and a random gradient for each step."""
    generator = np.random.default_rng(0)
    shapes = {"U": (3, 5), "W": (6, 2)}
    parameters = {name: generator.standard_normal(shape) for name, shape in shapes.items()}
    return parameters, [
        {name: generator.standard_normal(shape) for name, shape in shapes.items()} for _ in range(STEPS)
    ]


def run_minimod(case: str) -> dict[str, list]:
    """The parameters after STEPS steps of our optimiser."""
    make, _, options, _ = CASES[case]
    parameters, gradients = problem()
    optimizer = make(parameters, **options)
    for gradient in gradients:
        optimizer.step(gradient)
    return {name: theta.tolist() for name, theta in parameters.items()}


def run_torch(case: str) -> dict[str, list]:
    """The same with PyTorch's optimiser, in float64. PyTorch's Muon must not round to bfloat16 here."""
    import torch

    _, name, _, options = CASES[case]
    arrays, gradients = problem()
    parameters = {key: torch.nn.Parameter(torch.tensor(array)) for key, array in arrays.items()}
    optimizer = getattr(torch.optim, name)(parameters.values(), **options)
    with no_bfloat16(torch):
        for gradient in gradients:
            for key, parameter in parameters.items():
                parameter.grad = torch.tensor(gradient[key])
            optimizer.step()
    return {key: parameter.detach().tolist() for key, parameter in parameters.items()}


@contextmanager
def no_bfloat16(torch):
    """Make Tensor.bfloat16 return a float64 tensor."""
    original = torch.Tensor.bfloat16
    torch.Tensor.bfloat16 = lambda self: self.clone()
    try:
        yield
    finally:
        torch.Tensor.bfloat16 = original


if __name__ == "__main__":
    import torch

    origin = f"torch.optim of PyTorch {torch.__version__}, {STEPS} steps; written by tests/optimizer_cases.py"
    numbers = {case: run_torch(case) for case in CASES}
    REFERENCE.write_text(json.dumps({"origin": origin, "parameters": numbers}, indent=1) + "\n")
