import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_python_snippet_does_what_its_comments_say():
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(snippet, names)
    shape = re.search(r"run\.network\.logits\((.*?)\) +# (\(.*\))", snippet)
    assert str(names["run"].network.logits(*eval(shape[1])).shape) == shape[2]
    answer = re.search(r"dominant\.logits\((.*?)\)\.argmax\(\) +# (\d+)", snippet)
    assert str(names["dominant"].logits(*eval(answer[1])).argmax()) == answer[2]


def test_every_file_it_links_to_is_there():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert len(links) > 5
    assert all((Path(__file__).parents[1] / link).exists() for link in links)


def test_the_file_to_paste_is_completed_as_it_says(minimod):
    _, file, command, told = re.search(
        r"\$ cat > (\S+) <<END\n(.*?)END\n\$ minimod (.*?)\n(.*?)```", README, re.DOTALL
    ).groups()
    Path("turns.csv").write_text(file)
    assert minimod(*command.split(), "--quiet").stdout == told
    assert len(Path("completed.csv").read_text().splitlines()) == 17
