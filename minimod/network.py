"""The network f(a, b) = W φ(U e_a + V e_b) + μ: its parameters, its forward pass, and its backward pass by hand.

This is the text to read first. Training runs the same mathematics in engine/gradient.py, in blocks
and with reused memory; tests compare the two.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minimod.activations import ACTIVATIONS
from minimod.arrays import Array, Pairs, random_stream, to_host
from minimod.errors import InputError, one_of
from minimod.losses import LOSSES

# What is trained: all, or one layer alone over the other as it was drawn. A network whose U and V are frozen (random
# features) learns no features: it is the control for whatever is said of them.
TRAINED = {"all": ("U", "V", "W", "mu"), "output": ("W", "mu"), "input": ("U", "V")}


@dataclass(eq=False, repr=False)
class TwoLayerNet:
    """A two-layer network on pairs of tokens; P is the modulus, M the width.

    Examples are rows, so arrays are the formula's transposed: U e_a is the row U[a], and W φ is H W.
    U, V: of shape (P, M), the weights of the first and of the second input. Tied networks have V is U.
    W: of shape (M, P), the output weights.   mu: of shape (P,), the output bias, written μ in formulas.
    activation: a name in ACTIVATIONS.
    has_bias: whether μ is a parameter. Where it is not, it is zero and stays so.
    trained: what training changes, a name in TRAINED. The other weights stay as they are.

    Neuron m is (U[:, m], V[:, m], W[m]). Arrays are NumPy's or CuPy's, all of one kind and dtype.
    """

    U: Array
    V: Array
    W: Array
    mu: Array
    activation: str = "relu"
    has_bias: bool = True
    trained: str = "all"

    def __repr__(self) -> str:
        words = [f"modulus {self.modulus}", f"width {self.width}", self.activation]
        if self.tied:
            words.append("tied")
        if not self.has_bias:
            words.append("no bias")
        if self.trained != "all":
            words.append(f"{self.trained} trained")
        return f"TwoLayerNet({', '.join(words)}, {self.U.dtype})"

    def __post_init__(self) -> None:
        P, M = self.U.shape
        for name, shape in {"V": (P, M), "W": (M, P), "mu": (P,)}.items():
            if getattr(self, name).shape != shape:
                raise InputError(f"shape of {name}", getattr(self, name).shape, f"{shape} beside U of shape {(P, M)}")
        if self.activation not in ACTIVATIONS:
            raise InputError("activation", self.activation, one_of(ACTIVATIONS, self.activation))
        if self.trained not in TRAINED:
            raise InputError("trained", self.trained, one_of(TRAINED, self.trained))

    @classmethod
    def init(
        cls, modulus: int, width: int, seed: int = 0, activation: str = "relu", tied: bool = False, bias: bool = True,
        init_std: float | None = None, dtype: str = "float32", trained: str = "all",
    ) -> "TwoLayerNet":
        """A network before training: U, V and W drawn from N(0, std²), std = init_std or M^(-1/2), and μ = 0.

        Drawn in float64 on the host, and then cast: float32, float64, CPU and GPU networks of one seed start from the
        same numbers.
        """
        generator, std = random_stream(seed, "initialisation"), width**-0.5 if init_std is None else init_std

        def draw(*shape: int) -> np.ndarray:
            return (std * generator.standard_normal(shape)).astype(dtype)

        U = draw(modulus, width)
        V = U if tied else draw(modulus, width)
        return cls(U, V, draw(width, modulus), np.zeros(modulus, dtype), activation, bias, trained)

    def forward(self, a: Array, b: Array) -> tuple[Array, Callable[[Array], dict[str, Array]]]:
        """The logits F of shape (n, P), and the backward pass: the function that goes back through them.

        a and b are the input tokens, of shape (n,), on the network's device; in the formulas, A and B are their one-hot
        matrices, and the rows of A U are those that U[a] picks.
        """
        phi = ACTIVATIONS[self.activation]
        Z = self.U[a] + self.V[b]                                # Z = A U + B V      (n, M)
        H = phi.value(Z)                                         # H = φ(Z)           (n, M)
        F = H @ self.W + self.mu                                 # F = H W + μ        (n, P)

        def backward(dF: Array) -> dict[str, Array]:
            """The gradient of the loss for every parameter, by name, from its gradient dF for the logits, (n, P).

            dX stands for the derivative of the loss with respect to X. Beside each line stands the step of the
            forward pass that it goes back through.
            """
            dW = H.T @ dF                                        # F = H W + μ        (M, P)
            dmu = dF.sum(axis=0)                                 # F = H W + μ        (P,)
            dH = dF @ self.W.T                                   # F = H W + μ        (n, M)
            dZ = dH * phi.derivative(Z)                          # H = φ(Z)           (n, M)
            A, B = self._one_hot(a), self._one_hot(b)            #                    (n, P)
            dU = A.T @ dZ                                        # Z = A U + B V      (P, M), sums rows of one token
            dV = B.T @ dZ                                        # Z = A U + B V      (P, M)
            if self.tied:
                dU = dU + dV                                     # Z = (A + B) U      (P, M)
            gradient = {"U": dU, "V": dV, "W": dW, "mu": dmu}
            return {name: gradient[name] for name in self.parameters}      # of what is trained alone

        return F, backward

    def gradient(
        self, pairs: Pairs, loss: str = "cross_entropy", smoothing: float = 0.0
    ) -> tuple[Array, dict[str, Array]]:
        """The loss over the pairs, by its name in LOSSES, and its gradient for every parameter by name."""
        a, b, label = (np.asarray(tokens, like=self.U) for tokens in (pairs.a, pairs.b, pairs.label))
        F, backward = self.forward(a, b)
        value, dF = LOSSES[loss](F, label, smoothing)
        return value, backward(dF)

    def hidden(self, a: Array, b: Array) -> Array:
        """The hidden vectors H = φ(A U + B V), of shape (n, M), of tokens as `forward` takes them."""
        return ACTIVATIONS[self.activation].value(self.U[a] + self.V[b])

    def logits(self, a: Any, b: Any) -> Array:
        """Logits of shape (n, P) for inputs a and b of shape (n,), arrays or lists of tokens on the host.

        Raises InputError unless a and b are integers and as many of each, and for a token outside 0 .. P-1: -1 would
        count from the end, and a GPU checks no index.
        """
        a, b = np.asarray(a), np.asarray(b)
        if a.ndim != 1 or a.shape != b.shape or (a.size and {a.dtype.kind, b.dtype.kind} - {"i", "u"}):
            given = f"{a.dtype} of shape {a.shape} and {b.dtype} of shape {b.shape}"
            raise InputError("tokens", given, "integers, of one shape (n,) for both inputs")
        for tokens in (a, b):
            outside = tokens[(tokens < 0) | (tokens >= self.modulus)]
            if len(outside):
                raise InputError("token", int(outside[0]), f"in 0 .. {self.modulus - 1}")
        a, b = np.asarray(np.stack([a, b]).astype(np.int64), like=self.U)
        return self.forward(a, b)[0]

    def predict(self, a: Any, b: Any) -> np.ndarray:
        """The class with the largest logit for inputs a and b as `logits` takes them, of shape (n,), on the host."""
        return to_host(self.logits(a, b).argmax(axis=1))

    def grid_logits(self) -> Array:
        """Logits of every pair, of shape (P, P, P): first input, second input, class. P³ numbers."""
        tokens = np.arange(self.modulus, like=self.U)
        return np.stack([self.forward(np.full_like(tokens, a), tokens)[0] for a in range(self.modulus)])

    def _one_hot(self, tokens: Array) -> Array:
        """The one-hot matrix of n tokens, of shape (n, P): row i is 1 at token i, and 0 elsewhere."""
        return (tokens[:, None] == np.arange(self.modulus, like=self.U)).astype(self.U.dtype)

    @property
    def modulus(self) -> int:
        """P, the number of tokens and of classes."""
        return int(self.U.shape[0])

    @property
    def width(self) -> int:
        """M, the number of hidden neurons."""
        return int(self.U.shape[1])

    @property
    def tied(self) -> bool:
        """Whether both inputs share one weight matrix."""
        return self.V is self.U

    @property
    def arrays(self) -> dict[str, Array]:
        """U, V, W and mu by name."""
        return {"U": self.U, "V": self.V, "W": self.W, "mu": self.mu}

    @property
    def parameters(self) -> dict[str, Array]:
        """The arrays that training changes, see `trained`; V only where it is not U, mu only if there is a bias."""
        fixed = {"V": self.tied, "mu": not self.has_bias}
        return {name: self.arrays[name] for name in TRAINED[self.trained] if not fixed.get(name)}

    def subnetwork(self, neurons: Any) -> "TwoLayerNet":
        """The network of some neurons alone, given by their indices; μ stays."""
        U = self.U[:, neurons].copy()      # C order: picking columns gives Fortran order, slow to add
        V = U if self.tied else self.V[:, neurons].copy()
        return replace(self, U=U, V=V, W=self.W[neurons])

    def convert(self, function: Callable[[Array], Array]) -> "TwoLayerNet":
        """A network of the same kind whose arrays are `function` of this one's: a copy, a cast, a move to a device."""
        U = function(self.U)
        V = U if self.tied else function(self.V)
        return replace(self, U=U, V=V, W=function(self.W), mu=function(self.mu))

