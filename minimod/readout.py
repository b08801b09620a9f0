"""Readouts: ways to read the rule out of a trained network without any knowledge of the rule.

One readout is another activation: `dataclasses.replace(network, activation=...)`. This file has the interaction
readout. It uses only that there are two inputs.

**Why a trained network answers below chance.** Write the logits of class c as a two-way table,

    F_c(a, b) = mean_c + row_c(a) + column_c(b) + interaction_c(a, b).

row_c averages to 0 over a. column_c averages to 0 over b. interaction_c averages to 0 over a and over b. Take a
held-out pair (a, b) with the true class c. Assume that every class is the true label of exactly one pair in row a (a
Latin square). For class c, this pair is (a, b), and it is held out. Let ρ be the share of training pairs among all
pairs. Let α be the share of wrong labels among the training labels. Then row a has about ρP training pairs, and

    class c       is the label of about    ρP α / P      = ρα    training pairs (noise alone),
    another class is the label of about    ρ(1 - α) + ρα = ρ     training pairs (its own clean pair, and noise).

With P = 113 and ρ = α = 0.8, these are 0.64 and 0.8 pairs. The second line is the average over the other classes.
Training raises row_c'(a) with the number of labels c' in row a. So row_c(a) is low for the true class c. It is as low
for the true classes of the other held-out pairs in row a. For the same reason, column_c(b) is low. Few other classes
are low in both the row and the column. So the sum row_c(a) + column_c(b) is among the lowest sums. The difference grows
with 1 - α. If the interaction carries no information, the network predicts the true class less often than a random
guess.

**Why removing the main effects helps.** The main effects are row and column. The bias against the true class lies in
the main effects alone. The rule lies in the interaction alone. In every row and in every column, every class is true
once. So the main effects of the rule are the same for every class. Removing the main effects (two-way double centring)
does not change what the logits say about the rule. An exception is a row with only one class: the pairs with 0 under
multiplication. Labels that are memorised pair by pair also lie in the interaction, so they stay.
"""

from minimod.arrays import Array, to_host
from minimod.network import TwoLayerNet


def interaction(logits: Array) -> Array:
    """The interaction of the logits of all pairs, of shape (P, P, classes), for logits of the same shape.

    interaction(a, b) = F(a, b) - mean over b of F(a, ·) - mean over a of F(·, b) + mean of F, for every class. The bias
    μ is the same for all pairs, so it cancels.
    """
    row, column = logits.mean(axis=1, keepdims=True), logits.mean(axis=0, keepdims=True)
    return logits - row - column + logits.mean(axis=(0, 1), keepdims=True)


def predict_interaction(network: TwoLayerNet) -> Array:
    """The class with the largest interaction for every pair (a, b), of shape (P, P), on the host.

    It needs memory for about 3 P³ numbers.
    """
    return to_host(interaction(network.grid_logits()).argmax(axis=2))
