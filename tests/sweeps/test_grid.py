import pytest

from minimod import TrainingConfig
from minimod.config import FREE_FIELDS
from minimod.errors import InputError
from minimod.sweeps.grid import configurations, load_definition, parse_values


@pytest.mark.parametrize(("name", "text", "values"), [
    ("width", "64,128", [64, 128]), ("noise_ratio", "0:0.9:0.3", [0, 0.3, 0.6, 0.9]), ("tied", "true", [True]),
    ("seed", "2:4:1", [2, 3, 4]), ("activation", "relu,gelu", ["relu", "gelu"]), ("batch_size", "none,10", [None, 10]),
])
def test_values_of_a_grid(name, text, values):
    assert parse_values(name, text) == values


@pytest.mark.parametrize(("name", "text"), [
    ("widht", "3"), ("width", ""), ("width", "0"), ("width", "1.5"), ("width", "1:2"), ("width", "1:5:0"),
    ("noise_ratio", "0:2:1"), ("width", "5:1:1"), ("width", "1:1e12:1"), ("tied", "maybe"), ("noise_ratio", "nan"),
])
def test_values_that_a_field_cannot_have_are_refused(name, text):
    with pytest.raises(InputError):
        parse_values(name, text)


@pytest.mark.parametrize("name", FREE_FIELDS)
def test_a_field_that_changes_no_result_is_refused(name):
    with pytest.raises(InputError, match=f"grid is '{name}'"):
        parse_values(name, "1,2")


def test_the_grid_is_a_product_with_seeds_and_nothing_twice():
    configs = configurations(TrainingConfig(), {"width": [8, 16, 8], "tied": [True, False]}, 3)
    assert len(configs) == len(set(configs)) == 2 * 2 * 3
    assert {config.seed for config in configurations(TrainingConfig(), {"seed": [5, 6]}, 3)} == {5, 6}


def test_a_file_has_values_as_a_list_or_as_on_the_command_line(tmp_path):
    (tmp_path / "grid.toml").write_text('seeds = 2\n[grid]\nwidth = [4]\nepochs = "2,3"\nnoise_ratio = "0:0.4:0.2"\n')
    assert load_definition(tmp_path / "grid.toml") == {
        "preset": "headline", "seeds": 2, "grid": {"width": [4], "epochs": [2, 3], "noise_ratio": [0, 0.2, 0.4]},
    }


@pytest.mark.parametrize("line", ["widht = [3]", "threads = [1, 2]", "width = [0]", 'width = ["many"]'])
def test_a_file_is_refused_for_what_the_command_line_refuses(tmp_path, line):
    (tmp_path / "grid.toml").write_text(f"[grid]\n{line}\n")
    with pytest.raises(InputError):
        definition = load_definition(tmp_path / "grid.toml")
        configurations(TrainingConfig(), definition["grid"], definition["seeds"])
