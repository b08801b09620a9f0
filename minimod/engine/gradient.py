"""The gradient over many examples: forward and backward pass on blocks that fit in cache, spread over threads.

The mathematics is in network.py; here is what makes it fast and reproducible. The cut into blocks depends on the
examples and the network alone, block i belongs to shard i mod SHARDS, each shard is summed in order by one thread, and
the shards are added in a fixed tree: the result has the same bits for any number of threads. The memory of all this is
kept from one call to the next (the tricks of `python -m benchmarks` have what that gains).
"""

from typing import Any, NamedTuple

import numpy as np

from minimod.arrays import Array, Pairs
from minimod.engine.backend import SHARDS, Backend
from minimod.engine.kernels import activation_kernel, confidence, loss_kernel, sums_by_input, take_rows
from minimod.engine.memory import BufferPool, Flat
from minimod.network import TwoLayerNet


class Block(NamedTuple):
    """n examples, and how rows are summed by their inputs (see `sums_by_input`). Arrays live where the network's do."""

    a: Array          # (n,) tokens
    b: Array          # (n,)
    label: Array      # (n,) the labels to be fitted, corrupted ones among them
    is_noisy: Array   # (n,) which of them were corrupted
    inputs: Any       # the index of k rows of U over V, or of U if tied: all that a and b pick are among them
    sums: Any         # the function (n, M) -> (k, M) that sums rows by input


class BlockOutput(NamedTuple):
    """What a network answers on n examples: the labels predicted, (n,), and the loss summed over two parts of them.

    Where it is recorded, also the `confidence` in each label, margin and loss, (n,); else None.
    """

    predicted: Array
    clean_loss: Array
    noisy_loss: Array
    margin: Array | None = None
    loss: Array | None = None


def in_tiles(pairs: Pairs, network: TwoLayerNet, backend: Backend) -> Pairs:
    """The pairs, reordered so that each block of them is about a square of all pairs: few different tokens.

    On a CPU it gains 7 % at width 4096 and nothing below (the tricks of `python -m benchmarks`).
    """
    P, M = network.U.shape
    side = max(1, round(P / max(1, backend.n_blocks(len(pairs), M, P)) ** 0.5))
    return pairs[np.lexsort((pairs.b, pairs.a, pairs.b // side, pairs.a // side))]


def make_blocks(pairs: Pairs, network: TwoLayerNet, backend: Backend) -> list[Block]:
    """The pairs, in order, in `backend.n_blocks` of one size, to an example, on the backend's device.

    Pairs may be on the host or on the device; on the device, nothing goes through the host.
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

    loss: a name of LOSSES. record: answers tell confidences.
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
        self._gradients: list[Flat] = []                                 # of shards, not in use

    def __call__(self, blocks: list[Block], answer: bool = False) -> tuple[Array, Flat, BlockOutput | None]:
        """The mean loss over the blocks' examples, its gradient by parameter name, and (asked for) what it answers.

        All are on the device. The gradient's arrays are overwritten by the next call. The answers cost little
        here, where the logits are: one search for the largest logit, and the loss once more.
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

        What lies in a `new` one is not read, but written over. Returns its share of the loss, and (or None) its
        answers. This is `TwoLayerNet.forward` and its backward pass in four arrays. An array that has been read for the
        last time is written over by what comes next.
        """
        network, n = self.network, len(block.label)
        Z, H, F = (array[:n] for array in memory[:3])
        take_rows(network.U, block.a, out=Z)
        Z += take_rows(network.V, block.b, out=H)            # Z = A U + B V; H is V[b] for a moment
        self.phi.value(Z, out=H)                             # H = φ(Z)
        np.matmul(H, network.W, out=F)
        F += network.mu                                      # F = H W + μ
        answers = self._answers(block, F) if answer else None
        loss, dF = self.loss(F, block.label, n_total)        # dF lies where F was

        if "W" in gradient:
            dW = np.matmul(H.T, dF, out=gradient["W"] if new else memory[3])       # dW = Hᵀ dF; H is not read again
            if not new:
                gradient["W"] += dW
        if "mu" in gradient:
            dmu = np.ones_like(dF, shape=n) @ dF             # BLAS adds up columns in a third of sum's time
            gradient["mu"][...] = dmu if new else gradient["mu"] + dmu
        if "U" not in gradient:
            return loss, answers
        dH = np.matmul(dF, network.W.T, out=H)               # dH lies where H was
        dZ = self.phi.derivative(Z, out=Z)                   # φ'(Z), in Z's place
        dZ *= dH                                             # dZ = dH ∘ φ'(Z)
        n_inputs, M = (1 if network.tied else 2) * network.modulus, network.width
        dUV = gradient.buffer[: n_inputs * M].reshape(n_inputs, M)     # dU over dV, which come first; tied, dU + dV
        if new:
            dUV.fill(0)
        dUV[block.inputs] += block.sums(dZ)                  # dU = Aᵀ dZ and dV = Bᵀ dZ
        return loss, answers

    def _answers(self, block: Block, F: Array) -> BlockOutput:
        """The answers in a block's logits, which are left as they are."""
        clean, noisy = (
            self.loss(F[part], block.label[part], 1)[0] for part in (~block.is_noisy, block.is_noisy)    # of copies
        )
        return BlockOutput(F.argmax(axis=1), clean, noisy, *confidence(F, block.label) if self.record else ())
