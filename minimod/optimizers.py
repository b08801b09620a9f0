"""SGD, Adam, AdamW and Muon, with the semantics and the defaults of `torch.optim` (2.13).

An optimiser holds the parameters, a dictionary name -> array. `step(gradient)` updates these arrays in place.
`gradient` is a dictionary with an array of the same shape for every name. `state` has all other arrays that a step
changes, by name. A checkpoint saves these arrays, and a resumed run overwrites them in place. `options` names the
arguments that a training configuration sets. An argument outside its interval, such as a negative learning rate, raises
InputError.

In the formulas, θ is a parameter, g its gradient, γ the learning rate, and λ the weight decay. x ← y means: the new x
is y.
"""

import math
from typing import Any, ClassVar

import numpy as np

from minimod.errors import InputError, check_type, checked_number, known_keywords

Arrays = dict[str, Any]


class SGD:
    """Stochastic gradient descent with momentum; the weight decay is an L2 penalty, so it is added to the gradient.

    g ← g + λθ        buffer ← momentum · buffer + g        θ ← θ - γ · buffer
    """

    options: ClassVar[tuple[str, ...]] = ("learning_rate", "momentum", "weight_decay")

    @known_keywords
    def __init__(
        self, parameters: Arrays, learning_rate: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0
    ):
        self.parameters, self.momentum = parameters, checked_number("momentum", momentum, 0, 1, open=1)
        self.learning_rate, self.weight_decay = _checked(parameters, learning_rate, weight_decay)
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
    """Adam (Kingma & Ba, arXiv 1412.6980); the weight decay is an L2 penalty, so it is added to the gradient.

    g ← g + λθ        m ← β₁m + (1 - β₁)g        v ← β₂v + (1 - β₂)g²
    θ ← θ - γ m̂ / (√v̂ + ε)        with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ), t the number of this step from 1 on
    """

    options: ClassVar[tuple[str, ...]] = ("learning_rate", "betas", "weight_decay")

    @known_keywords
    def __init__(
        self, parameters: Arrays, learning_rate: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0, epsilon: float = 1e-8,
    ):
        self.parameters = parameters
        self.learning_rate, self.weight_decay = _checked(parameters, learning_rate, weight_decay)
        self.epsilon = checked_number("epsilon", epsilon, 0)
        if np.shape(betas) != (2,):
            raise InputError("betas", betas, "two numbers in [0, 1)")
        self.betas = [checked_number("betas", beta, 0, 1, open=1) for beta in betas]
        self.m = {name: np.zeros_like(theta) for name, theta in parameters.items()}
        self.v = {name: np.zeros_like(theta) for name, theta in parameters.items()}
        self.t = np.array(0)  # the number of steps so far, as an array, so that `state` can hold and overwrite it
        self.state = _labelled(m=self.m, v=self.v) | {"t": self.t}

    def step(self, gradient: Arrays) -> None:
        """Update every parameter in place."""
        self._step({name: g + self.weight_decay * self.parameters[name] for name, g in gradient.items()})

    def _step(self, gradient: Arrays) -> None:
        self.t += 1
        t = int(self.t)
        beta1, beta2 = self.betas
        # θ ← θ - γ m̂ / (√v̂ + ε). The code divides numbers, not arrays: γ m̂ = rate · m and √v̂ = correction · √v.
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
    """Adam with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101).

    θ ← θ - γλθ, then a step of Adam with the plain gradient g, without λ.
    """

    @known_keywords
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


