"""minimod: memorisation and generalisation in one two-layer network, on modular arithmetic with corrupted labels.

from minimod import TrainingConfig, train, analyze
run = train(TrainingConfig(epochs=50))
analyze(run)["methods"]["dominant"]["test"]
"""

from minimod.version import VERSION

TYPE_CHECKING = False       # as typing's, which takes a while to import
if TYPE_CHECKING:
    from minimod.analysis.detection import detect
    from minimod.analysis.extraction import extract
    from minimod.analysis.summary import analyze
    from minimod.discovery.retrieval import discover_run
    from minimod.discovery.search import discover
    from minimod.exchange.networks import import_network
    from minimod.fourier import filter_frequencies
    from minimod.groups.rules import make_rule
    from minimod.network import TwoLayerNet
    from minimod.runs.config import TrainingConfig
    from minimod.runs.run import Run, load_run
    from minimod.runs.training import train
    from minimod.sweeps.table import load_sweep

__version__ = VERSION

__all__ = [
    "Run", "TrainingConfig", "TwoLayerNet", "analyze", "detect", "discover", "discover_run", "extract",
    "filter_frequencies", "import_network", "load_run", "load_sweep", "make_rule", "train",
]

# Public name -> the module that has it.
_HOMES = {
    "Run": "runs.run", "TrainingConfig": "runs.config", "TwoLayerNet": "network", "analyze": "analysis.summary",
    "detect": "analysis.detection", "discover": "discovery.search", "discover_run": "discovery.retrieval",
    "extract": "analysis.extraction", "filter_frequencies": "fourier", "import_network": "exchange.networks",
    "load_run": "runs.run", "load_sweep": "sweeps.table", "make_rule": "groups.rules", "train": "runs.training",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: the command line is ready for Ctrl-C before it imports NumPy."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _show_runs_in_notebooks()
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]


def _show_runs_in_notebooks() -> None:
    """Register with IPython, where it runs, how a run looks there."""
    import sys

    def run_in_html(run: object) -> str:
        from minimod.report import notebook

        return notebook.run_in_html(run)  # type: ignore[arg-type]

    ipython = sys.modules.get("IPython")
    if shell := ipython and ipython.get_ipython():
        shell.display_formatter.formatters["text/html"].for_type_by_name("minimod.runs.run", "Run", run_in_html)
