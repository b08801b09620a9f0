"""The gradient over many examples: forward and backward pass on blocks that fit in cache, spread over threads.

The mathematics is in network.py; here is what makes it fast and reproducible. The cut into blocks depends on the
examples and the width alone, block i belongs to shard i mod SHARDS, each shard is summed in order by one thread, and
then the shards are summed in order: the result has the same bits for any number of threads. The memory of all this is
kept from one call to the next: with fresh memory a step takes 1.5 times as long at width 64, 1.4 at 1024 and 1.1 at
4096 (the tricks of `python -m benchmarks`).
"""

import numpy as np

from minimod.backend import Backend, one_hot_matrix
from minimod.data import Pairs
from minimod.losses import LOSSES
from minimod.network import Block, TwoLayerNet

# At most this many threads can share one gradient; every shard costs one set of gradients, written and summed.
SHARDS = 8


def in_tiles(pairs: Pairs, modulus: int, size: int) -> Pairs:
    """The pairs, reordered so that `size` consecutive ones are about a square of the grid: few different tokens.

    That keeps the dense one-hot matrices of a GPU small; on a CPU it gains 7 % at width 4096 and nothing below (the
    tricks of `python -m benchmarks`).
    """
    side = max(1, round(modulus * (size / max(1, len(pairs))) ** 0.5))
    return pairs[np.lexsort((pairs.b, pairs.a, pairs.b // side, pairs.a // side))]


def make_blocks(pairs: Pairs, network: TwoLayerNet, backend: Backend) -> list[Block]:
    """The pairs, in order, in blocks of `backend.block_size(width)` examples, on the backend's device."""
    size, xp = backend.block_size(network.width), backend.xp
    blocks = []
    for start in range(0, len(pairs), size):
        part = pairs[start : start + size]
        a, b, label = (xp.asarray(array) for array in (part.a, part.b, part.label))
        rows_a, A_T = one_hot_matrix(part.a, xp, network.U.dtype)
        rows_b, B_T = one_hot_matrix(part.b, xp, network.U.dtype)
        blocks.append(Block(a, b, label, rows_a, A_T, rows_b, B_T))
    return blocks


class Gradient:
    """The mean loss of a network over blocks of examples, and its gradient."""

    def __init__(self, network: TwoLayerNet, loss: str, backend: Backend):
        self.network, self.loss, self.backend = network, LOSSES[loss], backend
        self._buffers = []      # for Z, H, F and dW, those that no thread is using
        self._sums = []         # the gradient of each shard

    def __call__(self, blocks: list[Block], predict: bool = False):
        """The mean loss over the blocks' examples, its gradient by parameter name, and their predicted labels, (n,).

        All are on the device. The gradient's arrays are overwritten by the next call. The labels are None unless asked
        for by `predict`; they cost next to nothing here.
        """
        n_total = sum(len(block.label) for block in blocks)
        shards = [blocks[i::SHARDS] for i in range(min(SHARDS, len(blocks)))]
        while len(self._sums) < len(shards):
            self._sums.append({name: np.empty_like(array) for name, array in self.network.parameters.items()})

        predicted = [None] * len(blocks)

        def add_up_shard(i):
            loss, predicted[i::SHARDS] = self._add_up(shards[i], n_total, self._sums[i], predict)
            return loss

        losses = list(self.backend.map(add_up_shard, range(len(shards))))
        total = self._sums[0]
        for shard in self._sums[1 : len(shards)]:
            for name, array in shard.items():
                total[name] += array
        return sum(losses), total, np.concatenate(predicted) if predict else None

    def _add_up(self, blocks: list[Block], n_total: int, gradient: dict, predict: bool):
        """Some blocks' share of the mean loss over n_total examples, and (or None) their predicted labels.

        Their share of the gradient goes into `gradient`.
        """
        for array in gradient.values():
            array.fill(0)
        buffers = self._buffers.pop() if self._buffers else self._new_buffers()
        loss, predicted = 0, []
        for block in blocks:
            Z, H, F = self.network.forward(block.a, block.b, [buffer[: len(block.a)] for buffer in buffers[:3]])
            predicted.append(F.argmax(axis=1) if predict else None)
            block_loss, dF = self.loss(F, block.label, n_total)
            self.network.backward(block, Z, H, dF, gradient, buffers[3])
            loss = loss + block_loss
        self._buffers.append(buffers)
        return loss, predicted

    def _new_buffers(self):
        n = self.backend.block_size(self.network.width)
        return [*self.network.new_buffers(n), np.empty_like(self.network.W)]
