"""Which back-end is taken, what is said where none holds, and the container back-end where an engine runs."""

import asyncio
import shutil

import pytest

from alma.experiments import plug_ins
from alma.memory import Situation
from alma.records import ConfigError, Design, DesignError, SandboxError
from alma.sandbox import cures
from alma.sandbox.auto import AutoSandbox
from alma.sandbox.container import ContainerSandbox, Engine, command
from alma.sandbox.contract import Limits, NoServices, SandboxReport
from alma.sandbox.namespaces import NamespacesSandbox
from alma.sandbox.plan import Plan, make_plan
from alma.sandbox.self_check import check_walls
from alma.testing.loop import in_loop


class Fake:
    """A back-end that holds or doesn't, and remembers whether it was closed."""

    def __init__(self, name: str, ok: bool) -> None:
        self.name, self.ok, self.closed = name, ok, False

    async def self_check(self):
        return SandboxReport(self.name, self.ok, self.ok, f"{self.name} says", cure="take another")

    async def close(self):
        self.closed = True


@in_loop
async def test_auto_takes_the_first_that_holds():
    fakes = [Fake("a", False), Fake("b", True), Fake("c", True)]
    auto = AutoSandbox([lambda fake=fake: fake for fake in fakes])
    report = await auto.self_check()
    assert (report.backend, auto.name, report.ok) == ("b", "b", True)
    assert [fake.closed for fake in fakes] == [True, False, False]
    await auto.close()
    assert fakes[1].closed


@in_loop
async def test_auto_says_why_nothing_holds_and_what_to_do():
    auto = AutoSandbox([lambda: Fake("a", False), lambda: Fake("b", False)])
    report = await auto.self_check()
    assert not report.ok
    assert (report.detail, report.cure) == ("a: a says; b: b says", "take another")
    with pytest.raises(SandboxError, match="no sandbox works here"):
        async with auto.open(Design("x", ""), NoServices(), Limits(), seed=0):
            pass


def test_unsafe_is_taken_by_name_only(monkeypatch):
    for inside in (True, False):
        monkeypatch.setattr(cures, "in_container", lambda inside=inside: inside)
        auto = plug_ins.sandbox("auto")
        assert isinstance(auto, AutoSandbox)
        names = [make().name for make in auto._candidates]
        assert names == ["namespaces", "landlock" if inside else "container"]
    assert plug_ins.sandbox("unsafe").name == "unsafe"
    with pytest.raises(ConfigError, match="process is called unsafe now"):
        plug_ins.sandbox("process")


@pytest.mark.parametrize(
    ("switches", "told"),
    [
        ({"kernel.apparmor_restrict_unprivileged_userns": "1"}, "apparmor_restrict_unprivileged_userns=0"),
        ({"user.max_user_namespaces": "0"}, "sysctl -w user.max_user_namespaces"),
        ({"container": "yes"}, "--sandbox landlock"),
        ({}, "docs/sandbox.md"),
    ],
)
def test_the_cure_is_that_of_the_system(monkeypatch, switches, told):
    monkeypatch.setattr(cures, "_read", lambda path: switches.get(path.name, _dotted(path, switches)))
    monkeypatch.setattr(cures, "in_container", lambda: "container" in switches)
    monkeypatch.setattr(cures.landlock, "version", lambda: 7)
    found = cures.cure("namespaces", "new user namespace: Operation not permitted")
    assert told in found
    assert "--sandbox unsafe" in found


def _dotted(path, switches):
    return switches.get(".".join(path.parts[-2:]), "")


def test_an_old_kernel_and_another_system_are_told_apart(monkeypatch):
    monkeypatch.setattr(cures.landlock, "version", lambda: 0)
    assert "Linux 5.13" in cures.cure("namespaces", "this kernel has no Landlock")
    monkeypatch.setattr(cures.sys, "platform", "darwin")
    assert "Linux container" in cures.cure("auto", "")
    with pytest.raises(ConfigError, match="needs Linux"):
        plug_ins.sandbox("namespaces")


@pytest.mark.parametrize("wall", ["filter", "landlock", "limits"])
@in_loop
async def test_a_self_check_notices_a_missing_wall(wall):
    whole = NamespacesSandbox()
    report = await whole.self_check()
    await whole.close()
    if not report.ok:
        pytest.skip(f"no wall can be missed where namespaces don't hold: {report.detail}")
    sandbox = NamespacesSandbox(without=(wall,))
    report = await check_walls(sandbox)
    await sandbox.close()
    # Behind the outer walls and the filter, Landlock and limits are second lines: nothing gets through yet.
    assert report.ok == (wall != "filter")


@in_loop
async def test_a_refusal_at_set_up_names_its_cause():
    class Broken(NamespacesSandbox):
        def _command(self, control):
            line, environment = super()._command(control)
            return [part.replace('"/lib64', '"/no/such/place') for part in line], environment

    class Missing(NamespacesSandbox):
        def _command(self, control):
            line, environment = super()._command(control)
            return [
                part.replace("alma.sandbox.launcher", "alma.sandbox.nowhere") for part in line
            ], environment

    for make, told in ((Broken, "no such file"), (Missing, "nowhere")):
        report = await make().self_check()
        assert not report.ok
        assert told in report.detail.lower()
        assert report.cure


def test_the_container_is_given_nothing_but_the_plan():
    plan = make_plan()
    line = command(Engine("docker", "runsc"), plan, "name", Limits())
    shown = {line[n + 1] for n, part in enumerate(line) if part == "--volume"}
    assert shown == {f"{bind.source}:{bind.target}:ro" for bind in plan.binds}
    for wanted in (
        "--network none",
        "--read-only",
        "--cap-drop ALL",
        "--user 65534:65534",
        "--runtime runsc",
    ):
        assert wanted in " ".join(line)
    assert Plan.from_json(plan.as_json()) == plan


@in_loop
async def test_a_container_holds_and_answers():
    sandbox = ContainerSandbox()
    report = await sandbox.self_check()
    if not report.ok and not shutil.which("podman"):
        pytest.skip(f"no container engine here: {report.detail}")
    assert report.ok, report.detail
    head = "from alma.memory import Memory\nclass D(Memory):\n"
    answers = head + "    async def retrieve(self, situation):\n        import networkx\n        return 1\n"
    leaves = head + "    async def retrieve(self, situation):\n        import os\n        os._exit(0)\n"
    asked = Situation("goal", "A room.", None, "toy", "t")
    limits = Limits(retrieve_seconds=20)
    async with sandbox.open(Design("x", answers), NoServices(), limits, seed=0) as process:
        await process.freeze()
        both = [process.retrieve(asked, frozen=True, seed=1) for _ in range(2)]
        assert [recall.show for recall in await asyncio.gather(*both)] == [1, 1]
    async with sandbox.open(Design("x", leaves), NoServices(), limits, seed=0) as process:
        with pytest.raises(DesignError, match="process ended"):
            await process.retrieve(asked, frozen=False, seed=1)
    await sandbox.close()
