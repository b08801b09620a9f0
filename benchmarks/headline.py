"""Time to the headline: from the start of a process to a filtered test accuracy of 0.99 with 80 % of labels wrong."""

import multiprocessing
import time

from benchmarks.processes import keep_to_cores, peak_memory

GOAL = 0.99


def minimod(threads: int) -> int:
    """Train minimod with its defaults until the goal. Returns the epoch."""
    from minimod import TrainingConfig, train

    def is_there(state):
        return state.metrics is not None and state.metrics["filtered_test_accuracy"] >= GOAL

    run = train(TrainingConfig(threads=threads, device="cpu"), callback=is_there)
    assert run.epoch is not None, "the goal was not reached"
    return run.epoch


def torch_eager(threads: int) -> int:
    """The same experiment in PyTorch, with the same data, initial weights and evaluations. Returns the epoch."""
    import torch
    from torch.nn import functional

    from minimod import TrainingConfig
    from minimod.runs.data import resolve
    from minimod.runs.run import initial_network
    from minimod.runs.training import evaluation_epochs

    torch.set_num_threads(threads)
    config = TrainingConfig()
    dataset, P = resolve(config).dataset(), config.modulus
    theta = {name: torch.nn.Parameter(torch.tensor(array)) for name, array in initial_network(config).arrays.items()}
    parts = {
        name: [torch.tensor(array) for array in (part.a, part.b, part.label)]
        for name, part in (("train", dataset.train), ("validation", dataset.validation), ("test", dataset.test))
    }
    optimizer = torch.optim.AdamW(
        theta.values(), config.learning_rate, config.betas, weight_decay=config.weight_decay, fused=True
    )

    def logits(U, V, W, mu, a, b):
        return torch.relu(functional.embedding(a, U) + functional.embedding(b, V)) @ W + mu

    def accuracy(name, **network):
        a, b, label = parts[name]
        return (logits(**network, a=a, b=b).argmax(dim=1) == label).float().mean().item()

    def filtered():
        weights = torch.stack([theta["U"], theta["V"], theta["W"].T])
        spectrum = torch.fft.rfft(weights, dim=1)
        power = spectrum[:, 1:].abs() ** 2
        k = 1 + (power / power.sum(dim=1, keepdim=True)).sum(dim=0).argmax(dim=0)
        kept = spectrum * (torch.arange(spectrum.shape[1])[:, None] == k)
        U, V, WT = torch.fft.irfft(kept, n=P, dim=1)
        return {"U": U, "V": V, "W": WT.T, "mu": torch.zeros(P)}

    evaluations = set(evaluation_epochs(config.epochs))
    for epoch in range(config.epochs + 1):
        if epoch in evaluations:
            with torch.no_grad():
                for name in parts:
                    accuracy(name, **theta)
                if accuracy("test", **filtered()) >= GOAL:
                    return epoch
        optimizer.zero_grad()
        a, b, label = parts["train"]
        functional.cross_entropy(logits(**theta, a=a, b=b), label).backward()
        optimizer.step()
    raise AssertionError("the goal was not reached")


def _serve(run, threads, connection) -> None:
    keep_to_cores(0, threads)
    connection.send((run(threads), peak_memory()))


def measure(run, threads: int) -> dict[str, float]:
    """Run `minimod` or `torch_eager`: seconds from the start of its process, the epoch, and peak megabytes."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(run, threads, theirs))
    start = time.perf_counter()
    process.start()
    theirs.close()
    epoch, megabytes = ours.recv()
    seconds = time.perf_counter() - start
    process.join()
    return {"seconds": seconds, "epoch": epoch, "megabytes": megabytes}
