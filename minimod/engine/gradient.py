"""The gradient over many examples: forward and backward pass on blocks that fit in cache, spread over threads.

The mathematics is in network.py. This file makes it fast and reproducible. The cut into blocks depends only on the
examples and the network. Block i belongs to shard i mod SHARDS. One thread sums the blocks of a shard, in order. The
shards are added in a fixed tree. So the result has the same bits for any number of threads. All memory is reused in the
next call; `python -m benchmarks` lists the time that this trick saves.
"""

from typing import Any, NamedTuple

import numpy as np

from minimod.arrays import Array, Pairs
from minimod.engine.backend import SHARDS, Backend
from minimod.engine.kernels import activation_kernel, confidence, loss_kernel, sums_by_input, take_rows
from minimod.engine.memory import BufferPool, Flat
from minimod.network import TwoLayerNet


class Block(NamedTuple):
    """n examples, and the sum of rows by input token (see `sums_by_input`). The arrays are on the network's device."""

    a: Array          # (n,) first tokens
    b: Array          # (n,) second tokens
    label: Array      # (n,) the labels to fit, clean and corrupted
    is_noisy: Array   # (n,) True for a corrupted label
    inputs: Any       # the index of k rows of U over V, or of U if tied; the tokens a and b pick only these rows
    sums: Any         # the function (n, M) -> (k, M) that sums rows by input


class BlockOutput(NamedTuple):
    """The predictions of a network for n examples, and its losses.

    predicted: the predicted classes, (n,). clean_loss, noisy_loss: the sums of the loss over the examples with clean
    and with corrupted labels. margin, loss: see `confidence`, (n,), or None if they are not recorded.
    """

    predicted: Array
    clean_loss: Array
    noisy_loss: Array
    margin: Array | None = None
    loss: Array | None = None


