"""minimod: memorisation and generalisation in one two-layer network, on modular arithmetic with corrupted labels.

from minimod import TrainingConfig, train, analyze
run = train(TrainingConfig(epochs=50))
analyze(run)["methods"]["dominant"]["test"]
"""

from minimod.version import VERSION

TYPE_CHECKING = False       # as typing's, which takes a while to import
if TYPE_CHECKING:
    from minimod.analysis.filtration import filter_frequencies
    from minimod.config import TrainingConfig
    from minimod.detection import detect
    from minimod.extraction import extract
    from minimod.network import TwoLayerNet
    from minimod.retrieval import discover
    from minimod.rules import make_rule
    from minimod.store.runs import Run, load_run
    from minimod.summary import analyze
    from minimod.sweeps.table import load_sweep
    from minimod.training import train

__version__ = VERSION
__all__ = [
    "Run", "TrainingConfig", "TwoLayerNet", "analyze", "detect", "discover", "extract", "filter_frequencies",
    "load_run", "load_sweep", "make_rule", "train",
]

_HOMES = {
    "Run": "store.runs", "TrainingConfig": "config", "TwoLayerNet": "network", "analyze": "summary",
    "detect": "detection", "discover": "retrieval", "extract": "extraction",
    "filter_frequencies": "analysis.filtration",
    "load_run": "store.runs", "load_sweep": "sweeps.table", "make_rule": "rules", "train": "training",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: the command line is ready for Ctrl-C before it imports NumPy."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
