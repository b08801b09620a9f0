"""Colours that have to be told apart, as eyes see them that lack a kind of cone."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

panels = pytest.importorskip("minimod.report.panels")

# Machado, Oliveira & Fernandes (2009), severity 1: on linear RGB.
VISIONS = {
    "three kinds of cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(color, vision):
    """A colour in CIE L*a*b*, seen so."""
    channels = np.array(to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(vision @ linear, 0, 1) / TO_XYZ.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISIONS)
def test_the_outcomes_of_pairs_are_told_apart(vision):
    seen = [lab(color, np.array(VISIONS[vision])) for color in panels.OUTCOME_COLORS]
    assert min(np.linalg.norm(p - q) for p, q in itertools.combinations(seen, 2)) > 30
