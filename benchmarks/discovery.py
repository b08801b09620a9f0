"""python -m benchmarks.discovery [SEEDS]: the time to find a rule in its labels alone, and p-values of random labels.

Tokens are renamed at random. Every time is shown with its ratio to one headline training run in the same process.
"""

import sys
import time

import numpy as np

from minimod import TrainingConfig, discover, make_rule, train

# Name of a rule, its modulus, the share of wrong labels, the share of pairs with a label, and the number of namings.
CASES = (
    ("add", 113, 0.8, 0.8, 1), ("add", 113, 0.85, 0.8, 1), ("add", 113, 0.88, 0.8, 1), ("mul", 113, 0.8, 0.8, 1),
    ("Z2^7", None, 0.8, 0.8, 1), ("Z4xZ28", None, 0.8, 0.8, 1), ("Z10^2", None, 0.8, 0.8, 1),
    ("D57", None, 0.5, 0.8, 1), ("S5", None, 0.6, 0.8, 1), ("SL(2,5)", None, 0.5, 0.8, 1),
    ("add", 113, 0.7, 0.8, 3), ("add", 113, 0.0, 0.04, 1),
)


def problem(name, modulus, noise, share, namings, seed):
    """Labelled pairs with randomly renamed tokens, the number of tokens, and the whole table."""
    rng, rule = np.random.default_rng(seed), make_rule(name, modulus)
    P, naming = rule.modulus, [rng.permutation(rule.modulus) for _ in range(namings)] * (3 // namings)
    true = naming[2][rule.label_table[np.ix_(naming[0].argsort(), naming[1].argsort())]]
    a, b = np.divmod(rng.permutation(P * P)[: round(share * P * P)], P)
    label = true[a, b]
    wrong = rng.permutation(len(a))[: round(noise * len(a))]
    label[wrong] = (label[wrong] + rng.integers(1, P, len(wrong))) % P
    return a, b, label, P, true


def calibrate(n_tables=200):
    """Of `n_tables` tables of random or constant labels, P 7 to 113: the numbers with p-value < 0.001 and < 0.05."""
    values = []
    for seed in range(n_tables):
        rng = np.random.default_rng(seed)
        P = int(rng.choice([7, 11, 13, 23, 31, 59, 113]))
        a, b = np.divmod(rng.permutation(P * P)[: round(float(rng.choice([0.3, 0.8, 1])) * P * P)], P)
        label = rng.integers(0, P, len(a)) if seed % 10 else np.full(len(a), rng.integers(P))
        values.append(discover(a, b, label, P, seconds=1).p_value)
    return sum(np.array(values) < 0.001), sum(np.array(values) < 0.05)


def main(seeds=1):
    """Print the table."""
    start = time.perf_counter()
    train(TrainingConfig())
    headline = time.perf_counter() - start
    print(f"one headline training run: {headline:.1f} s\n\n{'rule':12}{'wrong':>7}{'pairs':>7}{'namings':>9}"
          f"{'seed':>6}{'seconds':>9}{'ratio':>7}{'right':>8}{'starts':>8}  found")
    for name, modulus, noise, share, namings in CASES:
        for seed in range(seeds):
            *arrays, P, true = problem(name, modulus, noise, share, namings, seed)
            start = time.perf_counter()
            found = discover(*arrays, P)
            seconds = time.perf_counter() - start
            print(f"{name:12}{noise:7}{share:7}{namings:9}{seed:6}{seconds:9.1f}{seconds / headline:7.2f}"
                  f"{(found.table == true).mean():8.4f}{found.starts:8}  {found.group}", flush=True)
    low, high = calibrate()
    print(f"\nof 200 tables of random or constant labels, {low} have p < 0.001 and {high} have p < 0.05")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
