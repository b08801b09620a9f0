"""Networks with known answers, built without training."""

import numpy as np

from minimod import TwoLayerNet
from minimod.groups.rules import GroupRule
from minimod.rules import CyclicRule


def ideal_network(rule: CyclicRule, activation: str, n_frequencies: int = 8, n_phases: int = 8) -> TwoLayerNet:
    """Ideal cosine neurons: u has phase φ_a, v has φ_b, w has φ_a + φ_b, on a grid of phases for each frequency.

    Over the grid, all harmonics except the rule's average out. Tokens without coordinates have zero weights.
    """
    N, P = rule.order, rule.modulus
    frequencies = np.linspace(1, (N - 1) // 2, min(n_frequencies, (N - 1) // 2)).round().astype(int)
    # φ_a and φ_b have different offsets. Otherwise, by symmetry, some neurons would lie on the activation's kink.
    phase = 2 * np.pi * np.arange(n_phases) / n_phases
    k, phase_a, phase_b = (x.ravel() for x in np.meshgrid(frequencies, phase + 0.1, phase + 0.3, indexing="ij"))
    turn = 2 * np.pi * k * np.arange(N)[:, None] / N
    M = len(k)
    U, V, W = np.zeros((P, M)), np.zeros((P, M)), np.zeros((M, P))
    U[rule.tokens_a] = np.cos(turn + phase_a)
    V[rule.tokens_b] = np.cos(turn + phase_b)
    W[:, rule.tokens_c] = np.cos(turn + phase_a + phase_b).T
    return TwoLayerNet(U, V, W, np.zeros(P), activation)


def random_network(P=7, M=16, activation="relu", tied=False, has_bias=True, seed=0) -> TwoLayerNet:
    """A network with normal weights in float64. μ is normal too if the network has a bias."""
    generator = np.random.default_rng(seed)
    U = generator.standard_normal((P, M))
    V = U if tied else generator.standard_normal((P, M))
    mu = generator.standard_normal(P) if has_bias else np.zeros(P)
    return TwoLayerNet(U, V, generator.standard_normal((M, P)), mu, activation, has_bias)


def join(*networks: TwoLayerNet) -> TwoLayerNet:
    """One network with the neurons of all networks, in order. Its μ is the sum of their μ."""
    U, V = (np.concatenate([getattr(network, name) for network in networks], axis=1) for name in "UV")
    W = np.concatenate([network.W for network in networks])
    return TwoLayerNet(U, V, W, sum(network.mu for network in networks), networks[0].activation)


def ideal_group_network(
    rule: GroupRule, neurons: dict[int, int], activation: str, seed: int = 0, amplitudes=(1.0, 1.0, 1.0)
) -> TwoLayerNet:
    """Ideal neurons: u = xᵀρ(g)y, v = yᵀρ(g)z, w = xᵀρ(g)z with random x, y and z.

    neurons: component -> the number of its neurons. Every neuron has a twin with -z: squares cancel, products stay.
    """
    generator, columns = np.random.default_rng(seed), []
    for number, M in neurons.items():
        component = rule.group.components[number]
        x, y, z = generator.standard_normal((3, (M + 1) // 2, component.degree))
        x, y, z = (np.concatenate([each, sign * each])[:M] for each, sign in ((x, 1), (y, 1), (z, -1)))
        pairs = ((x, y), (y, z), (x, z))
        columns.append([size * np.einsum("mi,gij,mj->gm", left, component.matrices, right)
                        for size, (left, right) in zip(amplitudes, pairs)])
    U, V, WT = (np.concatenate(each, axis=1) for each in zip(*columns))
    U, V = U[rule.elements_a], V[rule.elements_b]
    return TwoLayerNet(U, V, WT.T.copy(), np.zeros(rule.modulus), activation, has_bias=False)
