"""minimod: memorisation and generalisation in one two-layer network, on modular arithmetic with corrupted labels.

from minimod import TrainingConfig, train, analyze
run = train(TrainingConfig(epochs=50))
analyze(run)["methods"]["dominant"]["test"]
"""

from minimod.version import VERSION

TYPE_CHECKING = False       # as typing's, which takes a while to import
if TYPE_CHECKING:
    from minimod.activations import ACTIVATIONS
    from minimod.analysis.analysis import Analysis
    from minimod.analysis.detection import detect
    from minimod.analysis.detectors import DETECTORS
    from minimod.analysis.extraction import extract
    from minimod.analysis.rows import ROWS
    from minimod.analysis.scores import SCORES
    from minimod.analysis.summary import analyze
    from minimod.data import make_dataset
    from minimod.discovery.retrieval import discover_run
    from minimod.discovery.search import discover
    from minimod.exchange.networks import import_network
    from minimod.fit import fit
    from minimod.fourier import filter_frequencies
    from minimod.groups.rules import make_rule
    from minimod.losses import LOSSES
    from minimod.network import TwoLayerNet
    from minimod.noise import NOISE_KINDS
    from minimod.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Muon
    from minimod.readout import interaction
    from minimod.rules import RULES
    from minimod.runs.config import TrainingConfig
    from minimod.runs.data import UserData
    from minimod.runs.run import Run, load_run
    from minimod.runs.training import extend, resume, train
    from minimod.sweeps.table import load_sweep

__version__ = VERSION
__all__ = [
    "ACTIVATIONS", "DETECTORS", "LOSSES", "NOISE_KINDS", "OPTIMIZERS", "ROWS", "RULES", "SCORES", "SGD", "Adam",
    "AdamW", "Analysis", "Muon", "Run", "TrainingConfig", "TwoLayerNet", "UserData", "analyze", "detect", "discover",
    "discover_run", "extend", "extract", "filter_frequencies", "fit", "import_network", "interaction", "load_run",
    "load_sweep", "make_dataset", "make_rule", "resume", "train",
]

# Module -> the public names that it has.
_HOMES = {
    "activations": "ACTIVATIONS", "losses": "LOSSES", "optimizers": "OPTIMIZERS SGD Adam AdamW Muon", "rules": "RULES",
    "noise": "NOISE_KINDS", "data": "make_dataset", "network": "TwoLayerNet", "fit": "fit",
    "fourier": "filter_frequencies", "readout": "interaction", "groups.rules": "make_rule",
    "runs.config": "TrainingConfig", "runs.data": "UserData", "runs.run": "Run load_run",
    "runs.training": "train resume extend", "analysis.analysis": "Analysis", "analysis.rows": "ROWS",
    "analysis.scores": "SCORES", "analysis.detectors": "DETECTORS", "analysis.summary": "analyze",
    "analysis.detection": "detect", "analysis.extraction": "extract", "discovery.search": "discover",
    "discovery.retrieval": "discover_run", "sweeps.table": "load_sweep", "exchange.networks": "import_network",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: the command line is ready for Ctrl-C before it imports NumPy."""
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
    """Register with IPython, where it runs, how a run looks there."""
    import sys

    def run_in_html(run: object) -> str:
        from minimod.report import notebook

        return notebook.run_in_html(run)  # type: ignore[arg-type]

    ipython = sys.modules.get("IPython")
    if shell := ipython and ipython.get_ipython():
        shell.display_formatter.formatters["text/html"].for_type_by_name("minimod.runs.run", "Run", run_in_html)
