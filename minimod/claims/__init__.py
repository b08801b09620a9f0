"""Each claim of the paper, and some that go past it, as an experiment with a verdict."""

from minimod.claims import agnostic, coexistence, features, groups, labels, partition, self_training, variations
from minimod.claims.claim import Claim

CLAIMS: dict[str, Claim] = {
    "headline": coexistence.HEADLINE,
    "width": coexistence.WIDTH,
    "noise-first": coexistence.NOISE_FIRST,
    "noise-order": labels.NOISE_ORDER,
    "structure-before-output": coexistence.STRUCTURE_BEFORE_OUTPUT,
    "noise-level": coexistence.NOISE_LEVEL,
    "weight-decay": coexistence.WEIGHT_DECAY,
    "swap": features.SWAP,
    "phases": features.PHASES,
    "partition": partition.PARTITION,
    "decay": partition.DECAY,
    "spread": features.SPREAD,
    "optimizers": variations.OPTIMIZERS,
    "activations": variations.ACTIVATIONS,
    "ceiling": variations.CEILING,
    "rules": partition.RULES,
    "groups": groups.GROUPS,
    "group-noise": groups.GROUP_NOISE,
    "learned-features": features.LEARNED_FEATURES,
    "tied": variations.TIED,
    "doshi": variations.DOSHI,
    "doshi-pruning": variations.DOSHI_PRUNING,
    "readout": agnostic.READOUT,
    "high-noise": features.HIGH_NOISE,
    "masked-readout": agnostic.MASKED_READOUT,
    "self-training": self_training.SELF_TRAINING,
    "self-training-controls": self_training.SELF_TRAINING_CONTROLS,
    "self-training-width": self_training.SELF_TRAINING_WIDTH,
    "detectors": labels.DETECTION,
    "dilation": labels.DILATION,
    "agnostic-limit": agnostic.AGNOSTIC_LIMIT,
    "agnostic-ensemble": agnostic.AGNOSTIC_ENSEMBLE,
}
