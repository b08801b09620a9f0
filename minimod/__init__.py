"""minimod: memorisation and generalisation in one two-layer network, on modular arithmetic with corrupted labels.

from minimod import TrainingConfig, train, analyze
run = train(TrainingConfig(epochs=50))
analyze(run)["methods"]["dominant"]["test"]
"""

import sys
from types import ModuleType

from minimod.version import VERSION

TYPE_CHECKING = False       # type checkers take it as True; `typing` has the same name, but is slow to import
if TYPE_CHECKING:
    from minimod.activations import ACTIVATIONS as ACTIVATIONS
    from minimod.analysis.analysis import Analysis as Analysis
    from minimod.analysis.detection import detect as detect
    from minimod.analysis.detectors import DETECTORS as DETECTORS
    from minimod.analysis.self_training import extract as extract
    from minimod.analysis.rows import ROWS as ROWS
    from minimod.analysis.scores import SCORES as SCORES
    from minimod.analysis.summary import analyze as analyze
    from minimod.data import make_dataset as make_dataset
    from minimod.discovery.retrieval import discover_run as discover_run
    from minimod.discovery.search import discover as discover
    from minimod.exchange.networks import import_network as import_network
    from minimod.fit import fit as fit
    from minimod.fourier import filter_frequencies as filter_frequencies
    from minimod.groups.rules import make_rule as make_rule
    from minimod.losses import LOSSES as LOSSES
    from minimod.network import TwoLayerNet as TwoLayerNet
    from minimod.noise import NOISE_KINDS as NOISE_KINDS
    from minimod.optimizers import OPTIMIZERS as OPTIMIZERS, SGD as SGD, Adam as Adam, AdamW as AdamW, Muon as Muon
    from minimod.readout import interaction as interaction
    from minimod.rules import RULES as RULES
    from minimod.runs.config import TrainingConfig as TrainingConfig
    from minimod.runs.data import UserData as UserData
    from minimod.runs.run import Run as Run, load_run as load_run
    from minimod.runs.training import extend as extend, resume as resume, train as train
    from minimod.sweeps.table import load_sweep as load_sweep

__version__ = VERSION
# module -> the public names that it defines
_HOMES = {
    "activations": "ACTIVATIONS", "losses": "LOSSES", "optimizers": "OPTIMIZERS SGD Adam AdamW Muon", "rules": "RULES",
    "noise": "NOISE_KINDS", "data": "make_dataset", "network": "TwoLayerNet", "fit": "fit",
    "fourier": "filter_frequencies", "readout": "interaction", "groups.rules": "make_rule",
    "runs.config": "TrainingConfig", "runs.data": "UserData", "runs.run": "Run load_run",
    "runs.training": "train resume extend", "analysis.analysis": "Analysis", "analysis.rows": "ROWS",
    "analysis.scores": "SCORES", "analysis.detectors": "DETECTORS", "analysis.summary": "analyze",
    "analysis.detection": "detect", "analysis.self_training": "extract", "discovery.search": "discover",
    "discovery.retrieval": "discover_run", "sweeps.table": "load_sweep", "exchange.networks": "import_network",
}
__all__ = [name for names in _HOMES.values() for name in names.split()]


class _Package(ModuleType):
    """The type of this package, in which no submodule takes a public name.

    An import of minimod/fit.py sets the attribute `fit` of the package to the module. Here this has no effect: `fit`
    stays the function.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name not in __all__ or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    """Import a public name at its first use. So the command line can handle Ctrl-C before it imports NumPy."""
    from importlib import import_module

    home = next((module for module, names in _HOMES.items() if name in names.split()), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _show_runs_in_notebooks()
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _show_runs_in_notebooks() -> None:
    """If IPython is running, register the function that shows a run as HTML."""
    def run_in_html(run: object) -> str:
        from minimod.report import notebook

        return notebook.run_in_html(run)  # type: ignore[arg-type]

    ipython = sys.modules.get("IPython")
    if shell := ipython and ipython.get_ipython():
        shell.display_formatter.formatters["text/html"].for_type_by_name("minimod.runs.run", "Run", run_in_html)
