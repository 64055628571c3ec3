"""Random changes: no request ever gets a file that is older than the last acknowledged change."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.support.provisioning import PLUGIN, World, begin, run, sip

from provisiond.errors import ProvisiondError
from provisiond.model.inheritance import merged
from provisiond.model.raw_config import completed

CONFIGS = ["base", "a", "b", "c", "d"]
DEVICES = ["x", "y", "z"]
OTHER = "acme-2.0"


class Freshness(RuleBasedStateMachine):
    """Changes everything that files depend on, while requests and background work go on at the same time."""

    @initialize()
    def begin_world(self) -> None:
        self.world = World(Path(tempfile.mkdtemp(prefix="freshness-")), rendered_limit=3_000)
        self.world.host.add(OTHER)
        self.world.start()
        self.answers: list[tuple[str, int, Any]] = []
        self.history: dict[str, list[Any]] = {device_id: [] for device_id in DEVICES}
        for config_id, parent in zip(CONFIGS[1:], [*CONFIGS[2:], "base"], strict=True):
            document = {"id": config_id, "parent_ids": [parent], "raw_config": sip("user", **{f"X_{config_id}": 0})}
            run(self.world.house.configs.create(document))
        for number, device_id in enumerate(DEVICES):
            run(
                self.world.house.devices.create(
                    {
                        "id": device_id,
                        "mac": f"00:08:5d:00:00:0{number}",
                        "plugin": PLUGIN,
                        "config": CONFIGS[number + 1],
                    },
                    self.world.scope,
                )
            )

    @rule(
        config_id=st.sampled_from(CONFIGS[1:]),
        parents=st.lists(st.sampled_from([*CONFIGS, "ghost"]), max_size=3, unique=True),
        mark=st.integers(0, 3),
    )
    def put_config(self, config_id: str, parents: list[str], mark: int) -> None:
        document = {
            "id": config_id,
            "parent_ids": parents,
            "raw_config": sip(f"user{mark}", **{f"X_{config_id}": mark}),
        }
        known = config_id in self.world.configs.rows
        self._do(
            self.world.house.configs.replace(config_id, document)
            if known
            else self.world.house.configs.create(document)
        )

    @rule(config_id=st.sampled_from(CONFIGS[1:]))
    def delete_config(self, config_id: str) -> None:
        if config_id in self.world.configs.rows:
            self._do(self.world.house.configs.delete(config_id))

    @rule(device_id=st.sampled_from(DEVICES), config=st.sampled_from(CONFIGS), plugin=st.sampled_from([PLUGIN, OTHER]))
    def put_device(self, device_id: str, config: str, plugin: str) -> None:
        document = {"mac": f"00:08:5d:00:00:0{DEVICES.index(device_id)}", "plugin": plugin, "config": config}
        self._do(self.world.house.devices.replace(device_id, document, self.world.scope))

    @rule(plugin=st.sampled_from([PLUGIN, OTHER]))
    def reload_plugin(self, plugin: str) -> None:
        self._do(self.world.house.plugins.reload(plugin))

    @rule(plugin=st.sampled_from([PLUGIN, OTHER]), broken=st.integers(0, 3))
    def break_plugin(self, plugin: str, broken: int) -> None:
        if not broken:
            self.world.host.broken[plugin] = "broken"
        else:
            self.world.host.broken.pop(plugin, None)
        self._do(self.world.house.plugins.reload(plugin))

    @rule()
    def slow_down(self) -> None:
        self.world.host.gate.shut()

    @rule()
    def speed_up(self) -> None:
        self._open()

    @rule(device_id=st.sampled_from(DEVICES))
    def ask(self, device_id: str) -> None:
        device = self.world.house.directory.get(device_id)
        since = len(self.history[device_id]) - 1
        answer = begin(self.world.house.rendering.device_files(device))
        answer.addCallback(lambda files: self.answers.append((device_id, since, self._content(device, files))))

    @rule(device_id=st.sampled_from(DEVICES), config_id=st.sampled_from(CONFIGS[1:]))
    def ask_before_and_after_a_change(self, device_id: str, config_id: str) -> None:
        for mark in (10, 11):
            self.slow_down()
            self.put_config(config_id, ["base"], mark)
            self.every_file_is_fresh()
            self.ask(device_id)

    @rule()
    def turn(self) -> None:
        self.world.clock.advance(0)

    @rule()
    def restart(self) -> None:
        self._open()
        self.world.restart()

    @invariant()
    def every_file_is_fresh(self) -> None:
        if not hasattr(self, "world"):
            return
        for device_id, history in self.history.items():
            device = self.world.house.directory.get(device_id)
            expected = self._expected(device)
            if not history or history[-1] != expected:
                history.append(expected)
            if self.world.host.gate.is_open:
                assert self._content(device, run(self.world.house.rendering.device_files(device))) == expected
                assert self.world.house.directory.get(device_id).configured is (expected is not None)
        while self.answers:
            device_id, since, content = self.answers.pop()
            assert content in self.history[device_id][since:]

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self._open()
            for call in self.world.clock.getDelayedCalls():
                call.cancel()

    @staticmethod
    def _content(device: Any, files: Any) -> Any:
        name = f"{device.mac.replace(':', '')}.cfg"
        return None if files is None else json.loads(files.files[name].content)

    def _expected(self, device: Any) -> list[Any] | None:
        """Make the files from the stored documents alone, in the plainest way."""
        rows = self.world.configs.rows
        raw = merged(
            self.world.house.flattening.base,
            device.config,
            lambda config_id: self.world.configs.config(config_id) if config_id in rows else None,
        )
        if raw is None or device.plugin in self.world.host.broken:
            return None
        revision = self.world.host.plugins[device.plugin].revision
        return [revision, device.id, device.mac, device.version, json.loads(json.dumps(completed(raw)))]

    def _do(self, work: Any) -> None:
        """Have a change done while other work is held up, as on a busy machine."""
        done = begin(work)
        if not done.called:
            self._open()
        with contextlib.suppress(ProvisiondError):
            run(done)

    def _open(self) -> None:
        self.world.host.gate.open()


Freshness.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestFreshness = Freshness.TestCase
