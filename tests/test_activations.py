import numpy as np
import pytest

from minimod.activations import ACTIVATIONS


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_match_central_differences(name):
    value, derivative = ACTIVATIONS[name]
    z, h = np.array([-3.0, -1.1, -0.2, 0.3, 0.9, 4.0]), 1e-6
    numerical = (value(z + h) - value(z - h)) / (2 * h)
    np.testing.assert_allclose(derivative(z) * np.ones(6), numerical, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", ["relu", "reverse_relu"])
def test_the_derivative_on_a_kink_is_zero(name):
    assert not ACTIVATIONS[name].derivative(np.zeros(1)).any()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_pre_activations_are_left_alone(name):
    z = np.linspace(-2, 2, 5)
    for function in ACTIVATIONS[name]:
        function(z)
    assert (z == np.linspace(-2, 2, 5)).all()
