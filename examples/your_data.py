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
# # Your data
#
# Bring your own pairs, your own group, your own network. We begin with a CSV file of words, some of them wrong and many
# missing, and find the rule behind it. Then we train on it, and ask which labels are wrong. Then we bring a group by
# its name and by its table, and at last a network that was trained in PyTorch.
#
# You need to know what a CSV file is. Where groups come in, a line says what is needed. Every claim in the text is an
# `assert` in the code.

# %%
# On a fresh hosted notebook (Colab, Kaggle), first install minimod: remove the
# first # of the next line, and write the owner of this repository for OWNER.
# %pip install -q git+https://github.com/OWNER/minimod

import csv
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minimod
from minimod.engine.device import machine
from minimod.report.style import BLACK, GREEN, ORANGE, STYLE

plt.style.use(STYLE)           # colours that colour-blind people can tell apart
print(f"minimod {minimod.__version__} on {machine()}")

folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
os.chdir(folder.name)           # all that is written below goes there

# %% [markdown]
# ## 1. Pairs of your own
#
# Our data are from music. There are twelve notes, 0 to 11. You can *transpose* a melody: T3 moves each note up by 3.
# You can turn it upside *down*: I5 makes a note x the note 5 - x. Do one and then another, and the result is again one
# of these 24 moves. Composers of the last century worked with them.
#
# We write a file as you might have it from a forgetful student. Row `a,b,label`: first do b, then a, and the label is
# what they do together. Three of ten pairs are missing, and of the others every fifth or so is wrong.

# %%
moves = [f"T{i}" for i in range(12)] + [f"I{i}" for i in range(12)]


def together(a, b):
    """The move that does b first and then a, for moves by their numbers 0 .. 23."""
    turns = (a >= 12) != (b >= 12)
    step = np.where(a >= 12, a - b, a + b) % 12
    return step + 12 * turns


generator = np.random.default_rng(0)
a, b = np.divmod(np.arange(24 * 24), 24)
truth = together(a, b)
label = np.where(generator.random(len(a)) < 0.25, generator.integers(24, size=len(a)), truth)
part = np.where(generator.random(len(a)) < 0.1, "test", "train")
there = generator.random(len(a)) > 0.3

