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
# # The rule inside a network that memorised
#
# A network learns addition modulo 97. We lie to it: three of four training answers are wrong. It learns every lie by
# heart, and fails on every new question. And yet the rule is inside. We find it with a Fourier transform, and then we
# try to prove ourselves wrong.
#
# This is the story of Liu & Lu, [arXiv 2605.18022](https://arxiv.org/abs/2605.18022), told small. You need to know what
# a neural network is and what a cosine is. Every claim in the text is an `assert` in the code.

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
# ## 1. Train on lies
#
# The task is `a + b mod 97`. There are 97² pairs. The network sees 80 % of them, and of what it sees, 75 % have a wrong
# answer, drawn at random. The rest is held out with its true answers: half for validation, half for the test.
#
# The network has one hidden layer, f(a, b) = W φ(U e_a + V e_b) + μ. Here e_a is one-hot: 1 in place a, 0 elsewhere. So
# row a of U is simply looked up, row b of V is added to it, φ is a ReLU, and W says what that means for the 97 classes.

# %%
from minimod import TrainingConfig, train

config = TrainingConfig(rule="add", modulus=97, width=1024, noise_ratio=0.75, epochs=80)
run = train(config)
run

# %% [markdown]
# A run shows itself in a notebook: what it learned in words, and its curves. Follow three of them.
#
# - *Corrupted training labels* go to 1: all lies are learned by heart.
# - *Test pairs* stay at the bottom: the network is no better than chance, which is 1 in 97.
# - *Test pairs, filtered* rise first. What that is, we build by hand below.

# %%
last = {name: column[-1] for name, column in run.history.items()}
for name in ("clean_accuracy", "noisy_accuracy", "test_accuracy"):
    print(f"{name:15} {last[name]:.3f}")

assert last["clean_accuracy"] > 0.99 and last["noisy_accuracy"] > 0.99      # it has memorised all
assert last["test_accuracy"] < 0.03                                         # and answers nothing

# %% [markdown]
# By the usual test this network has learned nothing but its training set.
#
# ## 2. Look at a neuron
#
# Neuron m owns three vectors of 97 numbers: u is column m of U, v is column m of V, and w is row m of W. They say how
# it reacts to each first input, to each second input, and what it says to each class.
#
# Why a Fourier transform? Addition modulo 97 walks around a circle. Cosines are the functions that a circle likes:
# moved by a step, a cosine of frequency k is still a cosine of frequency k. A neuron that has understood addition
# should look like cosines, all three of one frequency. Let us look at the neuron in which one frequency stands out
# most.

# %%
def spectra(network):
    """The Fourier coefficients of u, v and w of every neuron, of shape (3, 49, 1024)."""
    weights = np.stack([network.U, network.V, network.W.T])         # (3, 97, 1024)
    return np.fft.rfft(weights, axis=1)


def shares(network):
    """The share of each frequency k = 1 .. 48 in the power of u, v and w, of shape (3, 48, 1024)."""
    power = np.abs(spectra(network)[:, 1:]) ** 2                    # without k = 0, the mean
    return power / power.sum(axis=1, keepdims=True)


share = shares(run.network)
best = share.sum(axis=0).max(axis=0).argmax()                       # the neuron that is most like one frequency
k = 1 + share[:, :, best].sum(axis=0).argmax()

kept = np.zeros(49, complex)
kept[k] = np.fft.rfft(run.network.U[:, best])[k]                    # this frequency alone
a = np.arange(97)

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3))
left.plot(a, run.network.U[:, best], ".-", color=BLUE, linewidth=0.6)
left.set(xlabel="first input a", ylabel="u(a)", title=f"u of neuron {best}")
middle.plot(k * a % 97, run.network.U[:, best], ".", color=BLUE)
order = np.argsort(k * a % 97)
middle.plot(np.arange(97), np.fft.irfft(kept, n=97)[order], color=VERMILION, label=f"frequency {k} alone")
middle.set(xlabel=f"{k} a mod 97", title="the same, in another order", ylim=(-0.5, 0.6))
middle.legend(loc="upper center")
right.bar(np.arange(1, 49), share[0, :, best], color=BLUE)
right.bar(k, share[0, k - 1, best], color=VERMILION)
right.set(xlabel="frequency", ylabel="share of the power", title="its spectrum")
plt.show()