class MatrixMuon(SGD):
    """Muon for matrices of shape (outputs, inputs), with Nesterov momentum and decoupled weight decay.

    Source: Jordan et al. 2024, kellerjordan.github.io/posts/muon. β is the momentum.

    buffer ← β buffer + (1 - β)g
    update ← orthogonalize(β buffer + (1 - β)g), with the new buffer
    θ ← θ - γλθ - γ √max(1, rows / columns) · update

    All steps are computed in the dtype of the parameters; PyTorch orthogonalises in bfloat16.
    """

    def __init__(
        self, parameters: Arrays, learning_rate: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.1
    ):
        super().__init__(parameters, learning_rate, momentum, weight_decay)

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
    """The matrix G with the same singular vectors, but with singular values near 1.

    The iteration starts at X = G / ‖G‖ (Frobenius norm) and repeats `steps` times

        X ← aX + (b XXᵀ + c (XXᵀ)²) X.

    This is the quintic Newton-Schulz iteration of Jordan et al. 2024, with the same a, b and c. They make small
    singular values grow fast, but the values do not converge to 1. After 5 steps, a singular value above 0.002 ‖G‖ is
    between 0.68 and 1.21. epsilon: ‖G‖ counts as at least epsilon, so that G = 0 is not divided by 0.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    # Starting from Gᵀ gives the transpose of the result. If G has more rows than columns, XXᵀ is smaller from Gᵀ.
    X = G.T if G.shape[0] > G.shape[1] else G
    X = X / np.maximum(np.sqrt((X * X).sum()), epsilon)
    for _ in range(steps):
        XXT = X @ X.T
        X = a * X + (b * XXT + c * XXT @ XXT) @ X
    return X.T if G.shape[0] > G.shape[1] else X


class Muon:
    """Muon for the matrices U, V, W of a network and AdamW for the vector μ.

    Both use the same learning rate and the same weight decay. momentum: for Muon. betas: for AdamW; the default is not
    the default of `torch.optim.AdamW`. Muon's factor √max(1, rows / columns) is meant for matrices of shape (outputs,
    inputs), as in `torch.nn.Linear`. A network's matrices have shape (inputs, outputs). So `MatrixMuon` gets the
    transposes. A transpose is a view, so a step changes the network's own array.
    """

    options: ClassVar[tuple[str, ...]] = ("learning_rate", "momentum", "betas", "weight_decay")

    @known_keywords
    def __init__(
        self, parameters: Arrays, learning_rate: float = 1e-3, momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.98), weight_decay: float = 0.1,
    ):
        _checked(parameters, learning_rate, weight_decay)
        self.parameters = parameters
        transposes = {name: theta.T for name, theta in parameters.items() if theta.ndim == 2}
        vectors = {name: theta for name, theta in parameters.items() if theta.ndim == 1}
        self.muon = MatrixMuon(transposes, learning_rate, momentum, weight_decay)
        self.adamw = AdamW(vectors, learning_rate, betas, weight_decay)
        self.state = self.muon.state | self.adamw.state

    def step(self, gradient: Arrays) -> None:
        """Update every parameter in place."""
        self.muon.step({name: gradient[name].T for name in self.muon.parameters})
        self.adamw.step(gradient)               # AdamW reads the gradients of its own parameters only


def _checked(parameters: Arrays, learning_rate: float, weight_decay: float) -> tuple[float, float]:
    """The learning rate and the weight decay as floats.

    Raises InputError if one of them is no number in [0, inf), and if `parameters` is no dictionary.
    """
    check_type("parameters", parameters, dict, "a dictionary of arrays, such as network.parameters")
    return checked_number("learning_rate", learning_rate, 0), checked_number("weight_decay", weight_decay, 0)


def _labelled(**groups: Arrays) -> Arrays:
    """One dictionary of the arrays of several dictionaries: the array U of the dictionary m gets the name "m_U"."""
    return {f"{group}_{name}": array for group, arrays in groups.items() for name, array in arrays.items()}


# name -> the class of the optimiser. Make an optimiser from a dictionary of parameters and its `options`.
OPTIMIZERS: dict[str, type[SGD | Adam | Muon]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW, "muon": Muon}

# These optimisers update every number from its own gradient alone. So all parameters can be given as one array.
ELEMENTWISE = ("sgd", "adam", "adamw")