with open("moves.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["a", "b", "label", "part"])
    for i in np.flatnonzero(there):
        writer.writerow([moves[a[i]], moves[b[i]], moves[label[i]], part[i]])

with open("moves.csv") as file:
    print("".join(file.readlines()[:5]))
print(f"{there.sum()} of {len(a)} pairs, {(label != truth)[there].sum()} of them wrong")

assert together(3, 17) == 20                    # T3 after I5: x -> 5 - x -> 8 - x, which is I8
assert 0.15 < (label != truth)[there].mean() < 0.3

# %% [markdown]
# `load_pairs` reads such a file. Tokens may be any words. It gives the words in order, and the pairs as numbers: a, b,
# label, true label (-1: not known) and part (0: train, 1: validation, 2: test).

# %%
from minimod.exchange.pairs import load_pairs

pairs, words = load_pairs(Path("moves.csv"))
print(words)
print(pairs[:3])

number = {word: i for i, word in enumerate(words)}
to_words = np.array([number[move] for move in moves])               # our numbers -> numbers of the sorted words
table = np.empty((24, 24), int)
table[to_words[a], to_words[b]] = to_words[truth]                   # the truth, for us to judge by; minimod is not told
true_label = table[pairs[:, 0], pairs[:, 1]]

# %% [markdown]
# ## 2. Is there a rule?
#
# `discover` looks for a *group* in the labels. A group is a set of moves that can be done one after the other and
# undone. It is not told which group, nor which word is which move. It uses no network. On the command line this is
# `minimod discover moves.csv`.

# %%
from minimod import discover

found = discover(*pairs[:, :3].T)
print(f"group {found.group}, it agrees with {found.agreement:.0%} of the labels; "
      f"by chance at most {found.chance:.0%} are expected")
print("the probability of that by chance is", "below 1e-100" if found.p_value < 1e-100 else found.p_value)

assert found.group == "D12" and found.p_value < 1e-100
assert np.array_equal(found.table, table)                           # the whole table, with every missing pair
assert np.array_equal(found.wrong, pairs[:, 2] != true_label)       # and just the wrong labels disagree

# %% [markdown]
# D12 is the group of a clock face that may also be turned over: the right one. The table is complete, the missing pairs
# are filled in, and what disagrees with it are exactly the wrong labels. Here are three of them, and the picture.

# %%
for x, y, said in pairs[found.wrong][:3, :3]:
    print(f"{words[x]} after {words[y]}: the file says {words[said]}, it should be {words[found.table[x, y]]}")

given = np.full((24, 24), np.nan)
given[pairs[:, 0], pairs[:, 1]] = pairs[:, 2]
in_order = np.ix_(to_words, to_words)                               # T0 .. T11, I0 .. I11 in place of the alphabet
place = np.argsort(to_words)
figure, axes = plt.subplots(1, 2, figsize=(9, 4.4), sharey=True)
for axis, shown, title in ((axes[0], given[in_order], "what the file says (dots: wrong)"),
                           (axes[1], found.table[in_order].astype(float), "what was found")):
    known = np.isfinite(shown)
    shown[known] = place[shown[known].astype(int)]
    image = axis.imshow(shown, cmap="viridis", interpolation="nearest")
    axis.set_xticks([0, 6, 12, 18], ["T0", "T6", "I0", "I6"])
    axis.set_yticks([0, 6, 12, 18], ["T0", "T6", "I0", "I6"])
    axis.set(title=title, xlabel="b, done first")
wrong_a, wrong_b = place[pairs[found.wrong, :2]].T
axes[0].plot(wrong_b, wrong_a, "o", color="white", markeredgecolor=BLACK, markersize=4)
axes[0].set_ylabel("a, done then")
bar = figure.colorbar(image, ax=axes, shrink=0.8)
bar.set_ticks([0, 6, 12, 18], labels=["T0", "T6", "I0", "I6"])
plt.show()

# %% [markdown]
# Would it find a group in anything? The control: the same labels, shuffled.

# %%
shuffled = discover(pairs[:, 0], pairs[:, 1], generator.permutation(pairs[:, 2]), max_starts=500)
print("shuffled labels: group", shuffled.group, "after", shuffled.starts, "starts")
assert shuffled.group is None and shuffled.p_value == 1

# %% [markdown]
# ## 3. Train on it, and ask which labels are wrong
#
# Suppose that the rule were no group, so that `discover` could not help. Train a network on the pairs. On the command
# line: `minimod train runs/moves --pairs moves.csv --width 512 ...`, then `minimod detect runs/moves`.

# %%
from minimod import TrainingConfig, UserData, detect, train

config = TrainingConfig(
    modulus=len(words), width=512, optimizer="adam", weight_decay=1e-4, epochs=480, record=True
).on_pairs(pairs)
run = train(config, data=UserData(pairs=pairs, tokens=words))
run

# %% [markdown]
# It fits all labels, the wrong ones too: it was not told which they are. Now `detect` gives each label a score by
# several detectors, the higher the more suspicious. None of them knows the rule. The true labels are not known, so
# minimod says nothing of how good they are. But we do know them, and may judge: AUROC is the chance that a wrong label
# has a higher score than a right one. 0.5 is guessing.

# %%
from minimod.analysis.detectors import auroc

assert run.history["train_accuracy"][-1] > 0.99

scores = detect(run)
is_wrong = scores["label"] != table[scores["a"], scores["b"]]
judged = {name: auroc(score, is_wrong) for name, score in scores["scores"].items()}

figure, axis = plt.subplots(figsize=(8, 3.4))
rows = np.arange(len(judged))
bars = axis.barh(rows, list(judged.values()), color=[GREEN if value > 0.5 else ORANGE for value in judged.values()])
background = {"facecolor": "white", "edgecolor": "none", "pad": 1}
axis.bar_label(bars, [f"{value:.2f}" for value in judged.values()], padding=5, fontsize=9, bbox=background)
axis.axvline(0.5, color=BLACK, linestyle=":", linewidth=1)
axis.set_yticks(rows, [f"{name}  [{scores['needs'][name]}]" for name in judged], fontsize=9)
axis.invert_yaxis()
axis.set(xlabel="AUROC (0.5: guessing)", xlim=(0, 1.1), title="In brackets: what a detector looks at")
plt.show()

assert judged["interaction"] > 0.95 and 0.35 < judged["random"] < 0.65
assert judged["collisions"] > 0.7
assert max(judged[name] for name in ("aum", "cartography", "half-fitted loss")) < 0.5

# %% [markdown]
# Two lessons. The *interaction* of the network, that is its logits without what a row or a column says as a whole,
# finds nearly all. And three popular detectors that watch the course of training are worse than guessing! They assume
# that wrong labels are learned last. Here they are learned first. Before you trust a detector, plant some wrong labels
# and see.
#
# These are the five most suspicious labels by the interaction:

# %%
for i in np.argsort(-scores["scores"]["interaction"])[:5]:
    x, y, said = (scores[name][i] for name in ("a", "b", "label"))
    print(f"{words[x]:3} after {words[y]:3} = {words[said]:3}  {'wrong' if is_wrong[i] else 'right'}")

top = np.argsort(-scores["scores"]["interaction"])[: is_wrong.sum()]
print(f"of as many labels as are wrong, the most suspicious ones: {is_wrong[top].mean():.0%} are wrong")
assert is_wrong[top].mean() > 0.75

# %% [markdown]
# ## 4. A group of your own
#
# By its name: `rule="D12"`, or Z12, Q8, S4, A5, Z7:Z3, Z2xS4 and more. The filter keeps one *component* of each neuron,
# which is what a frequency is for a group: the functions that belong to one irreducible representation. We make half of
# the labels wrong.

# %%
from minimod import analyze

named = train(TrainingConfig(rule="D12", noise_ratio=0.5, width=512, epochs=200))
named_rows = analyze(named)["methods"]
for name in ("raw", "dominant", "dominant+quadratic", "rank one+quadratic", "random frequency"):
    print(f"{name:20} test {named_rows[name]['test']:.3f}   noisy {named_rows[name]['noisy']:.3f}")

assert named_rows["raw"]["noisy"] > 0.99 and named_rows["raw"]["test"] < 0.15
assert named_rows["rank one+quadratic"]["test"] > named_rows["random frequency"]["test"] + 0.2

# %% [markdown]
# (`rank one` keeps the best rank-one part of a component, where representations are matrices; `random frequency` is the
# control, a random component.)
#
# By its table: any CSV or npy file of P × P labels, as `rule="table:FILE"`. minimod looks whether it is a group.
# `make_rule` says so without training, and `minimod group table:FILE` on the command line says more.

# %%
from minimod import make_rule
from minimod.groups.rules import kind_of

x = np.arange(7)
tables = {
    "moves": table,
    "a - b mod 7": np.subtract.outer(x, x) % 7,
    "the larger one": np.maximum.outer(x, x),
}
for name, each in tables.items():
    np.savetxt("table.csv", each, "%d", delimiter=",")
    print(f"{name:15} is {kind_of(make_rule('table:table.csv', table=each))}")

np.savetxt("moves_table.csv", table, "%d", delimiter=",")
own = train(TrainingConfig(rule="table:moves_table.csv", noise_ratio=0.5, width=512, epochs=200))
own_rows = analyze(own)["methods"]
print(f"\nfrom the table: rank one+quadratic, test {own_rows['rank one+quadratic']['test']:.3f}")
assert own_rows["rank one+quadratic"]["test"] > own_rows["random frequency"]["test"] + 0.2

# %% [markdown]
# Nobody told the second network which row of the table is which element. The analysis finds the representations from
# the table itself.
#
# ## 5. A network from PyTorch
#
# Suppose you have trained this in PyTorch (you need not run it here):
#
# ```python
# model = torch.nn.Sequential(torch.nn.Linear(2 * 23, 512), torch.nn.ReLU(), torch.nn.Linear(512, 23))
# ...                     # train it on one-hot a beside one-hot b
# arrays = {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}
# np.savez("theirs.npz", **arrays)
# ```
#
# (minimod reads `.safetensors` and, with torch installed, `.pth` files too.) To have a file, we put a network that
# minimod trained into PyTorch's layout. There, weights are (out, in), and the two inputs lie side by side.

# %%
P = 23
teacher = train(TrainingConfig(modulus=P, width=512, noise_ratio=0.3, epochs=150)).network
state_dict = {
    "0.weight": np.concatenate([teacher.U, teacher.V]).T,           # (M, 2P)
    "0.bias": generator.normal(0, 0.01, teacher.width).astype("float32"),
    "2.weight": teacher.W.T,                                        # (P, M)
    "2.bias": teacher.mu,
}
np.savez("theirs.npz", **state_dict)
for name, array in state_dict.items():
    print(f"{name:9} {array.shape}")

# %% [markdown]
# The command is `minimod import theirs.npz runs/theirs --rule add --modulus 23`. In Python:

# %%
from minimod import import_network

theirs, lines = import_network("theirs.npz", "theirs", rule="add", modulus=P)
print("\n".join(lines))

# %% [markdown]
# It tells what it took for what. minimod's network has no hidden bias, so half of theirs went into U and half into V.
# Every hidden neuron adds up one row of each, so nothing changes. Check it: compute their formula by hand, and compare.

# %%
first, second = (np.array(each) for each in ([3, 5, 22], [4, 6, 1]))
one_hot = np.concatenate([np.eye(P)[first], np.eye(P)[second]], axis=1)                     # (3, 2P)
hidden = np.maximum(one_hot @ state_dict["0.weight"].T + state_dict["0.bias"], 0)
by_hand = hidden @ state_dict["2.weight"].T + state_dict["2.bias"]
assert np.allclose(by_hand, theirs.network.logits(first, second), atol=1e-4)

rows_of_theirs = analyze(theirs)["methods"]
for name in ("raw", "dominant", "residual"):
    print(f"{name:9} test {rows_of_theirs[name]['test']:.3f}")
assert rows_of_theirs["dominant"]["test"] > 0.9

# %% [markdown]
# From here on it is a run like any other: filter it, look at its phases, ask `detect`. Which pairs it was trained on,
# no file tells. If you know it, give the CSV as `pairs="pairs.csv"`. Without, pairs are split as minimod would do it,
# and "test" may have pairs that it has seen.
#
# ## Exercises
#
# **1. How little is enough?** Take only 60 of the pairs, with their true labels, and give them to `discover`. Does it
# still find the whole table? And with 30?
#
# <details><summary>Solution</summary>
#
# ```python
# for n in (60, 30):
#     few = np.random.default_rng(1).permutation(len(pairs))[:n]
#     guess = discover(pairs[few, 0], pairs[few, 1], true_label[few], n_tokens=24, max_starts=500)
#     print(f"{n} pairs: group {guess.group}, by chance {guess.p_value:.0e}")
#     assert np.array_equal(guess.table, table) == (n == 60)
# ```
#
# 60 pairs, a tenth of the table, are enough for all 576. With 30 nothing is found: there may be a table that agrees
# with them, but one that agrees by chance could not be told from it.
#
# </details>
#
# **2. A game.** In rock-paper-scissors the winner of two hands is a rule on three tokens. Write its table. What kind is
# it? Can `discover` find it?
#
# <details><summary>Solution</summary>
#
# ```python
# game = np.array([[0, 1, 0], [1, 1, 2], [0, 2, 2]])      # rock 0, paper 1, scissors 2
# print(kind_of(make_rule("table:game.csv", table=game)))
# assert kind_of(make_rule("table:game.csv", table=game)) == "neither a group nor a Latin square"
# one, two = np.divmod(np.arange(9), 3)
# assert discover(one, two, game.ravel(), max_starts=500).group is None
# ```
#
# It is no group: nothing can be undone. "Paper" after "rock" and "paper" after "paper" are both paper, so you cannot
# tell what was before. `discover` looks for groups alone, and says that it found none. You can still train on it, and
# use all that needs no components.
#
# </details>
#
# **3. An embedding.** Many networks look their tokens up in a table E of P vectors of length d first, and the linear
# layer takes two of these side by side. Make such a file with arrays `embed.weight` (P, d), `fc1.weight` (M, 2d),
# `fc2.weight` (P, M), and import it. minimod guesses nothing here: say by `maps` what U, V and W are.
#
# <details><summary>Solution</summary>
#
# ```python
# d, M = 8, 40
# E, first_layer, second_layer = (generator.normal(size=shape) for shape in ((P, d), (M, 2 * d), (P, M)))
# np.savez("embedded.npz", **{"embed.weight": E, "fc1.weight": first_layer, "fc2.weight": second_layer})
# maps = {"U": "embed.weight @ fc1.weight.T[:8]", "V": "embed.weight @ fc1.weight.T[8:]", "W": "fc2.weight.T"}
# embedded, lines = import_network("embedded.npz", "embedded", maps=maps, rule="add", modulus=P)
# print("\n".join(lines))
# by_hand = np.maximum(np.concatenate([E[first], E[second]], axis=1) @ first_layer.T, 0) @ second_layer.T
# assert np.allclose(by_hand, embedded.network.logits(first, second))
# ```
#
# A table of vectors followed by a matrix is a table of other vectors: U = E A, where A is the first half of the layer,
# and V = E B with the second half. Nothing is lost.
#
# </details>