# %% [markdown]
# On the left it looks like noise. In the middle are the same 97 numbers, put in the order in which a cosine of this one
# frequency goes once up and down: a cosine is in there, under a lot else. (The network was asked for lies, too.) That
# is the *best* of all neurons.
#
# And the other 1023? We take the largest frequency of each neuron, and ask what share of its power that has. The same
# for the network before training, whose weights are pure noise: a control that costs one line.

# %%
from minimod import TwoLayerNet

untrained = TwoLayerNet.init(config.modulus, config.width, config.seed)


def dominant_frequency(network):
    """The frequency of each neuron with the largest share, summed over u, v and w, of shape (1024,)."""
    return 1 + shares(network).sum(axis=0).argmax(axis=0)


def dominant_share(network):
    """The mean share that this frequency has in u, v and w, of shape (1024,)."""
    return shares(network).mean(axis=0).max(axis=0)


for name, network in {"before training": untrained, "trained": run.network}.items():
    print(f"{name:16} median share of the dominant frequency {np.median(dominant_share(network)):.3f}")

assert np.median(dominant_share(run.network)) < 1.3 * np.median(dominant_share(untrained))

# %% [markdown]
# So the typical neuron is *not* a clean cosine. Its largest frequency has about a twentieth of its power, hardly more
# than in noise. You could look at plots of weights for a day and see nothing.
#
# ## 3. Keep one frequency
#
# We do it anyway. For each neuron, keep its dominant frequency in u, v and w. Throw the rest away, more than nine
# tenths of all power. No gradient, no label, no new training. This is *frequency filtration*, and it is six lines.

# %%
from dataclasses import replace


def keep(network, frequency):
    """The network with one frequency left of each neuron, and no bias μ."""
    kept = np.arange(49)[:, None] == frequency                      # (49, 1024), one True a column
    u, v, w = np.fft.irfft(np.where(kept, spectra(network), 0), n=97, axis=1)
    return replace(network, U=u, V=v, W=w.T, mu=np.zeros(97))


dominant = keep(run.network, dominant_frequency(run.network))


def accuracy(network, pairs, label):
    """The share of pairs for which the network answers this label."""
    return (network.logits(pairs.a, pairs.b).argmax(axis=1) == label).mean()


test, lies = run.dataset.test, run.dataset.train[run.dataset.train.is_noisy]
for name, network in {"raw": run.network, "dominant": dominant}.items():
    print(f"{name:9} test {accuracy(network, test, test.label):.3f}   "
          f"lies told again {accuracy(network, lies, lies.label):.3f}   "
          f"lies put right {accuracy(network, lies, lies.true_label):.3f}")

assert accuracy(dominant, test, test.label) > 0.95
assert accuracy(dominant, lies, lies.true_label) > 0.95 and accuracy(dominant, lies, lies.label) < 0.02

# %% [markdown]
# Read the second line slowly. The filtered network answers nearly all test pairs, which no network has ever seen. And
# for the pairs it was lied about, it gives the *true* answer, although training insisted on the false one.
#
# minimod has this as `filter_frequencies`. It gives the same network, and also the *residual*: all that was thrown
# away.

# %%
from minimod import filter_frequencies

theirs, residual = filter_frequencies(run.network, run.dataset.rule)
assert np.allclose(theirs.U, dominant.U, atol=1e-5) and np.allclose(theirs.W, dominant.W, atol=1e-5)

# %% [markdown]
# Here is the whole story in one picture. Each panel has all pairs: row a, column b, and a colour for the answer. The
# colours go around a circle as the answers do. What was held out is white in the second panel.

# %%
P = 97
shown = np.full((P, P), np.nan)
shown[run.dataset.train.a, run.dataset.train.b] = run.dataset.train.label
a, b = np.divmod(np.arange(P * P), P)
panels = {
    "the rule": run.dataset.rule.label_table,
    "what it was shown": shown,
    "what it answers": run.network.logits(a, b).argmax(axis=1).reshape(P, P),
    "what it answers, filtered": dominant.logits(a, b).argmax(axis=1).reshape(P, P),
}
figure, axes = plt.subplots(1, 4, figsize=(12, 3.6), sharey=True)
for panel, (title, table) in zip(axes, panels.items(), strict=True):
    image = panel.imshow(table, cmap="twilight", vmin=0, vmax=P, interpolation="nearest")
    panel.set(title=title, xlabel="b", xticks=[0, 48, 96], yticks=[0, 48, 96])
