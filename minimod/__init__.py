"""minimod: memorisation and generalisation in one two-layer network, on modular arithmetic with corrupted labels.

from minimod import TrainingConfig, train, analyze
run = train(TrainingConfig(epochs=50))
analyze(run)["methods"]["dominant"]["test"]
"""

__version__ = "0.1.0"

from minimod.analysis.filtration import filter_frequencies
from minimod.analysis.summary import analyze
from minimod.config import TrainingConfig
from minimod.network import TwoLayerNet
from minimod.runs import Run, load_run
from minimod.tasks import make_rule
from minimod.training import train

__all__ = ["Run", "TrainingConfig", "TwoLayerNet", "analyze", "filter_frequencies", "load_run", "make_rule", "train"]
