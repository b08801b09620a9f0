import subprocess
import sys

import pytest

from minimod import commands


@pytest.fixture
def minimod(monkeypatch, capsys, tmp_path):
    """Call the command line in an empty directory; the answer has status, out and err."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["minimod", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            commands.main()
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, caught.value.code or 0, out, err)

    return call