axes[0].set_ylabel("a")
figure.colorbar(image, ax=axes, label="answer", ticks=[0, 48, 96], shrink=0.8)
plt.show()

# %% [markdown]
# ## 4. Why it works: phases
#
# Suppose a neuron is ideal: u(a) = cos(2πka/P + φ_a), v(b) = cos(2πkb/P + φ_b), w(c) = cos(2πkc/P + φ_c). Add up many
# of them. They help the right answer c = a + b only if their phases agree: φ_a + φ_b = φ_c. Otherwise each pulls
# elsewhere, and the sum is nothing.
#
# So the place to look is not *how large* a frequency is, but *how it is turned*. We compare φ_a + φ_b with φ_c.

# %%
def phase_error(network):
    """φ_a + φ_b - φ_c of each neuron at its dominant frequency, in -π .. π, of shape (1024,)."""
    neurons = np.arange(network.width)
    u, v, w = spectra(network)[:, dominant_frequency(network), neurons]
    return np.angle(u * v * np.conj(w))


bins = np.linspace(-np.pi, np.pi, 49).tolist()
figure, axis = plt.subplots(figsize=(7, 3))
axis.hist(phase_error(untrained), bins, histtype="step", color=BLACK, label="before training")
axis.hist(phase_error(run.network), bins, color=BLUE, alpha=0.8, label="trained")
axis.set_xticks([-np.pi, 0, np.pi], ["-π", "0: ideal", "π"])
axis.set(xlabel=r"phase error $\varphi_a + \varphi_b - \varphi_c$", ylabel="neurons", xlim=(-np.pi, np.pi))
axis.margins(y=0.3)
axis.legend(loc="upper right")
plt.show()

errors = {name: np.sqrt(np.mean(phase_error(each) ** 2)) for name, each in
          {"before training": untrained, "trained": run.network}.items()}
print(*(f"{name}: {error:.2f} rad" for name, error in errors.items()), sep="\n")
assert errors["trained"] < 0.65 * errors["before training"]

# %% [markdown]
# This is what training has changed. Before it, all errors are equally common. After it, they crowd around 0. The sizes
# of the frequencies hardly moved, but the phases did, and a thousand neurons vote.
#
# ## 5. Swap the activation
#
# If the rule really is cosines with matching phases, then it is not about the ReLU. Take the filtered network and put
# another φ into it, one that it was never trained with: the square. For the square we can even compute what happens:
#
# $(\cos x + \cos y)^2 = \cos^2 x + \cos^2 y + 2 \cos x \cos y$, and $2 \cos x \cos y = \cos(x + y) + \cos(x - y)$.
#
# The cosine of x + y is the one that knows about a + b. The other terms average out over neurons.

# %%
swapped = {
    "raw": run.network, "raw, z²": replace(run.network, activation="quadratic"),
    "dominant": dominant, "dominant, z²": replace(dominant, activation="quadratic"),
    "dominant, max(-z, 0)": replace(dominant, activation="reverse_relu"),
}
for name, network in swapped.items():
    print(f"{name:21} test {accuracy(network, test, test.label):.3f}")

assert accuracy(swapped["dominant, z²"], test, test.label) > 0.99
assert accuracy(swapped["dominant, max(-z, 0)"], test, test.label) > 0.95
assert accuracy(swapped["raw, z²"], test, test.label) < 0.05

# %% [markdown]
# It works with the square, and even with the ReLU turned backwards. The swap alone does nothing for the raw network.
#
# ## 6. Try to prove yourself wrong
#
# A nice result is the time to be suspicious. Filtering uses that we *know* the rule: it works in cosines. Perhaps the
# filter puts in what it claims to find? Four controls.
#
# 1. **A random frequency** for each neuron, in place of its dominant one.
# 2. **The residual**: all but the dominant frequency. Does it know the lies?
# 3. **The untrained network, filtered** in the same way.
# 4. **The untrained network, idealised**: the phases are also moved to where they ought to be.

