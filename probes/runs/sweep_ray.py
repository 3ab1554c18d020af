"""A sweep on Ray: workers that hold a model each are asked units, and write the parts of the run folders themselves.

This process plans, gives units to workers, and measures. The unit of a worker that dies is given to another; what was
stored of it is not asked again. If this process dies, the same command begins where the store stands. The store is a
folder that all machines see at the same path, as are the models and tasks that the sweep names as files.
"""

import json
import logging
import os
import signal
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from icl.errors import UserError
from probes.runs.sweep import Told, Work, failing, measure_cell
from probes.runs.sweep_plan import Plans
from probes.runs.sweep_worker import Worker, about
from probes.runs.units import Unit
from probes.terminal.progress import phase

__all__ = ["RayEngine", "ray_engine"]

_LOCAL = "local"

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anyone
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a warning of a change to come
}
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Makes a cluster of this machine alone listen at 127.0.0.1, as it does on Windows and macOS."""

_RESTARTS = 3
"""Times that Ray starts a worker again, and that a unit is given to another worker, before that is given up."""

_SECONDS_TO_REACH, _SECONDS_TO_STOP, _POLLED = 5.0, 20.0, 0.3

_BESIDE_WEIGHTS = 1.5e9
"""Bytes that a worker takes beside weights and reading: Python, its libraries, prompts."""

_READING = 1.0
"""Gigabytes for reading, in a worker that computes on a processor and is told no number by --memory."""


@dataclass(frozen=True, slots=True)
class _Need:
    """What a worker must have for a model."""

    gpus: int
    memory: int

    def fits(self, held: "_Need") -> bool:
        return self.gpus == held.gpus and self.memory <= held.memory


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """A unit to be asked; without one, a comparison of reduced precision with float32."""

    work: Work
    model: str
    unit: Unit | None

    @property
    def key(self) -> str:
        return self.work.keys[self.model]


@dataclass(slots=True, eq=False)
class _Hired:
    """A worker, and what it is busy with: nothing but its start where there is no item."""

    actor: Any
    need: _Need
    ref: Any
    key: str
    item: _Item | None = None
    is_ready: bool = False
    failures: int = 0
    asked_how_far: Any = None
    far: tuple[float, int] = (0.0, 0)
    later: float = field(default=0.0)


@contextmanager
def ray_engine(where: str) -> Iterator["RayEngine"]:
    """Start Ray on this machine (``local`` or ``local:WORKERS``) or join a cluster (``HOST:PORT``, ``auto``).

    Raises
    ------
    UserError
        If Ray is not installed, or the cluster cannot be reached.
    """
    num_workers = _local_workers(where)
    os.environ.update(_ENVIRONMENT | (_LOOPBACK if num_workers else {}))
    if num_workers is None and where != "auto":
        _check_reachable(where)
    try:
        import ray
    except ModuleNotFoundError:
        raise UserError("--ray needs the package ray; install it with `pip install 'icl-probe-lab[ray]'`.") from None
    _quieten(ray)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    started: dict[str, Any] = {"address": where} if num_workers is None else {"address": _LOCAL}
    if num_workers is not None:
        started |= {"num_cpus": num_workers, "include_dashboard": False, "object_store_memory": 100_000_000}
    try:
        with phase("starting Ray"):
            ray.init(**started, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(f"Ray at {where} cannot be used ({first}); check the address, or use --ray local.") from error
    try:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():  # Ray has put its own in their place
                signal.signal(number, handler)
        yield RayEngine(ray, where, num_workers)
    finally:
        ray.shutdown()


def _local_workers(where: str) -> int | None:
    """Workers of a cluster of this machine; None where it is another's."""
    name, _, number = where.partition(":")
    if name != _LOCAL:
        return None
    if not number and where == _LOCAL:
        return os.cpu_count() or 1
    if not number.isdigit() or int(number) < 1:
        raise UserError(f"--ray local takes a number of workers, got '{where}'; write for example local:2.")
    return int(number)


def _check_reachable(where: str) -> None:
    """Find out at once whether somebody listens; Ray itself would try for a long time."""
    host, _, port = where.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise UserError(
            f"--ray takes local, local:WORKERS, auto or HOST:PORT, got '{where}'; write for example local:2."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS_TO_REACH).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"Ray at {where} cannot be reached ({getattr(error, 'strerror', None) or error}); check the address, and "
            "that `ray start --head` runs there, or use --ray local."
        ) from error


def _quieten(ray: Any) -> None:
    """Workers that die are told by the sweep; Ray prints a paragraph about each, which no option turns off."""
    ray._private.worker.print_to_stdstream = lambda *arguments, **options: None


