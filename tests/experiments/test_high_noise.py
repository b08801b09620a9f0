from dataclasses import replace

import numpy as np
import pytest
from high_noise import best_affine_prediction
from run_cases import build_dataset

from minimod import TrainingConfig


@pytest.mark.parametrize("noise_ratio", [0.0, 0.9])
def test_the_best_decoder_finds_scale_and_offset_in_the_labels(noise_ratio):
    dataset = build_dataset(TrainingConfig(modulus=59, noise_ratio=noise_ratio))
    x = np.arange(59)
    for scale, offset in ((1, 0), (7, 11), (58, 58)):
        train = replace(dataset.train, label=(scale * dataset.train.label + offset) % 59)
        prediction = best_affine_prediction(replace(dataset, train=train))
        assert (prediction == (scale * (x[:, None] + x) + offset) % 59).all()
