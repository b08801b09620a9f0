# ---
# jupyter:
#   jupytext:
#     comment_magics: false
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Read a backward pass
#
# Deep-learning libraries compute gradients for you. Here we do it by hand, once, for a network that fits into one line.
# We go from the formula to NumPy, from NumPy to the engine that minimod trains with, and check every step. At the end
# you write an activation of your own, and train with it.
#
# You need matrix products and the chain rule. Every claim in the text is an `assert` in the code.

# %%
# On a fresh hosted notebook (Colab, Kaggle), first install minimod: remove the
# first # of the next line, and write the owner of this repository for OWNER.
# %pip install -q git+https://github.com/OWNER/minimod

import matplotlib.pyplot as plt
import numpy as np

import minimod
from minimod.engine.device import machine
from minimod.report.style import BLACK, BLUE, GREEN, ORANGE, STYLE, VERMILION

plt.style.use(STYLE)           # colours that colour-blind people can tell apart
print(f"minimod {minimod.__version__} on {machine()}")

# %% [markdown]
# ## 1. The formula
#
# f(a, b) = W φ(U e_a + V e_b) + μ
#
# Two tokens a and b go in, each one of P. A one-hot vector e_a picks a vector of M numbers from U, e_b one from V. They
# are added, go through φ, and W makes P logits of them, a score for every class. The largest one is the answer.
#
# Code has many examples at once, and keeps each in a *row*. So everything is transposed: the rows of U are picked, and
# W multiplies from the right. Let us take a network small enough to print: P = 5 tokens, M = 3 neurons, n = 4 examples.

# %%
P, M, n = 5, 3, 4
generator = np.random.default_rng(0)
U, V, W, mu = (generator.standard_normal(shape) for shape in ((P, M), (P, M), (M, P), (P,)))
a, b, label = np.array([0, 0, 3, 4]), np.array([1, 2, 2, 0]), np.array([1, 2, 0, 4])

# %% [markdown]
# ## 2. Forward
#
# Four lines. Watch the shapes: they will tell us the backward pass, too.

# %%
A, B = np.eye(P)[a], np.eye(P)[b]       # one-hot rows   (n, P)
Z = A @ U + B @ V                       # pre-activation (n, M)
H = np.maximum(Z, 0)                    # H = φ(Z), ReLU (n, M)
F = H @ W + mu                          # logits         (n, P)
print(F.round(2))

assert np.array_equal(A @ U, U[a])      # a product with one-hot rows only picks rows

# %% [markdown]
# minimod has this in `network.py`, as the class `TwoLayerNet`. Its `forward` gives the logits, and a function that goes
# back through them. We keep that for later.

# %%
from minimod import TwoLayerNet

network = TwoLayerNet(U, V, W, mu, activation="relu")
theirs, backward = network.forward(a, b)
assert np.allclose(theirs, F)

# %% [markdown]
# ## 3. The loss, and the first gradient
#
# Cross-entropy: turn the logits of each row into probabilities p = softmax(F), and take -log p of the label, in the
# mean over examples. Its gradient is a small miracle of high-school calculus: the probabilities, less 1 at the label,
# over n.

# %%
def loss_of(F):
    """The mean cross-entropy of logits, of shape (n, P), for our labels."""
    log_p = F - np.log(np.exp(F).sum(axis=1, keepdims=True))
    return -log_p[np.arange(n), label].mean()


p = np.exp(F) / np.exp(F).sum(axis=1, keepdims=True)
dF = (p - np.eye(P)[label]) / n                                     # (n, P)
print("loss", loss_of(F).round(4))
print(dF.round(3))

assert np.allclose(dF.sum(axis=1), 0)

# %% [markdown]
# We write dX for the derivative of the loss with respect to X. It always has the shape of X. Read dF: in every row the
# label's entry is negative (push it up!), all others are positive (push them down), and together they are 0.
#
# ## 4. Backward, a line for a line
#
# Each line of the forward pass gives a line or two, from the last to the first. One rule does almost all of it: if Y =
# X C, then dX = dY Cᵀ and dC = Xᵀ dY. If you forget it, look at the shapes. There is only one way in which they fit.

