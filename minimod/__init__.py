"""minimod: memorisation and generalisation in one two-layer network, on modular arithmetic with corrupted labels.

from minimod import TrainingConfig, train, analyze
run = train(TrainingConfig(epochs=50))
analyze(run)["methods"]["dominant"]["test"]
"""

from minimod.analysis.filtration import filter_frequencies
from minimod.config import TrainingConfig
from minimod.network import TwoLayerNet
from minimod.rules import make_rule
from minimod.store.runs import Run, load_run
from minimod.summary import analyze
from minimod.training import train
from minimod.version import VERSION

__version__ = VERSION
__all__ = ["Run", "TrainingConfig", "TwoLayerNet", "analyze", "filter_frequencies", "load_run", "make_rule", "train"]
