"""What ``specviz doctor`` tells a newcomer: no network, no card, little memory, an old JupyterLab, a foreign kernel."""

from __future__ import annotations

import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from specviz.cli import doctor, first_run, jupyter_here, main
from specviz.cli.finding import Finding

Room = namedtuple("Room", "available")


def only(findings: Any) -> Finding:
    (finding,) = findings
    return finding


class TestNetwork:
    @pytest.fixture(autouse=True)
    def _online(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SPECVIZ_OFFLINE", raising=False)

    def test_none_at_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Unreachable(first_run.socket.socket):
            def connect(self, address: Any) -> None:
                raise OSError(101, "Network is unreachable")

        monkeypatch.setattr(first_run.socket, "socket", Unreachable)
        found = only(first_run.network({}))
        assert found.kind == "note" and "specviz.explore('demo 1')" in found.text
        assert "SPECVIZ_OFFLINE=1" in found.remedy

    def test_nothing_is_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The question is the routing table's: a datagram socket, connected to an address kept for documentation."""
        asked: list[Any] = []

        class Watched(first_run.socket.socket):
            def connect(self, address: Any) -> None:
                asked.append((self.type, address[0]))

            def _refuse(self, *_: Any) -> Any:
                raise AssertionError("something was sent")

            send = sendto = sendall = sendmsg = _refuse

        monkeypatch.setattr(first_run.socket, "socket", Watched)
        assert first_run.has_route()
        assert asked == [(first_run.socket.SOCK_DGRAM, "192.0.2.1")]

    def test_switched_off_by_hand(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SPECVIZ_OFFLINE", "1")
        found = only(first_run.network({}))
        assert found.kind == "note" and "unset" in found.remedy

    def test_a_proxy_is_named_without_its_password(self) -> None:
        found = only(first_run.network({"https_proxy": "http://ada:secret@proxy.example.org:3128"}))
        assert found.kind == "ok" and "proxy.example.org:3128" in found.text and "secret" not in found.text

    def test_when_no_service_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from specviz.archives import transport
        from specviz.errors import ArchiveError

        def refuse(service: str, *_: Any, **__: Any) -> None:
            raise ArchiveError(f"{service} cannot be reached")

        monkeypatch.setattr(transport, "request", refuse)
        *each, end = doctor.services()
        assert {f.kind for f in each} == {"note"} and "seems to be offline" in end.text and end.remedy


class TestGraphicsCard:
    @pytest.fixture
    def torch(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        return torch

    def test_none_is_no_fault(self, torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("specviz.models.device._driver_is_here", lambda: False)
        found = only(first_run.graphics_card())
        assert found.kind == "ok" and "none is needed" in found.text and not found.remedy

    @pytest.mark.parametrize(("cuda", "says"), [(None, "a build for the CPU"), ("13.0", "torch's CUDA 13.0")])
    def test_one_that_torch_does_not_use(
        self, cuda: str | None, says: str, torch: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("specviz.models.device._driver_is_here", lambda: True)
        monkeypatch.setattr(torch.version, "cuda", cuda)
        found = only(first_run.graphics_card())
        assert found.kind == "note" and says in found.text and "the build of torch" in found.remedy


class TestMemory:
    @pytest.fixture(autouse=True)
    def _no_limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(first_run, "container_limit", lambda: None)
        monkeypatch.setattr(first_run, "_shell_limit", lambda: None)

    @pytest.mark.parametrize(("free", "kind"), [(8e9, "ok"), (1e9, "note"), (0.3e9, "trouble")])
    def test_of_the_machine(self, free: float, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("psutil.virtual_memory", lambda: Room(free))
        found = only(first_run.memory())
        assert found.kind == kind and f"{free / 1e9:.1f} GB of memory free" in found.text
        assert ("shut down kernels" in found.remedy) == (kind != "ok")

    def test_of_a_container(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("psutil.virtual_memory", lambda: Room(60e9))
        monkeypatch.setattr(first_run, "container_limit", lambda: 1e9)
        assert "1.0 GB of memory (the limit of this container)" in only(first_run.memory()).text

    @pytest.mark.parametrize(
        ("line", "file", "text", "limit"),
        [
            ("0::/user/one", "user/one/memory.max", "2147483648", 2147483648.0),
            ("0::/user/one", "user/memory.max", "1000", 1000.0),  # of a group above
            ("0::/of/the/host", "memory.max", "2000", 2000.0),  # inside a container: only the root is there
            ("0::/user/one", "user/one/memory.max", "max", None),
            ("4:memory:/pod", "memory/pod/memory.limit_in_bytes", "3000", 3000.0),
            ("4:cpu:/pod", "memory/pod/memory.limit_in_bytes", "3000", None),
        ],
    )
    def test_limits_of_control_groups(
        self, line: str, file: str, text: str, limit: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.undo()
        (tmp_path / "cgroup").write_text(line + "\n")
        path = tmp_path / "fs" / file
        path.parent.mkdir(parents=True)
        path.write_text(text + "\n")
        assert first_run.container_limit(tmp_path / "cgroup", tmp_path / "fs") == limit

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ulimit")
    def test_of_ulimit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import resource

        monkeypatch.undo()
        limits = {resource.RLIMIT_DATA: 500_000_000, resource.RLIMIT_AS: resource.RLIM_INFINITY}
        monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits[kind], -1))
        assert first_run._shell_limit() == 5e8


class TestServer:
    @pytest.fixture
    def lab(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """``lab(version)``: what is installed as JupyterLab here; "" for nothing."""

        def install(version: str) -> None:
            def told(name: str) -> str:
                if not version:
                    raise jupyter_here.metadata.PackageNotFoundError(name)
                return version

            monkeypatch.setattr(jupyter_here.metadata, "version", told)
            monkeypatch.setattr(jupyter_here.shutil, "which", lambda _: None)

        return install

    @pytest.mark.parametrize("version", ["3.6.8", "4.3.9"])
    def test_an_old_one(self, version: str, lab: Any) -> None:
        lab(version)
        found = only(jupyter_here.server())
        assert found.kind == "note" and f"JupyterLab {version} is older than 4.4" in found.text
        assert "pip install 'jupyterlab>=4.4'" in found.remedy

    def test_a_new_one(self, lab: Any) -> None:
        lab("4.4.0")
        assert only(jupyter_here.server()).kind == "ok"

    def test_none(self, lab: Any) -> None:
        lab("")
        found = only(jupyter_here.server())
        assert "specviz serve" in found.text and "jupyter-specviz[lab]" in found.remedy

    @pytest.mark.parametrize(
        ("has", "kind", "says"),
        [
            ((), "note", "anywidget is not in it"),
            (("anywidget",), "note", "'Open in Specviz' is missing"),
            (("anywidget", "jupyter-specviz"), "ok", "has what views need"),
        ],
    )
    def test_of_another_environment(self, has: tuple[str, ...], kind: str, says: str, lab: Any, tmp_path: Path) -> None:
        lab("")
        for name in has:
            (tmp_path / "share/jupyter/labextensions" / name).mkdir(parents=True)
        found = only(jupyter_here.server(str(tmp_path / "bin" / "jupyter-lab")))
        assert found.kind == kind and says in found.text and str(tmp_path) in found.text
        assert kind == "ok" or "pip install" in found.remedy


class TestKernels:
    @staticmethod
    def spec(python: str | Path, title: str = "Python 3", language: str = "python") -> dict[str, Any]:
        return {"argv": [str(python), "-m", "ipykernel_launcher"], "display_name": title, "language": language}

    @pytest.fixture
    def other(self, tmp_path: Path) -> Path:
        """The Python of an environment without specviz."""
        python = tmp_path / "env" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()
        (tmp_path / "env/lib/python3.12/site-packages").mkdir(parents=True)
        return python

    def test_this_python(self) -> None:
        found = only(jupyter_here.kernels({"python3": self.spec(sys.executable)}))
        assert found.kind == "ok" and "python3 (Python 3)" in found.text

    def test_a_bare_python_is_the_servers_own(self) -> None:
        assert only(jupyter_here.kernels({"python3": self.spec("python")})).kind == "ok"

    def test_only_another_environments(self, other: Path) -> None:
        none, theirs = jupyter_here.kernels({"python3": self.spec(other)})
        assert "no Jupyter kernel starts this Python" in none.text
        assert f"{sys.executable} -m ipykernel install --user --name specviz" in none.remedy
        assert "'import specviz' fails" in theirs.text and f"{other} -m pip install jupyter-specviz" in theirs.remedy

    def test_another_that_has_specviz_too(self, other: Path) -> None:
        (other.parents[1] / "lib/python3.12/site-packages/jupyter_specviz-1.0.dist-info").mkdir()
        assert only(jupyter_here.kernels({"a": self.spec(sys.executable), "b": self.spec(other)})).kind == "ok"

    def test_an_environment_that_was_deleted(self, tmp_path: Path) -> None:
        _, gone = jupyter_here.kernels({"a": self.spec(sys.executable), "old": self.spec(tmp_path / "bin" / "python")})
        assert "not there any more" in gone.text and gone.remedy == "jupyter kernelspec remove old"

    def test_other_languages_are_left_alone(self) -> None:
        specs = {"a": self.spec(sys.executable), "ir": self.spec("/usr/bin/R", "R", "R")}
        assert only(jupyter_here.kernels(specs)).kind == "ok"

    def test_an_environment_inside_ours_is_another(self) -> None:
        """conda keeps environments below the base one."""
        assert not jupyter_here.is_this_python([str(Path(sys.prefix) / "envs" / "b" / "bin" / "python")])

    def test_the_command_of_another_environment_in_a_cell(self, other: Path) -> None:
        above = [["/bin/sh", "-c", "specviz doctor"], [str(other), "-m", "ipykernel_launcher", "-f", "kernel.json"]]
        found = only(jupyter_here.this_kernel(above))
        assert found.kind == "trouble" and str(other) in found.text and "%pip install" in found.remedy
        above[1][0] = sys.executable
        assert list(jupyter_here.this_kernel(above)) == []

    def test_no_kernel_above(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("JPY_PARENT_PID", raising=False)
        assert list(jupyter_here.this_kernel()) == []
        assert list(jupyter_here.this_kernel([["/bin/bash"], ["/sbin/init"]])) == []


def test_what_to_do_is_printed_below(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "SECTIONS", {"Memory": lambda: iter([Finding("note", "little", "close some")])})
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == "Memory\n  note    little\n          -> close some\nall well\n"
