"""SGD, Adam, AdamW and Muon, with the semantics and the defaults of `torch.optim` (2.13).

Each holds the parameters, a dictionary of arrays, and updates them in place in `step(gradient)`, `gradient` being a
dictionary of the same names and shapes. `state` is everything else that it changes, as arrays by name, to be saved and
to be overwritten. `options` are the arguments that a training configuration sets.

Below, θ is a parameter, g its gradient, γ the learning rate and λ the weight decay.
"""

import math
from typing import Any, ClassVar

import numpy as np

Arrays = dict[str, Any]


class SGD:
    """Stochastic gradient descent with momentum; weight decay is L2, in the gradient.

    g ← g + λθ        buffer ← momentum · buffer + g        θ ← θ - γ · buffer
    """

    options: ClassVar[tuple[str, ...]] = ("learning_rate", "momentum", "weight_decay")

    def __init__(
        self, parameters: Arrays, learning_rate: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0
    ):
        self.parameters = parameters
        self.learning_rate, self.momentum, self.weight_decay = learning_rate, momentum, weight_decay
        self.buffer = {name: np.zeros_like(theta) for name, theta in parameters.items()}
        self.state = _labelled(buffer=self.buffer)

    def step(self, gradient: Arrays) -> None:
        """Update every parameter in place."""
        for name, theta in self.parameters.items():
            buffer = self.buffer[name]
            buffer *= self.momentum
            buffer += gradient[name] + self.weight_decay * theta
            theta -= self.learning_rate * buffer


class Adam:
    """Adam (Kingma & Ba, arXiv 1412.6980); weight decay is L2, in the gradient.

    g ← g + λθ        m ← β₁m + (1 - β₁)g        v ← β₂v + (1 - β₂)g²
    θ ← θ - γ m̂ / (√v̂ + ε)        with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ)
    """

    options: ClassVar[tuple[str, ...]] = ("learning_rate", "betas", "weight_decay")

    def __init__(
        self, parameters: Arrays, learning_rate: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0, epsilon: float = 1e-8,
    ):
        self.parameters = parameters
        self.learning_rate, self.betas = learning_rate, betas
        self.weight_decay, self.epsilon = weight_decay, epsilon
        self.m = {name: np.zeros_like(theta) for name, theta in parameters.items()}
        self.v = {name: np.zeros_like(theta) for name, theta in parameters.items()}
        self.t = np.array(0)  # steps so far; an array of no dimensions, since it is state
        self.state = _labelled(m=self.m, v=self.v) | {"t": self.t}

    def step(self, gradient: Arrays) -> None:
        """Update every parameter in place."""
        self._step({name: g + self.weight_decay * self.parameters[name] for name, g in gradient.items()})

    def _step(self, gradient: Arrays) -> None:
        self.t += 1
        t = int(self.t)
        beta1, beta2 = self.betas
        rate = self.learning_rate / (1 - beta1**t)
        correction = 1 / math.sqrt(1 - beta2**t)
        for name, theta in self.parameters.items():
            g, m, v = gradient[name], self.m[name], self.v[name]
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            theta -= rate * m / (correction * np.sqrt(v) + self.epsilon)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101): θ ← θ - γλθ, then Adam without λ."""

    def __init__(
        self, parameters: Arrays, learning_rate: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 1e-2, epsilon: float = 1e-8,
    ):
        super().__init__(parameters, learning_rate, betas, weight_decay, epsilon)

    def step(self, gradient: Arrays) -> None:
        """Update every parameter in place."""
        for theta in self.parameters.values():
            theta *= 1 - self.learning_rate * self.weight_decay
        self._step(gradient)


class MatrixMuon:
    """Muon for matrices stored as (outputs, inputs): Nesterov momentum, decoupled decay.

    Source: Jordan et al. 2024, kellerjordan.github.io/posts/muon.

    buffer ← β buffer + (1 - β)g        update ← orthogonalize(β buffer + (1 - β)g)        with the momentum β
    θ ← θ - γλθ - γ √max(1, rows / columns) · update

    Everything is computed in the parameters' own precision; PyTorch orthogonalises in bfloat16.
    """

    def __init__(
        self, parameters: Arrays, learning_rate: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.1
    ):
        self.parameters = parameters
        self.learning_rate, self.momentum, self.weight_decay = learning_rate, momentum, weight_decay
        self.buffer = {name: np.zeros_like(theta) for name, theta in parameters.items()}
        self.state = _labelled(buffer=self.buffer)

    def step(self, gradient: Arrays) -> None:
        """Update every parameter in place."""
        for name, theta in self.parameters.items():
            g, buffer = gradient[name], self.buffer[name]
            buffer *= self.momentum
            buffer += (1 - self.momentum) * g
            update = orthogonalize(self.momentum * buffer + (1 - self.momentum) * g)
            rows, columns = theta.shape
            theta *= 1 - self.learning_rate * self.weight_decay
            theta -= self.learning_rate * math.sqrt(max(1, rows / columns)) * update


def orthogonalize(G: Any, steps: int = 5, epsilon: float = 1e-7) -> Any:
    """A matrix with G's singular vectors and singular values near 1: 0.68 to 1.2, but for tiny ones.

    X ← aX + (bXXᵀ + c(XXᵀ)²)X, `steps` times from G / ‖G‖: the quintic Newton-Schulz iteration of Jordan et al. 2024
    with their coefficients, chosen for a steep start and not for convergence to exactly 1.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    X = G.T if G.shape[0] > G.shape[1] else G
    X = X / np.maximum(np.sqrt((X * X).sum()), epsilon)
    for _ in range(steps):
        XXT = X @ X.T
        X = a * X + (b * XXT + c * XXT @ XXT) @ X
    return X.T if G.shape[0] > G.shape[1] else X


class Muon:
    """Muon for the matrices of a network and AdamW for its vector μ, with one learning rate and one weight decay.

    Muon's √max(1, rows / columns) is meant for matrices stored as (outputs, inputs), as in `torch.nn.Linear`. The
    network's matrices are (inputs, outputs), so `MatrixMuon` works on their transposes, which are views.
    """

    options: ClassVar[tuple[str, ...]] = ("learning_rate", "momentum", "betas", "weight_decay")

    def __init__(
        self, parameters: Arrays, learning_rate: float = 1e-3, momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.98), weight_decay: float = 0.1,
    ):
        transposes = {name: theta.T for name, theta in parameters.items() if theta.ndim == 2}
        vectors = {name: theta for name, theta in parameters.items() if theta.ndim == 1}
        self.muon = MatrixMuon(transposes, learning_rate, momentum, weight_decay)
        self.adamw = AdamW(vectors, learning_rate, betas, weight_decay)
        self.state = self.muon.state | self.adamw.state

    def step(self, gradient: Arrays) -> None:
        """Update every parameter in place."""
        self.muon.step({name: gradient[name].T for name in self.muon.parameters})
        self.adamw.step(gradient)


def _labelled(**groups: Arrays) -> Arrays:
    """The arrays of several dictionaries of them in one, "m_U" for the array U in m."""
    return {f"{group}_{name}": array for group, arrays in groups.items() for name, array in arrays.items()}


# name -> the optimiser, to be made for a dictionary of parameters with the `options` that it has.
OPTIMIZERS: dict[str, type[SGD | Adam | Muon]] = {
    "sgd": SGD, "adam": Adam, "adamw": AdamW, "muon": Muon,
}

# These treat every number alike: they may be given all parameters as one array.
ELEMENTWISE = ("sgd", "adam", "adamw")