# %%
from minimod.analysis.structure import Structure

generator = np.random.default_rng(0)
rule = run.dataset.rule
controls = {
    "raw": run.network,
    "dominant": dominant,
    "random frequency": keep(run.network, generator.integers(1, 49, run.network.width)),
    "residual": residual,
    "untrained, dominant": keep(untrained, dominant_frequency(untrained)),
    "untrained, ideal": Structure(untrained, rule).ideal.network,
}
tests = {name: accuracy(network, test, test.label) for name, network in controls.items()}
told = {name: accuracy(network, lies, lies.label) for name, network in controls.items()}

figure, axis = plt.subplots(figsize=(8, 3.6))
rows = np.arange(len(controls))
for offset, values, color, label in ((-0.2, tests, GREEN, "test pairs: the true answer"),
                                     (0.2, told, ORANGE, "corrupted pairs: the lie")):
    bars = axis.barh(rows + offset, list(values.values()), height=0.38, color=color, label=label)
    axis.bar_label(bars, [f"{value:.3f}" for value in values.values()], padding=3, fontsize=9)
axis.set_yticks(rows, list(controls))
axis.invert_yaxis()
axis.set(xlabel="accuracy", xlim=(0, 1.1))
figure.legend(loc="outside lower center", ncols=2)
plt.show()

assert 0.1 < tests["random frequency"] < 0.5 < tests["dominant"]
assert told["residual"] > 0.95 and tests["residual"] < 0.03
assert tests["untrained, dominant"] < 0.05
assert tests["untrained, ideal"] > 0.99

# %% [markdown]
# What they say:
#
# - The **residual** knows the lies and not the rule. The dominant part knows the rule and not the lies. That is a
#   split.
# - The **untrained network, filtered**, answers nothing. So the filter alone does not put the rule in.
# - A **random frequency** does far better than chance, though far worse than the dominant one. So the rule is *not
#   only* in the dominant frequencies. It is a little in all of them. Be careful with "this neuron computes frequency
#   5".
# - The **untrained network, idealised**, answers everything! There we moved the phases by hand, so we put the rule in
#   ourselves. If you had run only this analysis on your trained network, you would have published nonsense. An analysis
#   that knows the answer needs a control that does not.
#
# ## 7. Who was first?
#
# The history has, for every epoch that was measured, what the filtered network answers.

# %%
def first_epoch(name, threshold=0.9):
    """The first measured epoch at which an accuracy is past a threshold."""
    return int(run.history["epoch"][run.history[name] > threshold][0])


print("filtered network answers 90 % of the test pairs after epoch", first_epoch("filtered_test_accuracy"))
print("network tells 90 % of the lies again after epoch           ", first_epoch("noisy_accuracy"))
assert first_epoch("filtered_test_accuracy") < first_epoch("noisy_accuracy")