# %%
# F = H W + μ
dW = H.T @ dF                           # (M, n) (n, P) = (M, P), as W
dmu = dF.sum(axis=0)                    # (P,): μ was added to every row
dH = dF @ W.T                           # (n, P) (P, M) = (n, M), as H

# H = φ(Z): one number in, one number out, so the chain rule number by number
dZ = dH * (Z > 0)                       # (n, M); the slope of ReLU is 1 or 0

# Z = A U + B V
dU = A.T @ dZ                           # (P, n) (n, M) = (P, M), as U
dV = B.T @ dZ

gradient = {"U": dU, "V": dV, "W": dW, "mu": dmu}
for name, array in backward(dF).items():
    assert np.allclose(array, gradient[name])                       # network.py says the same
print(dU.round(3))

# %% [markdown]
# That is a whole backward pass. Three things to see:
#
# - Rows 1 and 2 of dU are zero. No example had the token 1 or 2 as its first input, so nothing is learned about them.
#   `A.T @ dZ` *sums the rows of dZ that belong to one token*. Token 0 comes twice, so its row is a sum of two.
# - Where a neuron is off (Z < 0), dZ is 0. It learns nothing from this example. In the last example all three are off,
#   so row 4 of dU, its token, is zero as well.
# - Backward, each matrix product costs two. This is why training costs about three times as much as answering.

# %%
assert not dU[[1, 2]].any() and np.allclose(dU[0], dZ[0] + dZ[1])
assert not dZ[Z < 0].any() and (Z[3] < 0).all() and not dU[4].any()

# %% [markdown]
# ## 5. Do not believe me
#
# A wrong gradient often still trains, only worse. So check it. Take a random direction D, walk a little step h along it
# and back, and compare:
#
# (loss(θ + h D) - loss(θ - h D)) / 2h  ≈  gradient · D
#
# Here θ is all parameters at once. One number checks all of them.

# %%
direction = {name: generator.standard_normal(X.shape) for name, X in network.arrays.items()}


def loss_at(h):
    """The loss after a step h along the direction."""
    moved = TwoLayerNet(*(X + h * direction[name] for name, X in network.arrays.items()))
    return loss_of(moved.forward(a, b)[0])


