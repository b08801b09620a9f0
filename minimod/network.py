"""The network f(a, b) = W φ(U e_a + V e_b) + μ: its parameters, its forward pass, and its backward pass by hand."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from minimod.activations import ACTIVATIONS
from minimod.backend import take_rows
from minimod.data import random_stream
from minimod.errors import InputError


class Block(NamedTuple):
    """n examples, and the one-hot matrices of their inputs, transposed. Arrays live where the network's do."""

    a: np.ndarray          # (n,) tokens
    b: np.ndarray          # (n,)
    label: np.ndarray      # (n,) the labels to be fitted, corrupted ones among them
    tokens_a: np.ndarray   # (k,) the different tokens among a, sorted
    A_T: object            # (k, n) their one-hot rows: A_T @ X sums the rows of X over the examples with the same a
    tokens_b: np.ndarray   # likewise for b
    B_T: object


@dataclass(eq=False)
class TwoLayerNet:
    """A two-layer network on pairs of tokens; P is the modulus, M the width.

    Arrays are stored for examples as rows: U e_a of the formula is the row U[a], and W times the hidden vector is H W.
    U, V: of shape (P, M), the weights of the first and of the second input. Tied networks have V is U.
    W: of shape (M, P), the output weights.   mu: of shape (P,), the output bias, written μ in formulas.
    activation: a name in ACTIVATIONS.
    has_bias: whether μ is a parameter. Where it is not, it is zero and stays so.

    Neuron m is (U[:, m], V[:, m], W[m]). Arrays are NumPy's or CuPy's, all of one kind and dtype.
    """

    U: np.ndarray
    V: np.ndarray
    W: np.ndarray
    mu: np.ndarray
    activation: str = "relu"
    has_bias: bool = True

    def __post_init__(self):
        P, M = self.U.shape
        for name, shape in {"V": (P, M), "W": (M, P), "mu": (P,)}.items():
            if getattr(self, name).shape != shape:
                raise InputError(f"shape of {name}", getattr(self, name).shape, f"{shape} beside U of shape {(P, M)}")
        if self.activation not in ACTIVATIONS:
            raise InputError("activation", self.activation, "one of " + ", ".join(ACTIVATIONS))

    @property
    def modulus(self) -> int:
        """P, the number of tokens and of classes."""
        return self.U.shape[0]

    @property
    def width(self) -> int:
        """M, the number of hidden neurons."""
        return self.U.shape[1]

    @property
    def tied(self) -> bool:
        """Whether both inputs share one weight matrix."""
        return self.V is self.U

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """U, V, W and mu by name."""
        return {"U": self.U, "V": self.V, "W": self.W, "mu": self.mu}

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The arrays that training changes: all four, less V where it is U, and less mu where there is no bias."""
        changes = {"U": True, "V": not self.tied, "W": True, "mu": self.has_bias}
        return {name: array for name, array in self.arrays.items() if changes[name]}

    def forward(self, a, b, out=(None, None, None)):
        """Pre-activations Z (n, M), hidden H (n, M) and logits F (n, P) for inputs a and b of shape (n,).

        `out`: arrays for Z, H and F. Without them the memory is new.
        """
        Z, H, F = out
        Z = take_rows(self.U, a, out=Z)
        Z += take_rows(self.V, b, out=H)                     # U e_a + V e_b      (n, M)
        H = ACTIVATIONS[self.activation].value(Z, out=H)     # φ(Z)               (n, M)
        F = np.matmul(H, self.W, out=F)
        F += self.mu                                         # H W + μ            (n, P)
        return Z, H, F

    def new_buffers(self, n: int) -> list:
        """Arrays for the Z, H and F of n examples."""
        P, M = self.U.shape
        return [np.empty(shape, self.U.dtype, like=self.U) for shape in ((n, M), (n, M), (n, P))]

    def backward(self, block: Block, Z, H, dF, gradient: dict, dW) -> None:
        """Add the gradient of the loss for every parameter, from its gradient dF (n, P) for the logits, to `gradient`.

        dX stands for the derivative of the loss with respect to X. Beside each line stands the step of the forward pass
        that it goes back through; A and B are the examples' one-hot inputs, (n, P). Z and H are kept from that pass: a
        block is small, so the memory that computing them again would save is not worth the time. Each is used up when
        it has been read for the last time: what comes next takes its place in memory. dW is memory of W's shape.
        """
        gradient["W"] += np.matmul(H.T, dF, out=dW)          # F = H W + μ        (M, P)
        if self.has_bias:
            gradient["mu"] += dF.sum(axis=0)                 #                    (P,)
        dH = np.matmul(dF, self.W.T, out=H)                  # F = H W + μ        (n, M)
        dZ = ACTIVATIONS[self.activation].derivative(Z, out=Z)
        dZ *= dH                                             # H = φ(Z)           (n, M)
        gradient["U"][block.tokens_a] += block.A_T @ dZ      # Z = A U + B V      (P, M)
        gradient["U" if self.tied else "V"][block.tokens_b] += block.B_T @ dZ

    def logits(self, a, b, out=(None, None, None)):
        """Logits of shape (n, P) for inputs a and b of shape (n,), arrays or lists of tokens on the host.

        `out` is as in `forward`.
        Raises InputError for a token outside 0 .. P-1: -1 would count from the end, and a GPU checks no index.
        """
        tokens = np.stack([np.asarray(a), np.asarray(b)])
        outside = tokens[(tokens < 0) | (tokens >= self.modulus)]
        if len(outside):
            raise InputError("token", int(outside[0]), f"in 0 .. {self.modulus - 1}")
        a, b = np.asarray(tokens, like=self.U)
        return self.forward(a, b, out)[2]

    def grid_logits(self, map=map):
        """Logits of every pair, of shape (P, P, P): first input, second input, class. P³ numbers.

        `map` computes a row at a time; that of a `Backend` does so on its threads.
        """
        tokens = np.arange(self.modulus, like=self.U)
        return np.stack(list(map(lambda a: self.forward(np.full_like(tokens, a), tokens)[2], range(self.modulus))))

    def subnetwork(self, neurons) -> "TwoLayerNet":
        """The network of some neurons alone, given by their indices; μ stays."""
        U = self.U[:, neurons]
        V = U if self.tied else self.V[:, neurons]
        return replace(self, U=U, V=V, W=self.W[neurons])

    def convert(self, function: Callable) -> "TwoLayerNet":
        """A network of the same kind whose arrays are `function` of this one's: a copy, a cast, a move to a device."""
        U = function(self.U)
        V = U if self.tied else function(self.V)
        return TwoLayerNet(U, V, function(self.W), function(self.mu), self.activation, self.has_bias)


def initial_network(config) -> TwoLayerNet:
    """A network with U, V, W drawn from N(0, std²), std = init_std or M^(-1/2), and μ = 0.

    Drawn in float64 on the host and then cast: float32, float64, CPU and GPU runs of one seed start from the same
    numbers. `config` is a TrainingConfig.
    """
    generator = random_stream(config.seed if config.init_seed is None else config.init_seed, "initialisation")
    P, M = config.modulus, config.width
    std = M**-0.5 if config.init_std is None else config.init_std

    def draw(*shape):
        return (std * generator.standard_normal(shape)).astype(config.dtype)

    U = draw(P, M)
    V = U if config.tied else draw(P, M)
    return TwoLayerNet(U, V, draw(M, P), np.zeros(P, config.dtype), config.activation, config.bias)