# %% [markdown]
# The rule was there *before* the lies were learned by heart. Memorising did not erase it. It only talks louder.
#
# ## Exercises
#
# **1. Two frequencies.** Keep the two, three, five, ten largest frequencies of each neuron. You throw less away. Does
# the network answer better or worse? When do the lies come back?
#
# <details><summary>Solution</summary>
#
# ```python
# def keep_largest(network, n):
#     order = np.argsort(-shares(network).sum(axis=0), axis=0)       # (48, 1024), the largest first
#     kept = np.zeros((49, network.width), bool)
#     np.put_along_axis(kept, 1 + order[:n], True, axis=0)
#     u, v, w = np.fft.irfft(np.where(kept, spectra(network), 0), n=97, axis=1)
#     return replace(network, U=u, V=v, W=w.T, mu=np.zeros(97))
#
#
# kept_test, kept_lies = {}, {}
# for n in (1, 2, 3, 5, 10, 20, 48):
#     network = keep_largest(run.network, n)
#     kept_test[n], kept_lies[n] = accuracy(network, test, test.label), accuracy(network, lies, lies.label)
#     print(f"{n:2} frequencies: test {kept_test[n]:.3f}, lies told again {kept_lies[n]:.3f}")
# assert kept_test[2] < kept_test[1] and kept_test[10] < 0.1 and kept_lies[48] > 0.9
# ```
#
# It gets worse at once, and the lies come back only when nearly all frequencies are there. Is the second frequency bad?
# No: alone, it answers nearly as well as the first. Together they suffer, because two cosines of one neuron are under
# one φ, which mixes them. Give each frequency a neuron of its own, which is to add up logits, and all is well:
#
# ```python
# order = 1 + np.argsort(-shares(run.network).sum(axis=0), axis=0)
# second = keep(run.network, order[1])
# print(f"second alone: test {accuracy(second, test, test.label):.3f}")
# assert accuracy(second, test, test.label) > 0.9
#
# for n in (2, 48):
#     apart = [keep(run.network, order[i]) for i in range(n)]
#     answers = {part: sum(network.logits(part.a, part.b) for network in apart).argmax(axis=1) for part in (test, lies)}
#     kept_test[n], kept_lies[n] = ((answers[part] == part.label).mean() for part in (test, lies))
#     print(f"{n:2} apart: test {kept_test[n]:.3f}, lies told again {kept_lies[n]:.3f}")
# assert min(kept_test[2], kept_test[48]) > 0.98 and kept_lies[48] < 0.02
# ```
#
# With all 48 apart, nothing but means and μ is thrown away, and still the rule is answered and every lie is forgotten.
# So the lies are not in this or that frequency. They live in the mixtures that φ makes of many. The rule needs one.
#
# </details>
#
# **2. More lies.** Train with `noise_ratio=0.9`. What does the filtered network answer, with the ReLU and with the
# square? Does the untrained control still answer nothing?
#
# <details><summary>Solution</summary>
#
# ```python
# harder = train(config.changed(noise_ratio=0.9))
# filtered = keep(harder.network, dominant_frequency(harder.network))
# hard_test = harder.dataset.test
# hard = accuracy(filtered, hard_test, hard_test.label)
# hard_square = accuracy(replace(filtered, activation="quadratic"), hard_test, hard_test.label)
# print(f"ReLU {hard:.3f}, square {hard_square:.3f}")
# assert 0.1 < hard < hard_square
# ```
#
# The test pairs are the same, since the split has its own stream of random numbers. The rule is fainter now, and the
# square reads it better: of a sum of two cosines it makes just cos(x + y), cos(x - y) and terms of one input, while the
# ReLU also makes higher harmonics. The untrained control has not changed at all: it has never seen a label.
#
# </details>
#
# **3. No knowledge of cosines.** Filtration knows that addition is cosines. Here is a readout that knows only that
# there are two inputs: from the logits of all pairs, `F = run.network.grid_logits()` of shape (a, b, class), take away
# for every class the mean over its row and over its column. Try it where there are fewer lies, and less weight decay:
# `TrainingConfig(modulus=59, width=512, noise_ratio=0.3, optimizer="adam", weight_decay=1e-4, epochs=480)`. Compare the
# test accuracy before and after.
#
# <details><summary>Solution</summary>
#
# ```python
# def before_and_after(run):
#     F, test = run.network.grid_logits(), run.dataset.test
#     interaction = F - F.mean(axis=0, keepdims=True) - F.mean(axis=1, keepdims=True)
#     return [(X[test.a, test.b].argmax(axis=1) == test.label).mean() for X in (F, interaction)]
#
#
# milder = train(TrainingConfig(
#     modulus=59, width=512, noise_ratio=0.3, optimizer="adam", weight_decay=1e-4, epochs=480
# ))
# for name, each in {"fewer lies": milder, "this page": run}.items():
#     print(name, *(f"{share:.3f}" for share in before_and_after(each)))
# assert before_and_after(milder)[0] < 0.7 and before_and_after(milder)[1] > 0.95
# assert before_and_after(run)[1] < 0.05
# ```
#
# What a row or a column says as a whole is an opinion about one input. The rule needs both, so it loses nothing, while
# a good part of the noise goes. It has its limits: on the network of this page, it finds next to nothing. minimod has
# it as the method `interaction` of `analyze`, and in `minimod.readout`.
#
# </details>