slope = sum((gradient[name] * direction[name]).sum() for name in gradient)
difference = (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5
print(f"gradient · D       {slope:.10f}")
print(f"finite difference  {difference:.10f}")

assert abs(slope - difference) < 1e-7 * abs(slope)

# %% [markdown]
# Why 1e-5? A large step is wrong because the loss is curved: that error falls as h². A small step is wrong because two
# almost equal numbers are subtracted, and only their last digits are left: that error *grows* as 1/h. Draw both, and
# you see the best step in the middle. The second curve is a gradient with a mistake in it: someone forgot the slope of
# φ.

# %%
forgot = gradient | {"U": A.T @ dH, "V": B.T @ dH}                  # without * (Z > 0)
wrong_slope = sum((forgot[name] * direction[name]).sum() for name in forgot)
steps = 10.0 ** np.arange(-12, 0.1, 0.5)
differences = np.array([(loss_at(h) - loss_at(-h)) / (2 * h) for h in steps])

figure, axis = plt.subplots(figsize=(8, 3.4))
axis.loglog(steps, np.abs(differences - slope), "o-", color=BLUE, markersize=4, label="our gradient")
axis.loglog(steps, np.abs(differences - wrong_slope), "s--", color=VERMILION, markersize=4, label="φ' forgotten")
axis.set(xlabel="step h", ylabel="| difference - gradient · D |")
figure.legend(loc="outside right center")
plt.show()

assert np.abs(differences - slope).min() < 1e-8 and np.abs(differences - wrong_slope).min() > 1e-3

# %% [markdown]
# A right gradient makes a V. A wrong one makes a flat line that no step can bring down.
#
# ## 6. From the page to the engine
#
# `network.py` makes one-hot matrices, and new memory for every line. For thousands of examples that is slow. What
# minimod trains with is `engine/gradient.py`. It is the same mathematics with three changes:
#
# 1. Examples are cut into *blocks* that fit into a core's cache. The gradient of all is the sum over blocks, since the
#    loss is a mean over examples.
# 2. Blocks are shared out among *threads*, and summed in a fixed order. So the result has the same bits for any number
#    of threads.
# 3. Memory is used again. dH lies where H was, dF where F was. `A.T @ dZ` is done with a sparse matrix: only sums, no
#    products with 0.
#
# We give a larger network to both. In 64-bit numbers they agree to the last digits or so.

# %%
from minimod import TwoLayerNet, make_rule
from minimod.data import make_dataset
from minimod.engine.backend import open_backend
from minimod.engine.gradient import Gradient, make_blocks

larger = TwoLayerNet.init(41, 512, dtype="float64")
pairs = make_dataset(make_rule("add", 41), noise_ratio=0.3).train

value, on_the_page = larger.gradient(pairs, "cross_entropy")        # network.py
results = {}
for threads in (1, 2):
    with open_backend("cpu", threads) as backend:
        blocks = make_blocks(pairs, larger, backend)
        engine_value, engine_gradient, _ = Gradient(larger, "cross_entropy", backend)(blocks)
        results[threads] = {name: array.copy() for name, array in engine_gradient.items()}

print(f"{len(pairs)} examples in {len(blocks)} blocks of at most {len(blocks[0].label)}")
print(f"loss  {value:.15f}  {engine_value:.15f}")
for name, array in on_the_page.items():
    error = np.abs(results[1][name] - array).max() / np.abs(array).max()
    print(f"{name:3} largest difference, over the largest entry: {error:.0e}")
    assert error < 1e-12
    assert np.array_equal(results[1][name], results[2][name])       # the same bits for one thread and for two

# %% [markdown]
# Now open [`engine/gradient.py`](../minimod/engine/gradient.py) and find `_add_block`. You know each of its lines: Z,
# H, F, dF, dW, dH, dZ, dU. The one thing to watch is *when an array is read for the last time*. After that, it is
# written over.
#
# ## 7. Your own activation
#
# An activation is a pair of functions, φ and its slope φ'. The backward pass asks for nothing else. They are an entry
# in a table, so you can add one. We try max(z, 0)², the square of the ReLU. Its slope is 2 max(z, 0).

# %%
from minimod.activations import ACTIVATIONS, Activation

ACTIVATIONS["squared_relu"] = Activation(
    lambda Z: np.maximum(Z, 0) ** 2,
    lambda Z: 2 * np.maximum(Z, 0),
)

z = np.linspace(-2, 2, 201)
figure, axes = plt.subplots(1, 2, figsize=(8, 3))
looks = {"relu": (BLACK, ":"), "quadratic": (ORANGE, "--"), "squared_relu": (BLUE, "-")}
for name, (color, line) in looks.items():
    phi = ACTIVATIONS[name]
    axes[0].plot(z, phi.value(z), line, color=color, label=name)
    axes[1].plot(z, phi.derivative(z).astype(float), line, color=color)
axes[0].set(xlabel="z", title="φ(z)")
axes[1].set(xlabel="z", title="its slope φ'(z)")
figure.legend(loc="outside lower center", ncols=3)
plt.show()

# %% [markdown]
# First the check, since you are the author now. Then train: all options of minimod know the new name. We ask for
# addition modulo 59, with half of the training labels wrong.

# %%
def check(activation, h=1e-5):
    """The slope along a random direction: by the backward pass, and by finite differences."""
    def moved(h):
        arrays = {name: X + h * direction[name] for name, X in network.arrays.items()}
        return TwoLayerNet(**arrays, activation=activation)

    F, backward = moved(0).forward(a, b)
    dF = (np.exp(F) / np.exp(F).sum(axis=1, keepdims=True) - np.eye(P)[label]) / n
    slope = sum((array * direction[name]).sum() for name, array in backward(dF).items())
    return slope, (loss_of(moved(h).forward(a, b)[0]) - loss_of(moved(-h).forward(a, b)[0])) / (2 * h)


slope, difference = check("squared_relu")
print(f"gradient · D {slope:.8f}   finite difference {difference:.8f}")
assert abs(slope - difference) < 1e-6 * abs(slope)

# %%
from minimod import TrainingConfig, train

runs = {}
for name in ("relu", "squared_relu"):
    runs[name] = train(TrainingConfig(modulus=59, width=512, noise_ratio=0.5, activation=name, epochs=150))

figure, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True)
curves = {"noisy_accuracy": ("wrong labels, learned by heart", ORANGE, "-"),
          "test_accuracy": ("test pairs", BLACK, ":"),
          "filtered_test_accuracy": ("test pairs, one frequency per neuron", GREEN, "--")}
