"""The contenders: full-batch training steps with the same gradient and AdamW update, written in the usual way.

A contender is a function of a TrainingConfig and the backend of its process, whose number of threads it uses. It
returns two functions. `step` takes one step and returns the loss before the step. `gradient` returns the gradient at
this moment, by parameter name.
"""

from dataclasses import replace
from functools import partial
from importlib.util import find_spec

import numpy as np

from minimod import TrainingConfig, fit
from minimod.arrays import to_host
from minimod.engine.backend import Backend
from minimod.engine.gradient import Gradient, in_tiles, make_blocks
from minimod.engine.memory import BufferPool
from minimod.runs.data import resolve
from minimod.runs.run import initial_network
from minimod.runs.training import make_optimizer, with_optimizer


def minimod(config: TrainingConfig, backend: Backend):
    """minimod's own engine."""
    network, _, update = with_optimizer(initial_network(config).convert(backend.xp.asarray), config)
    pairs = in_tiles(resolve(config).dataset().train, network, backend)
    blocks = make_blocks(pairs, network, backend)
    gradient_of = Gradient(network, config.loss, backend)

    def step():
        loss, gradient, _ = gradient_of(blocks)
        update(gradient)
        return float(loss)

    return step, lambda: {name: to_host(array).copy() for name, array in gradient_of(blocks)[1].items()}


def reference(config: TrainingConfig, backend: Backend):
    """The loop of fit.py, on the network of network.py: all examples at once, no buffers, BLAS on all threads."""
    from threadpoolctl import threadpool_limits

    network, pairs = initial_network(config), resolve(config).dataset().train
    optimizer = make_optimizer(config, network.parameters)

    def step():
        with threadpool_limits(backend.threads, user_api="blas"):
            return fit(network, pairs, optimizer, epochs=1, loss=config.loss)[0]

    return step, lambda: network.gradient(pairs, config.loss)[1]


