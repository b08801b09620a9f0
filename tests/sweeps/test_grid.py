import os

import pytest

from minimod import TrainingConfig
from minimod.errors import InputError
from minimod.runs.config import FREE_FIELDS
from minimod.sweeps.grid import configurations, load_definition, number_of_runs, parse_grid, parse_values


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
        "preset": "default", "seeds": 2, "grid": {"width": [4], "epochs": [2, 3], "noise_ratio": [0, 0.2, 0.4]},
    }


@pytest.mark.parametrize("line", ["widht = [3]", "threads = [1, 2]", "width = [0]", 'width = ["many"]'])
def test_a_file_is_refused_for_what_the_command_line_refuses(tmp_path, line):
    (tmp_path / "grid.toml").write_text(f"[grid]\n{line}\n")
    with pytest.raises(InputError):
        definition = load_definition(tmp_path / "grid.toml")
        configurations(TrainingConfig(), definition["grid"], definition["seeds"])


def test_a_field_that_is_given_twice_is_refused():
    with pytest.raises(InputError, match="given once for width, with all of its values, as width=FIRST,SECOND"):
        parse_grid(["width=8", "width=16"])


@pytest.mark.parametrize(("name", "text"), [("batch_size", ""), ("batch_size", "10,,20"), ("width", "8, ,16")])
def test_an_empty_value_is_refused(name, text):
    with pytest.raises(InputError, match="values such as 64,128,256"):
        parse_values(name, text)


@pytest.mark.parametrize(("name", "text"), [("width", "8,16,8"), ("noise_ratio", "0.5,0.50"), ("tied", "true,True")])
def test_a_value_that_is_there_twice_is_refused(name, text):
    with pytest.raises(InputError, match="given once, not 2 times"):
        parse_values(name, text)


@pytest.mark.parametrize(("definition", "number"), [
    ({"grid": {}, "seeds": 10**11}, 10**11), ({"grid": {"width": [8, 16], "tied": [True, False]}, "seeds": 3}, 12),
    ({"grid": {"seed": [4, 5]}, "seeds": 1}, 2), ({"grid": {"width": [8, 8]}, "seeds": 1}, 1),
])
def test_the_number_of_runs_takes_no_configuration(definition, number):
    assert number_of_runs({"preset": "headline"} | definition) == number


def load(tmp_path, content):
    """The definition in a file of this content."""
    path = tmp_path / "sweep.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_definition(path)


@pytest.mark.parametrize(("content", "said"), [
    ("[grid]\nlr = [0.1, 1.0]", "it must be learning_rate"), ("seed = 3", "sweep.toml: key is 'seed'; .* one of seeds"),
    ("preset = 'papr'\nseeds = 1", "one of paper"), ("preset = []", "sweep.toml: preset"),
    ("seeds = true", "at least 1"), ("[grid]\nwidth = []", "at least one value"), ("", "what to train"),
    ("[grid]", "what to train"), ("[grid]\nwidth = [8, '16']", "grid width is '16'; it must be a whole number"),
    ("[grid]\nwidth = [[8]]", "a whole number"), ("[grid]\nwidth = {a = 8}", "values such as"),
    ("[grid]\nwidth = ''", "values such as"), ("[grid]\nactivation = [['relu']]", "one of relu"),
    ("seeds = 5\n[grid]\nseed = [1, 2]", "left out if the grid has seed"),
    ("seeds = 5".encode("utf-16"), "in UTF-8: save it"), ("# é".encode("latin-1"), "in UTF-8: save it"),
    (b"#" * (10**6 + 1), "longer than 1000000 bytes"), ("seeds = 1\nseeds = 2", "a TOML file"),
], ids=lambda value: str(value)[:20])  # fmt: skip
def test_a_file_that_is_no_definition_is_refused_in_words(tmp_path, content, said):
    with pytest.raises(InputError, match=said):
        load(tmp_path, content)


def test_a_file_may_have_a_byte_order_mark(tmp_path):
    assert load(tmp_path, b"\xef\xbb\xbfseeds = 5")["seeds"] == 5


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_what_is_no_file_is_no_definition(tmp_path, make):
    make(tmp_path / "sweep.toml")
    with pytest.raises(InputError, match=r"Is a directory|it is no regular file"):
        load_definition(tmp_path / "sweep.toml")