def in_tiles(pairs: Pairs, network: TwoLayerNet, backend: Backend) -> Pairs:
    """The pairs in another order, in which every block is about a square in the table of all pairs.

    So a block has few different tokens. On a CPU, this saves 7 % of the time at width 4096, and nothing at smaller
    widths. See the tricks of `python -m benchmarks`.
    """
    P, M = network.U.shape
    side = max(1, round(P / max(1, backend.n_blocks(len(pairs), M, P)) ** 0.5))
    return pairs[np.lexsort((pairs.b, pairs.a, pairs.b // side, pairs.a // side))]


def make_blocks(pairs: Pairs, network: TwoLayerNet, backend: Backend) -> list[Block]:
    """The pairs in blocks, in order, on the backend's device.

    The number of blocks is `backend.n_blocks`. Their sizes differ by at most one example. The pairs may be on the host
    or on the device. Pairs on the device are not copied to the host.
    """
    n, xp, (P, M) = len(pairs), backend.xp, network.U.shape
    n_blocks = backend.n_blocks(n, M, P)
    blocks = []
    for i in range(n_blocks):
        part = pairs[n * i // n_blocks : n * (i + 1) // n_blocks]
        a, b, label, is_noisy = map(xp.asarray, (part.a, part.b, part.label, part.is_noisy))
        by_input = sums_by_input(part.a, part.b, P, network.tied, network.U.dtype, xp)
        blocks.append(Block(a, b, label, is_noisy, *by_input))
    return blocks


class Gradient:
    """The mean loss of a network over blocks of examples, and its gradient.

    loss: a name in LOSSES. record: whether a `BlockOutput` has margin and loss.
    """

    def __init__(
        self, network: TwoLayerNet, loss: str, backend: Backend, record: bool = False, smoothing: float = 0.0
    ):
        self.network, self.backend, self.record = network, backend, record
        self.phi, self.loss = activation_kernel(network.activation), loss_kernel(loss, smoothing)
        P, M = network.U.shape
        n = backend.block_size(M, P)
        shapes = ((n, M), (n, M), (n, P), (M, P))                        # of Z, H, F and dW
        self._memory = BufferPool(lambda: [np.empty(shape, network.U.dtype, like=network.U) for shape in shapes])
        self._gradients: list[Flat] = []                                 # gradients of shards that are free for reuse

    def __call__(self, blocks: list[Block], answer: bool = False) -> tuple[Array, Flat, BlockOutput | None]:
        """The mean loss over the blocks' examples, its gradient by parameter name, and if `answer` the `BlockOutput`.

        All are on the device. The next call overwrites the arrays of the gradient. The output costs little, because the
        logits are known here. It takes one search for the largest logit, and the loss once more.
        """
        n_total, n_shards = sum(len(block.label) for block in blocks), min(SHARDS, len(blocks))
        answers: list[Any] = [None] * len(blocks)

        def shard(i: int) -> tuple[Any, Flat]:
            try:
                gradient = self._gradients.pop()
            except IndexError:
                gradient = Flat(self.network.parameters)
            loss = 0
            with self._memory.borrow() as memory:
                for j in range(i, len(blocks), SHARDS):
                    block_loss, answers[j] = self._add_block(blocks[j], n_total, memory, gradient, answer, new=j == i)
                    loss = loss + block_loss
            return loss, gradient

        def add(one: tuple[Any, Flat], other: tuple[Any, Flat]) -> tuple[Any, Flat]:
            (loss, gradient), (other_loss, other_gradient) = one, other
            gradient.buffer += other_gradient.buffer
            self._gradients.append(other_gradient)
            return loss + other_loss, gradient

        loss, gradient = self.backend.sum(shard, n_shards, add)
        self._gradients.append(gradient)
        if not answer:
            return loss, gradient, None
        predicted, clean, noisy, *confidences = zip(*answers, strict=True)
        told = map(np.concatenate, confidences) if self.record else ()
        return loss, gradient, BlockOutput(np.concatenate(predicted), sum(clean), sum(noisy), *told)

    def _add_block(
        self, block: Block, n_total: int, memory: list[Array], gradient: Flat, answer: bool, new: bool
    ) -> tuple[Array, BlockOutput | None]:
        """Add a block's share of the gradient of the mean loss over n_total examples to `gradient`.

        If `new`, overwrite `gradient`; otherwise add to it. Returns the block's share of the mean loss, and its output
        (None without `answer`). The lines are the lines of `TwoLayerNet.forward` and its backward pass, in four arrays
        of memory. After an array has been read for the last time, a later line overwrites it.
        """
        network, n = self.network, len(block.label)
        Z, H, F = (array[:n] for array in memory[:3])
        take_rows(network.U, block.a, out=Z)
        Z += take_rows(network.V, block.b, out=H)            # Z = A U + B V; in this line, H holds V[b]
        self.phi.value(Z, out=H)                             # H = φ(Z)
        np.matmul(H, network.W, out=F)
        F += network.mu                                      # F = H W + μ
        answers = self._answers(block, F) if answer else None
        loss, dF = self.loss(F, block.label, n_total)        # dF = ∂loss / ∂F, in the memory of F

        if "W" in gradient:
            # dW = Hᵀ dF          from F = H W + μ          H is not read again
            dW = np.matmul(H.T, dF, out=gradient["W"] if new else memory[3])
            if not new:
                gradient["W"] += dW
        if "mu" in gradient:
            # dμ = Σ_i dF_i       from F = H W + μ          as 1ᵀ dF: this product takes a third of the time of dF.sum
            dmu = np.ones_like(dF, shape=n) @ dF
            gradient["mu"][...] = dmu if new else gradient["mu"] + dmu
        if "U" not in gradient:
            return loss, answers
        dH = np.matmul(dF, network.W.T, out=H)               # dH = dF Wᵀ          from F = H W + μ, in the memory of H
        dZ = self.phi.derivative(Z, out=Z)                   # φ'(Z), in the memory of Z
        dZ *= dH                                             # dZ = dH φ'(Z)       from H = φ(Z), elementwise
        n_inputs, M = (1 if network.tied else 2) * network.modulus, network.width
        # The buffer begins with dU, and then dV. In a tied network it begins with dU + dV.
        dUV = gradient.buffer[: n_inputs * M].reshape(n_inputs, M)
        if new:
            dUV.fill(0)
        dUV[block.inputs] += block.sums(dZ)                  # dU = Aᵀ dZ, dV = Bᵀ dZ       from Z = A U + B V
        return loss, answers

    def _answers(self, block: Block, F: Array) -> BlockOutput:
        """The output of a block from its logits F, which do not change."""
        clean, noisy = (    # F[part] is a copy, so the loss may overwrite it
            self.loss(F[part], block.label[part], 1)[0] for part in (~block.is_noisy, block.is_noisy)
        )
        return BlockOutput(F.argmax(axis=1), clean, noisy, *confidence(F, block.label) if self.record else ())