for axis, (name, run) in zip(axes, runs.items(), strict=True):
    for column, (text, color, line) in curves.items():
        axis.plot(run.history["epoch"], run.history[column], line, color=color, label=text)
    axis.set(xlabel="epoch", title=name, ylim=(-0.03, 1.05))
axes[0].set_ylabel("accuracy")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()

for name, run in runs.items():
    last = {column: run.history[column][-1] for column in curves}
    print(f"{name:13} lies {last['noisy_accuracy']:.3f}   test {last['test_accuracy']:.3f}   "
          f"filtered {last['filtered_test_accuracy']:.3f}")
    assert last["noisy_accuracy"] > 0.95 and last["test_accuracy"] < 0.1 and last["filtered_test_accuracy"] > 0.9

# %% [markdown]
# Your activation, three lines long, was trained with, measured and filtered. Both networks learn the wrong labels by
# heart, and in both the rule is found by keeping one frequency per neuron. ([The first
# example](rule_in_a_memoriser.ipynb) is about that.)
#
# To keep it for good, put the entry into `minimod/activations.py`. The tests run over the table and will check its
# slope.
#
# ## Exercises
#
# **1. One matrix for both inputs.** A *tied* network has V = U. What is dU then? Say it before you look, and check it
# with `TwoLayerNet(U, U, W, mu)`.
#
# <details><summary>Solution</summary>
#
# Z = A U + B U = (A + B) U, so dU = (A + B)ᵀ dZ: the sum of both gradients. If a parameter is used twice, its gradients
# add up.
#
# ```python
# tied = TwoLayerNet(U, U, W, mu)
# F_tied, backward_tied = tied.forward(a, b)
# dF_tied = (np.exp(F_tied) / np.exp(F_tied).sum(axis=1, keepdims=True) - np.eye(P)[label]) / n
# dZ_tied = (dF_tied @ W.T) * ((A + B) @ U > 0)
# assert np.allclose(backward_tied(dF_tied)["U"], (A + B).T @ dZ_tied)
# assert "V" not in backward_tied(dF_tied)
# ```
#
# </details>
#
# **2. Another loss.** Take the mean squared error, the mean over all n P numbers of (F - Y)², where Y is one-hot. What
# is dF? Which other lines of the backward pass change?
#
# <details><summary>Solution</summary>
#
# dF = 2 (F - Y) / (n P), and no other line changes. The loss only speaks to the network through dF.
#
# ```python
# from minimod.losses import LOSSES
#
# dF_mse = 2 * (F - np.eye(P)[label]) / (n * P)
# value_mse, dF_theirs = LOSSES["mse"](F, label)
# assert np.allclose(dF_mse, dF_theirs) and np.isclose(value_mse, ((F - np.eye(P)[label]) ** 2).mean())
# ```
#
# </details>
#
# **3. The absolute value.** Add φ(z) = |z| to the table. Check it, and train with it as above. Before you look: |z| =
# relu(z) + relu(-z) is even, as z² is. Does it find the rule?
#
# <details><summary>Solution</summary>
#
# ```python
# ACTIVATIONS["abs"] = Activation(np.abs, np.sign)
# slope, difference = check("abs")
# assert abs(slope - difference) < 1e-6 * abs(slope)
# even = train(TrainingConfig(modulus=59, width=512, noise_ratio=0.5, activation="abs", epochs=150))
# print({name: f"{even.history[name][-1]:.3f}" for name in curves})
# assert even.history["noisy_accuracy"][-1] > 0.95 and even.history["filtered_test_accuracy"][-1] > 0.9
# ```
#
# It does. Note that 2 relu(z) = |z| + z. The part z is a sum of something of a and something of b, so it knows nothing
# of a + b. All that a ReLU knows of the rule, it knows by |z|.
#
# </details>
