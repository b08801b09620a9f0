"""The network f(a, b) = W φ(U e_a + V e_b) + μ: its parameters, its forward pass, and its backward pass by hand.

e_a is the one-hot vector of token a. f(a, b) has one logit per class. Start reading here. A training run computes the
same formulas in engine/gradient.py, in blocks and with reused memory. A test compares the two files.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minimod.activations import ACTIVATIONS
from minimod.arrays import Array, Pairs, checked_array, random_stream, to_host
from minimod.errors import InputError, check_type, checked_number, choice
from minimod.losses import LOSSES

# What training changes: all parameters, the output layer alone, or the input layer alone. The other layer keeps its
# initial weights. With trained = "output", U and V are random features. Such a network learns no features, so it is the
# control for every claim about learned features.
TRAINED = {"all": ("U", "V", "W", "mu"), "output": ("W", "mu"), "input": ("U", "V")}


@dataclass(eq=False, repr=False)
class TwoLayerNet:
    """A two-layer network on pairs of tokens; P is the modulus, M the width.

    In the code, examples are rows. So every array is the transpose of the formula's matrix: U e_a is the row U[a]. The
    rows of H are the hidden vectors φ(U e_a + V e_b). So W φ(U e_a + V e_b) is a row of the product H W.
    U, V: of shape (P, M), the weights of the first and of the second input. In a tied network, V is the array U itself.
    W: of shape (M, P), the output weights.   mu: of shape (P,), the output bias, written μ in formulas.
    activation: a name in ACTIVATIONS.
    has_bias: whether μ is a parameter. If False, training does not change μ.
    trained: what training changes, a name in TRAINED. Training leaves the other weights as they are.

    Neuron m is (U[:, m], V[:, m], W[m]). The arrays must be all NumPy arrays or all CuPy arrays, and of one dtype; this
    is not checked. Raises InputError if U, V or W is no matrix of floats, or if mu is no vector of floats. It also
    raises InputError for a shape that does not fit U, and for an unknown activation or `trained`.
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
        for name, array in self.arrays.items():
            if not hasattr(array, "dtype") or array.dtype.kind != "f" or array.ndim != (1 if name == "mu" else 2):
                raise InputError(name, array, "an array of floats: a vector for mu, else a matrix")
        P, M = self.U.shape
        for name, shape in {"V": (P, M), "W": (M, P), "mu": (P,)}.items():
            if getattr(self, name).shape != shape:
                raise InputError(f"shape of {name}", getattr(self, name).shape, f"{shape}, as U has {(P, M)}")
        choice("activation", self.activation, ACTIVATIONS)
        choice("trained", self.trained, TRAINED)

    @classmethod
    def init(
        cls, modulus: int, width: int, seed: int = 0, activation: str = "relu", tied: bool = False, bias: bool = True,
        init_std: float | None = None, dtype: str = "float32", trained: str = "all",
    ) -> "TwoLayerNet":
        """A network before training: U, V and W are drawn from N(0, std²), and μ = 0.

        std is init_std; if init_std is None, std = M^(-1/2). tied: whether V is U. bias: whether μ is a parameter.
        The numbers are drawn in float64 on the host, then cast to dtype. So a network for the GPU starts from the same
        numbers as a network for the CPU. Weights in float32 are the rounded float64 weights. Raises InputError for an
        option that cannot be used.
        """
        modulus, width = checked_number("modulus", modulus, 2, kind=int), checked_number("width", width, 1, kind=int)
        generator = random_stream(seed, "initialisation")
        std: float = width**-0.5 if init_std is None else checked_number("init_std", init_std, 0)
        # np.float32 has a __name__. A string or np.dtype("float32") has none, and str() gives the name.
        dtype = choice("dtype", getattr(dtype, "__name__", str(dtype)), ("float32", "float64"))

        def draw(*shape: int) -> np.ndarray:
            return (std * generator.standard_normal(shape)).astype(dtype)

        # The order of the draws is part of the seed's meaning: U, then V unless tied, then W.
        U = draw(modulus, width)
        V = U if tied else draw(modulus, width)
        W = draw(width, modulus)
        return cls(U, V, W, np.zeros(modulus, dtype), activation, bias, trained)

    def forward(self, a: Array, b: Array) -> tuple[Array, Callable[[Array], dict[str, Array]]]:
        """The logits F of shape (n, P), and the function `backward`, which computes the gradient by the chain rule.

        a and b are arrays of n input tokens, of shape (n,), on the network's device. A and B in the formulas are their
        one-hot matrices, of shape (n, P). Row i of A U is U[a_i], so the code picks rows of U and needs no product.
        This method does not check the tokens; `logits` does.
        """
        phi = ACTIVATIONS[self.activation]
        Z = self.U[a] + self.V[b]                            # Z = A U + B V       (n, M)
        H = phi.value(Z)                                     # H = φ(Z)            (n, M)
        F = H @ self.W + self.mu                             # F = H W + μ         (n, P)

        def backward(dF: Array) -> dict[str, Array]:
            """The gradient of the loss for every trained parameter, by name.

            dX is the derivative of the loss with respect to X, of the same shape as X. dF is given, of shape (n, P).
            The comment beside a line states its formula, its shape, and the forward line that the formula comes from.
            """
            dW = H.T @ dF                                    # dW = Hᵀ dF          (M, P)   from F = H W + μ
            dmu = dF.sum(axis=0)                             # dμ = Σ_i dF_i       (P,)     from F = H W + μ
            dH = dF @ self.W.T                               # dH = dF Wᵀ          (n, M)   from F = H W + μ
            dZ = dH * phi.derivative(Z)                      # dZ = dH φ'(Z)       (n, M)   from H = φ(Z), elementwise
            # A token may occur many times, and its rows of dZ must be added up. The product Aᵀ dZ adds them; the line
            # dU[a] = dZ would keep only the last row.
            A, B = self._one_hot(a), self._one_hot(b)        # one-hot rows        (n, P)
            dU = A.T @ dZ                                    # dU = Aᵀ dZ          (P, M)   from Z = A U + B V
            dV = B.T @ dZ                                    # dV = Bᵀ dZ          (P, M)   from Z = A U + B V
            if self.tied:
                dU = dU + dV                                 # dU = (A + B)ᵀ dZ    (P, M)   from Z = (A + B) U
            gradient = {"U": dU, "V": dV, "W": dW, "mu": dmu}
            return {name: gradient[name] for name in self.parameters}

        return F, backward

    def gradient(
        self, pairs: Pairs, loss: str = "cross_entropy", smoothing: float = 0.0
    ) -> tuple[Array, dict[str, Array]]:
        """The loss over the pairs, and its gradient for every trained parameter, by name.

        loss: a name in LOSSES. smoothing: the label smoothing ε, see losses.py. The pairs may be on the host. Raises
        InputError for an unknown loss, and for a smoothing outside [0, 1]. This method does not check the tokens; `fit`
        does.
        """
        check_type("pairs", pairs, Pairs, "Pairs, such as the dataset's `train`")
        choice("loss", loss, LOSSES)
        smoothing = checked_number("smoothing", smoothing, 0, 1)
        # like=self.U makes arrays of the same library as U, on the network's device.
        a, b, label = (np.asarray(tokens, like=self.U) for tokens in (pairs.a, pairs.b, pairs.label))
        F, backward = self.forward(a, b)
        value, dF = LOSSES[loss](F, label, smoothing)
        return value, backward(dF)

    def hidden(self, a: Any, b: Any) -> Array:
        """The hidden vectors H = φ(A U + B V), of shape (n, M). a and b: as in `logits`."""
        a, b = self.tokens(a=a, b=b)
        return ACTIVATIONS[self.activation].value(self.U[a] + self.V[b])

    def logits(self, a: Any, b: Any) -> Array:
        """Logits of shape (n, P) for inputs a and b of shape (n,), arrays or lists of tokens.

        Raises InputError if a and b are not integers, if their shapes differ, and for a token outside 0 .. P-1. Without
        this check, the index -1 would give the last token. A GPU would not report an index that is too large.
        """
        return self.forward(*self.tokens(a=a, b=b))[0]

    def predict(self, a: Any, b: Any) -> np.ndarray:
        """The class with the largest logit for every example, of shape (n,), on the host. a and b: as in `logits`."""
        return to_host(self.logits(a, b).argmax(axis=1))

    def grid_logits(self) -> Array:
        """Logits of all P² pairs, of shape (P, P, P). Entry [a, b, c] is the logit of class c for the pair (a, b)."""
        tokens = np.arange(self.modulus, like=self.U)
        return np.stack([self.forward(np.full_like(tokens, a), tokens)[0] for a in range(self.modulus)])

    def tokens(self, **given: Any) -> Array:
        """The k given arrays of tokens or labels as one array of shape (k, n), on the network's device.

        An error names the keyword of its array. Raises InputError unless all arrays have one shape (n,) and hold
        integers in 0 .. P-1.
        """
        tokens: list[np.ndarray] = []
        for name, array in given.items():
            shape = tokens[0].shape if tokens else (None,)
            # The check runs on the host. Lists and NumPy arrays are there already.
            array = to_host(array) if isinstance(array, type(self.U)) else array
            tokens.append(checked_array(name, array, shape, 0, self.modulus - 1))
        return np.asarray(np.stack(tokens), like=self.U)

    def _one_hot(self, tokens: Array) -> Array:
        """The one-hot matrix of n tokens, of shape (n, P): row i is 1 at column tokens[i], and 0 elsewhere."""
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
        """The arrays that training changes, by name, see `trained`.

        In a tied network, V is no separate parameter. If has_bias is False, μ is no parameter.
        """
        is_parameter = {"U": True, "V": not self.tied, "W": True, "mu": self.has_bias}
        return {name: self.arrays[name] for name in TRAINED[self.trained] if is_parameter[name]}

    def subnetwork(self, neurons: Any) -> "TwoLayerNet":
        """The network of some neurons alone. neurons: an array or list of their indices.

        U, V and W are copies; mu is the same array in both networks.
        """
        # NumPy stores U[:, neurons] column by column, so picking rows of it, as `forward` does, is slow. The copy is
        # stored row by row. W[neurons] is a copy already, because `neurons` is an array of indices.
        U = self.U[:, neurons].copy()
        V = U if self.tied else self.V[:, neurons].copy()
        return replace(self, U=U, V=V, W=self.W[neurons])

    def convert(self, function: Callable[[Array], Array]) -> "TwoLayerNet":
        """A network with the same options, whose arrays are function(array) for every array of this network.

        function: for example a copy, a cast, or a move to a device. A tied network stays tied.
        """
        U = function(self.U)
        V = U if self.tied else function(self.V)
        return replace(self, U=U, V=V, W=function(self.W), mu=function(self.mu))

