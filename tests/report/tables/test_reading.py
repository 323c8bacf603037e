from __future__ import annotations

import pytest

from ldpf.errors import ModelError
from ldpf.report.tables.reading import read_folders


def test_a_folder_without_results_says_what_to_run(tmp_path):
    with pytest.raises(ModelError, match="run 'ldpf benchmark' first"):
        read_folders([tmp_path])