class RayEngine:
    """Gives what is left of a sweep to workers of Ray, see `probes.runs.sweep.Engine`."""

    def __init__(self, ray: Any, where: str, num_local: int | None):
        self._ray, self._where = ray, where
        self._has = ray.cluster_resources()
        self._most = num_local or max(1, int(self._has.get("CPU", 1)))
        self._queues: dict[str, deque[_Item]] = {}
        self._hired: list[_Hired] = []
        self._tries: Counter[str] = Counter()
        self._open: Counter[int] = Counter()
        self._deaths_at_start = 0
        self.num_deaths = 0

    def __call__(self, works: Sequence[Work], plans: Plans, told: Told) -> None:
        """Ask and measure; see `probes.runs.sweep.Engine`."""
        self._told = told
        self._resources = plans.resources
        self._works = [work for work in works if not work.is_finished]
        self._needs = self._needs_of(plans)
        for work in self._works:
            for model, units in work.left.items():
                for unit in units:
                    self._enqueue(_Item(work, model, unit))
                if not units:
                    self._enqueue_comparison(work, model)
        self._to_measure = deque(work for work in self._works if not self._open[id(work)])
        try:
            while any(self._queues.values()) or any(one.item for one in self._hired) or self._to_measure:
                self._step()
        except (KeyboardInterrupt, UserError):
            self._stop()
            raise

    def _step(self) -> None:
        """Hire, give work, take what is done, measure one cell."""
        self._hire()
        for one in list(self._hired):
            if one.is_ready and one.item is None:
                self._give(one)
        busy = [one for one in self._hired if one.ref is not None and time.monotonic() >= one.later]
        if busy:
            wait = 0.0 if self._to_measure else _POLLED
            ready, _ = self._ray.wait([one.ref for one in busy], num_returns=1, timeout=wait)
            for one in busy:
                if one.ref in ready:
                    self._take(one)
        elif not self._to_measure:
            time.sleep(_POLLED)
        if self._to_measure:
            work = self._to_measure.popleft()
            with failing(work):
                measure_cell(work)
        self._show()

    def _needs_of(self, plans: Plans) -> dict[str, _Need]:
        """What each model needs, and that some machine has it."""
        found: dict[str, _Need] = {}
        for work in self._works:
            for scorer in plans.of(work.cell).scorers:
                key = work.keys[scorer.name]
                if key in found:
                    continue
                on_gpu = scorer.identity().get("device", "cpu") != "cpu"
                reading = (self._resources.memory or (0.0 if on_gpu else _READING)) * 1e9 if scorer.has_weights else 0.0
                weights = 0 if on_gpu else scorer.weight_bytes()
                found[key] = _Need(int(on_gpu), int(weights + reading + _BESIDE_WEIGHTS))
                self._check_placed(scorer.name, found[key])
        return found

    def _check_placed(self, model: str, need: _Need) -> None:
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if not any(node.get("GPU", 0) >= need.gpus and node.get("memory", 0) >= need.memory for node in nodes):
            gpu = "a GPU and " if need.gpus else ""
            raise UserError(
                f"no machine of Ray at {self._where} has what model '{model}' needs ({gpu}{need.memory / 1e9:.1f} GB "
                "of memory); add one, or give a smaller --memory."
            )

    def _enqueue(self, item: _Item, *, first: bool = False) -> None:
        queue = self._queues.setdefault(item.key, deque())
        queue.appendleft(item) if first else queue.append(item)
        if not first:
            self._open[id(item.work)] += 1

    def _enqueue_comparison(self, work: Work, model: str) -> None:
        is_reduced = json.loads(work.keys[model])[1].get("dtype", "float32") not in ("float32", "")
        if is_reduced and model not in work.folder.manifest["precision"]:
            self._enqueue(_Item(work, model, None))

    def _hire(self) -> None:
        """Start workers until there are enough; those for which there is no room yet wait in Ray."""
        while len(self._hired) < min(self._most, sum(map(len, self._queues.values())) + self._num_busy()):
            if any(one.is_ready and one.item is None for one in self._hired):
                return  # somebody is free
            key = self._next_key()
            if key is None:
                return
            need = self._needs[key]
            if need.gpus and sum(one.need.gpus for one in self._hired) + need.gpus > int(self._has.get("GPU", 0)):
                return
            remote = self._ray.remote(Worker).options(
                num_cpus=1, num_gpus=need.gpus, memory=need.memory, max_restarts=_RESTARTS, max_concurrency=2
            )
            resources = self._resources
            if resources.memory is None and not need.gpus:
                resources = replace(resources, memory=_READING)  # workers share a machine: none takes half of it
            actor = remote.remote(resources, os.getcwd())
            self._hired.append(_Hired(actor, need, actor.lab.remote(), key))

    def _num_busy(self) -> int:
        return sum(one.item is not None for one in self._hired)

    def _next_key(self, held: _Hired | None = None) -> str | None:
        """The model with most units for each of its workers; a worker keeps its own as long as it has any."""
        if held is not None and self._queues.get(held.key):
            return held.key
        counts = Counter(one.key for one in self._hired if one is not held)
        keys = [key for key, queue in self._queues.items() if queue]
        if held is not None:
            keys = [key for key in keys if self._needs[key].fits(held.need)]
        return max(keys, key=lambda key: len(self._queues[key]) / (counts[key] + 1), default=None)

    def _give(self, one: _Hired) -> None:
        key = self._next_key(one)
        if key is None:
            if any(self._queues.values()):  # which other workers must do
                self._ray.kill(one.actor)
                self._hired.remove(one)
            return
        one.key, one.item = key, self._queues[key].popleft()
        work, model = one.item.work, one.item.model
        given = (work.cell, work.folder.path.absolute(), model, key)
        if one.item.unit is None:
            one.ref = one.actor.compare.remote(*given)
        else:
            one.ref = one.actor.ask.remote(*given, one.item.unit.id)

    def _take(self, one: _Hired) -> None:
        """Take what a worker has done, or see that it has died."""
        exceptions = self._ray.exceptions
        try:
            result = self._ray.get(one.ref)
        except exceptions.RayActorError as error:
            self._died(one, error, is_gone=not isinstance(error, exceptions.ActorUnavailableError))
            return
        one.failures = 0
        item, one.item, one.ref, one.far = one.item, None, None, (0.0, 0)
        if item is None:
            _check_same_lab(result, self._where)
            one.is_ready = True
        else:
            self._note(item, result)

    def _note(self, item: _Item, result: dict[str, Any]) -> None:
        """Record what came of an item."""
        work, model = item.work, item.model
        if result.get("stops"):
            raise UserError(result["failure"])
        if "failure" in result:
            work.failure = work.failure or UserError(result["failure"])
            for queue in self._queues.values():
                for other in [other for other in queue if other.work is work]:
                    queue.remove(other)
            return
        with work.folder.locked():
            manifest = work.folder.manifest
            manifest["precision"] |= result.get("precision", {})
            if reading := result.get("reading"):
                manifest["reading"][model] = _added(manifest["reading"].get(model, {}), reading)
            if result.get("cached"):
                manifest["from_cache"][model] = manifest["from_cache"].get(model, 0) + result["cached"]
            work.folder.write_manifest(manifest)
        if item.unit is not None:
            self._told.finished([item.unit], result["tokens"])
            work.left[model].remove(item.unit)
            if not work.left[model]:
                self._enqueue_comparison(work, model)
        self._open[id(work)] -= 1
        if not self._open[id(work)] and work.failure is None:
            self._to_measure.append(work)

    def _died(self, one: _Hired, error: Exception, *, is_gone: bool) -> None:
        """Give a dead worker's unit to another; Ray starts the worker again, unless it has died too often."""
        item, one.item, one.is_ready, one.far = one.item, None, False, (0.0, 0)
        self.num_deaths += item is not None
        if item is not None:
            self._tries[item.unit.id if item.unit else item.model] += 1
            if self._tries[item.unit.id if item.unit else item.model] > _RESTARTS:
                item.work.failure = UserError(
                    f"{_RESTARTS + 1} workers died while they asked '{item.model}'; they may have run out of memory, "
                    "so use fewer workers or a smaller --memory."
                )
            else:
                self._enqueue(item, first=True)
        elif is_gone:
            self._deaths_at_start += 1
            if self._deaths_at_start > _RESTARTS:
                reason = next((line for line in reversed(str(error).splitlines()) if "Error" in line), str(error))
                raise UserError(
                    f"workers of Ray at {self._where} cannot start ({reason.strip()}); install the same icl-probe-lab "
                    "on every machine."
                )
        one.failures += 1
        if is_gone or one.failures > 100:
            self._hired.remove(one)
            return
        one.later = time.monotonic() + _POLLED
        one.ref = one.actor.lab.remote()

    def _show(self) -> None:
        """Ask workers how far they are, and show the whole."""
        for one in self._hired:
            if one.item is None:
                one.asked_how_far = None
            elif one.asked_how_far is None:
                one.asked_how_far = one.actor.how_far.remote()
            elif self._ray.wait([one.asked_how_far], timeout=0)[0]:
                with suppress(self._ray.exceptions.RayError):
                    one.far = self._ray.get(one.asked_how_far)
                one.asked_how_far = None
        far = [one.far for one in self._hired if one.item is not None]
        self._told.show(sum(prompts for prompts, _ in far), sum(tokens for _, tokens in far))

    def _stop(self) -> None:
        """Let workers store what has come."""
        busy = [one for one in self._hired if one.item is not None]
        for one in busy:
            one.actor.stop.remote()
        if busy:
            self._ray.wait([one.ref for one in busy], num_returns=len(busy), timeout=_SECONDS_TO_STOP)


def _added(before: dict[str, Any], reading: dict[str, Any]) -> dict[str, Any]:
    """Add up what several units read; the ratio follows from the sums."""
    numbers = {name for name, value in reading.items() if isinstance(value, int | float)}
    found = {name: value + before.get(name, 0) if name in numbers else value for name, value in reading.items()}
    if "tokens_per_node" in found:
        found["tokens_per_node"] = round(found["tokens_forwarded"] / found["trie_nodes"], 3)
    return found


def _check_same_lab(found: dict[str, str], where: str) -> None:
    """Refuse workers that might answer otherwise."""
    own = about()
    for name, expected in own.items():
        if found.get(name) != expected:
            what = "code of the lab" if name == "code" else name
            raise UserError(
                f"workers of Ray at {where} have another version of the lab ({what}: {found.get(name)} there, "
                f"{expected} here); install the same on every machine."
            )
