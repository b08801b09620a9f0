"""The gradient over many examples: forward and backward pass on blocks that fit in cache, spread over threads.

The mathematics is in network.py; here is what makes it fast and reproducible. The cut into blocks depends on the
examples and the width alone, block i belongs to shard i mod SHARDS, each shard is summed in order by one thread, and
then the shards are summed in order: the result has the same bits for any number of threads. The memory of all this is
kept from one call to the next: with fresh memory a step takes 1.5 times as long at width 64, 1.4 at 1024 and 1.1 at
4096 (the tricks of `python -m benchmarks`).
"""

from typing import Any, NamedTuple

import numpy as np

from minimod.data import Pairs
from minimod.engine.backend import SHARDS, Backend
from minimod.engine.kernels import activation_kernel, confidence, loss_kernel, sums_by_token, take_rows
from minimod.engine.memory import Kept
from minimod.network import Array, TwoLayerNet


class Block(NamedTuple):
    """n examples, and how rows are summed by their inputs (see `sums_by_token`). Arrays live where the network's do."""

    a: Array          # (n,) tokens
    b: Array          # (n,)
    label: Array      # (n,) the labels to be fitted, corrupted ones among them
    is_noisy: Array   # (n,) which of them were corrupted
    tokens_a: Array   # (k,) different tokens, all of those in a among them
    sums_a: Any       # the function (X, memory) -> (k, M) that sums the rows of X, (n, M), by the token in a
    tokens_b: Array   # likewise for b
    sums_b: Any


class Answers(NamedTuple):
    """What a network answers on n examples: the labels predicted, (n,), and the loss summed over two parts of them.

    Where it is recorded, also the `confidence` in each label, margin and loss, (n,); else None.
    """

    predicted: Array
    clean_loss: Array
    noisy_loss: Array
    margin: Array | None = None
    loss: Array | None = None


def in_tiles(pairs: Pairs, modulus: int, size: int) -> Pairs:
    """The pairs, reordered so that `size` consecutive ones are about a square of all pairs: few different tokens.

    That keeps the dense one-hot matrices of a GPU small; on a CPU it gains 7 % at width 4096 and nothing below (the
    tricks of `python -m benchmarks`).
    """
    side = max(1, round(modulus * (size / max(1, len(pairs))) ** 0.5))
    return pairs[np.lexsort((pairs.b, pairs.a, pairs.b // side, pairs.a // side))]


def make_blocks(pairs: Pairs, network: TwoLayerNet, backend: Backend) -> list[Block]:
    """The pairs, in order, in blocks of `backend.block_size(width)` examples, on the backend's device.

    Pairs may be on the host or on the device; on the device, nothing goes through the host.
    """
    size, xp = backend.block_size(network.width), backend.xp
    blocks = []
    for start in range(0, len(pairs), size):
        part = pairs[start : start + size]
        a, b, label, is_noisy = map(xp.asarray, (part.a, part.b, part.label, part.is_noisy))
        by_a, by_b = (sums_by_token(index, network.modulus, network.U.dtype, xp) for index in (part.a, part.b))
        blocks.append(Block(a, b, label, is_noisy, *by_a, *by_b))
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
        n, (P, M) = backend.block_size(network.width), network.U.shape
        shapes = ((n, M), (n, M), (n, P), (M, P))                        # of Z, H, F and dW
        self._memory = Kept(lambda: [np.empty(shape, network.U.dtype, like=network.U) for shape in shapes])
        self._sums: list[dict[str, Array]] = []                          # the gradient of each shard

    def __call__(self, blocks: list[Block], answer: bool = False) -> tuple[Array, dict[str, Array], Answers | None]:
        """The mean loss over the blocks' examples, its gradient by parameter name, and (asked for) what it answers.

        All are on the device. The gradient's arrays are overwritten by the next call. Answers cost little here, where
        the logits are: a search for the largest of them, and the loss once more.
        """
        n_total = sum(len(block.label) for block in blocks)
        n_shards = min(SHARDS, len(blocks))
        while len(self._sums) < n_shards:
            self._sums.append({name: np.empty_like(array) for name, array in self.network.parameters.items()})

        answers: list[Any] = [None] * len(blocks)

        def add_up_shard(i: int) -> Any:
            for array in self._sums[i].values():
                array.fill(0)
            loss = 0
            with self._memory.borrow() as memory:
                for j in range(i, len(blocks), SHARDS):
                    block_loss, answers[j] = self._add_block(blocks[j], n_total, memory, self._sums[i], answer)
                    loss = loss + block_loss
            return loss

        losses = list(self.backend.map(add_up_shard, range(n_shards)))
        total = self._sums[0]
        for shard in self._sums[1:n_shards]:
            for name, array in shard.items():
                total[name] += array
        if not answer:
            return sum(losses), total, None
        predicted, clean, noisy, *confidences = zip(*answers, strict=True)
        told = map(np.concatenate, confidences) if self.record else ()
        return sum(losses), total, Answers(np.concatenate(predicted), sum(clean), sum(noisy), *told)

    def _add_block(
        self, block: Block, n_total: int, memory: list[Array], gradient: dict[str, Array], answer: bool
    ) -> tuple[Array, Answers | None]:
        """Add a block's share of the gradient of the mean loss over n_total examples to `gradient`.

        Returns its share of the loss, and (or None) its answers. This is `TwoLayerNet.forward` and its
        backward pass in four arrays. An array that has been read for the last time is written over by what comes next.
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
            gradient["W"] += np.matmul(H.T, dF, out=memory[3])   # dW = Hᵀ dF; H is not read again
        if "mu" in gradient:
            gradient["mu"] += dF.sum(axis=0)
        if "U" not in gradient:
            return loss, answers
        dH = np.matmul(dF, network.W.T, out=H)               # dH lies where H was
        dZ = self.phi.derivative(Z, out=Z)                   # φ'(Z), in Z's place
        dZ *= dH                                             # dZ = dH ∘ φ'(Z)
        gradient["U"][block.tokens_a] += block.sums_a(dZ, F)  # dU = Aᵀ dZ; no token is there twice, and dF is not read
        dV = gradient["U" if network.tied else "V"]          # tied, it joins dU
        dV[block.tokens_b] += block.sums_b(dZ, F)            # dV = Bᵀ dZ
        return loss, answers

    def _answers(self, block: Block, F: Array) -> Answers:
        """The answers in a block's logits, which are left as they are."""
        clean, noisy = (
            self.loss(F[part], block.label[part], 1)[0] for part in (~block.is_noisy, block.is_noisy)    # of copies
        )
        return Answers(F.argmax(axis=1), clean, noisy, *confidence(F, block.label) if self.record else ())
