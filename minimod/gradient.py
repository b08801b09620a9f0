"""The gradient over many examples: forward and backward pass on blocks that fit in cache, spread over threads.

The mathematics is in network.py; here is what makes it fast and reproducible. The cut into blocks depends on the
examples and the width alone, block i belongs to shard i mod SHARDS, each shard is summed in order by one thread, and
then the shards are summed in order: the result has the same bits for any number of threads.
"""

from minimod.backend import Backend, scatter_matrix
from minimod.data import Pairs
from minimod.losses import LOSSES
from minimod.network import Block, TwoLayerNet

# At most this many threads can share one gradient; every shard costs one set of gradients, written and summed.
SHARDS = 8


def make_blocks(pairs: Pairs, network: TwoLayerNet, backend: Backend) -> list[Block]:
    """The pairs in blocks of `backend.block_size(width)` examples, on the backend's device."""
    size, xp, dtype = backend.block_size(network.width), backend.xp, network.U.dtype
    blocks = []
    for start in range(0, len(pairs), size):
        part = pairs[start : start + size]
        a, b, label = xp.asarray(part.a), xp.asarray(part.b), xp.asarray(part.label)
        A_T, B_T = (scatter_matrix(index, network.modulus, xp, dtype) for index in (a, b))
        blocks.append(Block(a, b, label, A_T, B_T))
    return blocks


def loss_and_gradient(network: TwoLayerNet, blocks: list[Block], loss: str, backend: Backend):
    """The mean loss over all blocks' examples, a scalar on the device, and its gradient by parameter name."""
    n_total = sum(len(block.label) for block in blocks)

    def shard(blocks):
        return accumulate(block_loss_and_gradient(network, block, loss, n_total) for block in blocks)

    shards = [blocks[i::SHARDS] for i in range(min(SHARDS, len(blocks)))]
    return accumulate(backend.map(shard, shards))


def block_loss_and_gradient(network: TwoLayerNet, block: Block, loss: str, n_total: int):
    """One block's share of the mean loss over n_total examples, and of its gradient."""
    Z, H, F = network.forward(block.a, block.b)
    value, dF = LOSSES[loss](F, block.label, n_total)
    return value, network.backward(block, Z, H, dF)


def accumulate(parts):
    """The sum of (loss, gradient) pairs, in order; the first one's gradient arrays are used up."""
    parts = iter(parts)
    total_loss, total = next(parts)
    for loss, gradient in parts:
        total_loss = total_loss + loss
        for name, array in gradient.items():
            total[name] += array
    return total_loss, total