def matrix_products(config: TrainingConfig, backend: Backend):
    """The limit: H W, Hᵀ dF and dF Wᵀ alone, on minimod's blocks and threads, with arrays that stay in the cache."""
    network, xp = initial_network(config).convert(backend.xp.asarray), backend.xp
    n, P, M = len(resolve(config).dataset().train), config.modulus, config.width
    n_blocks = backend.n_blocks(n, M, P)
    size = -(-n // n_blocks)
    H, dF = xp.ones((size, M), config.dtype), xp.ones((size, P), config.dtype)
    memory = BufferPool(lambda: [np.empty_like(array) for array in (dF, network.W, H)])

    def block(_):
        with memory.borrow() as (F, dW, dH):
            np.matmul(H, network.W, out=F)
            np.matmul(H.T, dF, out=dW)
            np.matmul(dF, network.W.T, out=dH)
            return F

    return lambda: float(list(backend.map(block, range(n_blocks)))[-1][0, 0]), None


# The label of a pair that is not in the data. Contenders on the grid compute all pairs.
IGNORED = -100


def torch_eager(config: TrainingConfig, backend: Backend, grid: bool = False, compile: bool = False):
    """PyTorch: embedding gathers, or the grid of all pairs with a mask. With autograd and fused AdamW."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(backend.threads)
    put = partial(torch.tensor, device="cpu" if backend.xp is np else "cuda")
    train = resolve(config).dataset().train
    theta = {name: torch.nn.Parameter(put(array)) for name, array in initial_network(config).arrays.items()}
    a, b, label = (put(array) for array in (train.a, train.b, train.label))
    on_grid = label.new_full([config.modulus] * 2, IGNORED)
    on_grid[a, b] = label
    optimizer = torch.optim.AdamW(
        theta.values(), config.learning_rate, config.betas, weight_decay=config.weight_decay, fused=True
    )

    def loss_of_pairs():
        hidden = torch.relu(functional.embedding(a, theta["U"]) + functional.embedding(b, theta["V"]))
        return functional.cross_entropy(hidden @ theta["W"] + theta["mu"], label)

    def loss_of_grid():
        hidden = torch.relu(theta["U"][:, None] + theta["V"]).flatten(0, 1)
        return functional.cross_entropy(hidden @ theta["W"] + theta["mu"], on_grid.flatten(), ignore_index=IGNORED)

    loss_of_network = loss_of_grid if grid else loss_of_pairs
    loss_function = torch.compile(loss_of_network) if compile else loss_of_network

    def step():
        optimizer.zero_grad()
        loss = loss_function()
        loss.backward()
        optimizer.step()
        return loss.item()

    def gradient():
        optimizer.zero_grad()
        loss_function().backward()
        return {name: parameter.grad.cpu().numpy().copy() for name, parameter in theta.items()}

    return step, gradient


# The number of networks that `torch_stacked` trains at once.
STACK = 8


def torch_stacked(config: TrainingConfig, backend: Backend):
    """PyTorch: STACK networks of different seeds in one array. One step is one step of every network."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(backend.threads)
    configs = [replace(config, seed=seed) for seed in range(STACK)]
    networks, trains = map(initial_network, configs), [resolve(each).dataset().train for each in configs]
    arrays = [network.arrays for network in networks]
    theta = {name: torch.nn.Parameter(torch.tensor(np.stack([each[name] for each in arrays]))) for name in arrays[0]}
    a, b, label = (torch.tensor(np.stack([getattr(each, name) for each in trains])) for name in ("a", "b", "label"))
    which = torch.arange(STACK)[:, None]
    optimizer = torch.optim.AdamW(
        theta.values(), config.learning_rate, config.betas, weight_decay=config.weight_decay, fused=True
    )

    def step():
        optimizer.zero_grad()
        logits = torch.relu(theta["U"][which, a] + theta["V"][which, b]) @ theta["W"] + theta["mu"][:, None]
        loss = functional.cross_entropy(logits.flatten(0, 1), label.flatten()) * STACK
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, None


def jax_jit(config: TrainingConfig, backend: Backend, grid: bool = False):
    """JAX: value_and_grad and AdamW in one jitted function with donated buffers, on all cores of its process.

    By gathers, or on the grid of all pairs with a mask, as in PyTorch.
    """
    import jax
    from jax import numpy as jnp

    train = resolve(config).dataset().train
    theta = {name: jnp.asarray(array) for name, array in initial_network(config).arrays.items()}
    a, b, label = (jnp.asarray(array, jnp.int32) for array in (train.a, train.b, train.label))
    (beta1, beta2), rate, decay = config.betas, config.learning_rate, config.weight_decay

    on_grid = jnp.full([config.modulus] * 2, IGNORED).at[a, b].set(label).ravel()

    def loss_of_pairs(theta):
        logits = jax.nn.relu(theta["U"][a] + theta["V"][b]) @ theta["W"] + theta["mu"]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), label[:, None], axis=1).mean()

    def loss_of_grid(theta):
        hidden = jax.nn.relu(theta["U"][:, None] + theta["V"]).reshape(-1, config.width)
        log_p = jax.nn.log_softmax(hidden @ theta["W"] + theta["mu"])
        is_label = on_grid[:, None] == jnp.arange(config.modulus)
        return -jnp.where(is_label, log_p, 0).sum() / len(label)

    loss_of_network = loss_of_grid if grid else loss_of_pairs

    def update(theta, m, v, t):
        loss, gradient = jax.value_and_grad(loss_of_network)(theta)
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, gradient)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, gradient)

        def adamw(theta, m, v):
            return theta * (1 - rate * decay) - rate * (m / (1 - beta1**t)) / (jnp.sqrt(v / (1 - beta2**t)) + 1e-8)

        return loss, jax.tree.map(adamw, theta, m, v), m, v

    gradient_of = jax.jit(jax.grad(loss_of_network))
    update = jax.jit(update, donate_argnums=(0, 1, 2))
    m, v = (jax.tree.map(jnp.zeros_like, theta) for _ in range(2))
    t = 0

    def step():
        nonlocal theta, m, v, t
        t += 1
        loss, theta, m, v = update(theta, m, v, float(t))
        return float(loss)

    return step, lambda: {name: np.asarray(array) for name, array in gradient_of(theta).items()}


# Peer -> its forms. A form is a suffix of the name -> the contender. The faster form counts.
FORMS = {
    "reference": {"": reference},
    "torch eager": {"": torch_eager, " on the grid": partial(torch_eager, grid=True)},
    "torch.compile": {
        "": partial(torch_eager, compile=True), " on the grid": partial(torch_eager, grid=True, compile=True),
    },
    "JAX": {"": jax_jit, " on the grid": partial(jax_jit, grid=True)},
}  # fmt: skip
CONTENDERS = {"limit": matrix_products, "minimod": minimod, "torch stacked": torch_stacked} | {
    peer + form: contender for peer, forms in FORMS.items() for form, contender in forms.items()
}
HINT = "pip install -e '.[bench]'"


def peers() -> list[str]:
    """The peers that are installed here."""
    modules = {"reference": "numpy", "torch eager": "torch", "torch.compile": "torch", "JAX": "jax"}
    return [peer for peer in FORMS if find_spec(modules[peer])]
