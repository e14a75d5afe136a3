"""The systems' studies: each is there by its name, and none is imported before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from specviz.app.studies import Studies
from specviz.session.view_options import ViewOptions


def test_every_panel_has_a_study_whose_options_exist() -> None:
    studies = Studies("cpu")
    assert list(studies) == ["spectrafm", "phdlspec", "desa", "lux"] and len(studies) == 4
    for name, study in studies.items():
        assert studies[name] is study and ViewOptions().with_(study=name).study == name
        assert all(hasattr(ViewOptions(), option) for option in study.options)
    assert "" not in studies and studies.get("") is None
    with pytest.raises(KeyError):
        studies["cannon"]


def test_none_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys; from specviz.app.studies import Studies; s = Studies(); assert s and 'lux' in s and list(s); "
        "assert not [m for m in sys.modules if m.startswith('specviz.analysis.studies.') and 'protocol' not in m]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
