import pytest
from doshi import doshi_phase


@pytest.mark.parametrize(("train_accuracy", "test_accuracy", "phase"), [
    (1.0, 1.0, "coexistence"), (0.9, 0.9, "coexistence"), (0.89, 0.9, "partial inversion"),
    (0.71, 0.95, "partial inversion"), (0.69, 0.95, "full inversion"), (0.9, 0.89, "memorisation"),
    (0.89, 0.89, "forgetting"),
])  # fmt: skip
def test_phases_are_those_of_doshis_table(train_accuracy, test_accuracy, phase):
    assert doshi_phase(train_accuracy, test_accuracy, 0.35) == phase
