"""Readouts: ways to read the rule out of a trained network that know nothing about the rule.

A swap of the activation is `dataclasses.replace(network, activation=...)`; here is the interaction readout. It knows
that there are two inputs, and nothing else.

**Why a trained network answers below chance.** Write the logits of class c as a two-way table,

    F_c(a, b) = mean_c + row_c(a) + column_c(b) + interaction_c(a, b),

where rows, columns and interaction average to zero over a and over b. Take a held-out pair (a, b) of true class c. In
row a of the table, the true labels a ∘ b' are all different (any rule with unique solutions), so the one pair that
would show class c in this row is (a, b), which is held out. Of the ρP training pairs in the row, with a share α of
wrong labels,

    class c       is the label of about    ρP α / P          = ρα           pairs (noise alone),
    another class is the label of about    ρ(1 - α) + ρα     = ρ            pairs (its own clean pair, and noise).

Fitting labels raises row_c'(a) with the number of times that row a shows c'. So row_c(a) is among the lowest for the
class that is right, as for the other held-out pairs of the row, and so is column_c(b); their sum is the lowest there
is, by an amount that grows with 1 - α: where nothing else speaks, the network names the true class more rarely than a
guess would.

**Why removing the main effects helps.** This bias against the truth lies in row and column, all of it. The rule lies
in the interaction, all of it: over a row, every class is true once, so the rule's own row and column are the same for
every class. Taking the main effects away (two-way double centring) thus costs the rule nothing. (Not so where a row
has one class only: the pairs with 0 under multiplication.) The labels memorised pair by pair are interaction too: they
stay.
"""

from minimod.arrays import Array, to_host
from minimod.network import TwoLayerNet


def interaction(logits: Array) -> Array:
    """The interaction of a two-way table, of shape (P, P, classes): what is left without the effects of a and of b.

    F(a, b) - mean over b of F(a, ·) - mean over a of F(·, b) + mean of F, for every class. μ drops out as well.
    """
    row, column = logits.mean(axis=1, keepdims=True), logits.mean(axis=0, keepdims=True)
    return logits - row - column + logits.mean(axis=(0, 1), keepdims=True)


def predict_interaction(network: TwoLayerNet) -> Array:
    """The class with the largest interaction for every pair (a, b), of shape (P, P), on the host; 3 P³ numbers."""
    return to_host(interaction(network.grid_logits()).argmax(axis=2))
