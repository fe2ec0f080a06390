"""Clusters, servers and device functions: what distributed programs are written with.

Reflow runs in one process. A cluster can be described, and nodes can be placed on its jobs by name, but no
server is started, except that a cluster of one task is this very process.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from reflow.base import errors, protos
from reflow.graph.device import DeviceSpec
from reflow.platform import logging

# The ops that hold state, which belong on parameter servers.
STANDARD_PS_OPS = (
    "Variable",
    "VariableV2",
    "AutoReloadVariable",
    "MutableHashTable",
    "MutableHashTableV2",
    "MutableHashTableOfTensors",
    "MutableHashTableOfTensorsV2",
    "MutableDenseHashTable",
    "MutableDenseHashTableV2",
    "VarHandleOp",
    "BoostedTreesEnsembleResourceHandleOp",
    "BoostedTreesQuantileStreamResourceHandleOp",
    "ResourceConditionalAccumulator",
)


class ClusterSpec:
    """The jobs of a cluster, each with the addresses of its tasks.

    Args:
        cluster: a dict from the names of jobs to lists of addresses, or to dicts of addresses by the numbers
            of the tasks; a ClusterDef message; or another ClusterSpec.

    TypeError for anything else.

    >>> import reflow as tf
    >>> cluster = tf.train.ClusterSpec({"ps": ["a:1"], "worker": ["b:1", "b:2"]})
    >>> cluster.num_tasks("worker"), cluster.task_address("worker", 1), cluster.jobs
    (2, 'b:2', ['ps', 'worker'])
    """

    def __init__(self, cluster: Any) -> None:
        if isinstance(cluster, ClusterSpec):
            cluster = cluster.as_cluster_def()
        if isinstance(cluster, Mapping):
            self._jobs = {name: _numbered(name, tasks) for name, tasks in cluster.items()}
        elif isinstance(cluster, protos.ClusterDef):
            self._jobs = {job.name: dict(job.tasks) for job in cluster.job}
        else:
            raise TypeError(
                "`cluster` must be a dictionary mapping one or more job names to lists of network addresses, "
                "or a `ClusterDef` protocol buffer"
            )
        self._cluster_def = _message(self._jobs)

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def __eq__(self, other: object) -> bool:
        return self._jobs == (other._jobs if isinstance(other, ClusterSpec) else other)

    __hash__ = None  # type: ignore[assignment]  # as in TensorFlow

    def __str__(self) -> str:
        jobs = self.as_dict()
        return f"ClusterSpec({{{', '.join(f'{name!r}: {jobs[name]!r}' for name in sorted(jobs))}}})"

    def as_dict(self) -> dict[str, Any]:
        """The jobs with their addresses: in a list, or in a dict where numbers are missing."""
        found: dict[str, Any] = {}
        for job, tasks in self._jobs.items():
            whole = bool(tasks) and max(tasks) + 1 == len(tasks)
            found[job] = self.job_tasks(job) if whole else {i: tasks[i] for i in self.task_indices(job)}
        return found

    def as_cluster_def(self) -> Any:
        """The cluster as a ClusterDef message."""
        return self._cluster_def

    @property
    def jobs(self) -> list[str]:
        """The names of the jobs."""
        return list(self._jobs)

    def _tasks(self, job_name: str) -> dict[int, str]:
        if job_name not in self._jobs:
            raise ValueError(f"No such job in cluster: {job_name!r}")
        return self._jobs[job_name]

    def num_tasks(self, job_name: str) -> int:
        """How many tasks a job has. ValueError if there is no such job."""
        return len(self._tasks(job_name))

    def task_indices(self, job_name: str) -> list[int]:
        """The numbers of a job's tasks. ValueError if there is no such job."""
        return sorted(self._tasks(job_name))

    def task_address(self, job_name: str, task_index: int) -> str:
        """The address of a task. ValueError if there is no such job or task."""
        tasks = self._tasks(job_name)
        if task_index not in tasks:
            raise ValueError(f"No task with index {task_index!r} in job {job_name!r}")
        return tasks[task_index]

    def job_tasks(self, job_name: str) -> list[str | None]:
        """The addresses of a job's tasks, None for missing numbers. ValueError if there is no such job."""
        tasks = self._tasks(job_name)
        return [tasks.get(i) for i in range(max(tasks) + 1)]


def _numbered(job: Any, tasks: Any) -> dict[int, str]:
    if isinstance(tasks, (list, tuple)):
        return dict(enumerate(tasks))
    if isinstance(tasks, Mapping):
        return dict(tasks)
    raise TypeError(f"The tasks for job {job!r} must be a list or a dictionary from integers to strings.")


def _text(value: Any, what: str) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise TypeError(f"{what} {value!r} must be bytes or unicode")
    return value


def _message(jobs: dict[str, dict[int, str]]) -> Any:
    message = protos.ClusterDef()
    for name, tasks in sorted(jobs.items()):
        job = message.job.add(name=_text(name, "Job name"))
        for number, address in sorted(tasks.items()):
            job.tasks[number] = _text(address, "Task address")
    return message


class Server:
    """A server of a cluster's task. Only a cluster of one task, which is this process, can have one.

    A session on its target, the empty one, is an ordinary session: what TensorFlow's sessions on one server
    share, their variables, is each session's own here. A warning says so.

    Args:
        server_or_cluster_def: a ClusterSpec or what makes one, or a ServerDef.
        job_name: the task's job; may be left out if there is only one.
        task_index: its number in the job; may be left out if there is only one.
        protocol: has no effect here.
        config: a ConfigProto that is entered in the ServerDef.
        start: has no effect here.

    Raises:
        tf.errors.UnimplementedError: the cluster has several tasks.
        TypeError, ValueError: there is no such task, or it is not clear which one it is.

    >>> import reflow as tf
    >>> server = tf.train.Server.create_local_server()
    >>> with tf.Graph().as_default(), tf.Session(server.target) as sess:
    ...     print(sess.run(tf.constant(3)))
    3
    """

    def __init__(
        self,
        server_or_cluster_def: Any,
        job_name: str | None = None,
        task_index: int | None = None,
        protocol: str | None = None,
        config: Any = None,
        start: bool = True,
    ) -> None:
        self._server_def = _server_def(server_or_cluster_def, job_name, task_index, protocol, config)
        cluster = ClusterSpec(self._server_def.cluster)
        count = sum(cluster.num_tasks(job) for job in cluster.jobs)
        if count != 1:
            raise errors.UnimplementedError(
                None,
                None,
                f"Server for task {self._server_def.task_index} of job {self._server_def.job_name!r}: the "
                f"cluster has {count} tasks, but Reflow has no servers and runs in one process. "
                "Run the program without a cluster, with an empty session target.",
            )
        cluster.task_address(self._server_def.job_name, self._server_def.task_index)
        logging.warning(
            "Reflow has no servers: sessions on this one do not share their variables with each other."
        )

    def start(self) -> None:
        """Nothing: the process runs already."""

    def join(self) -> None:
        """UnimplementedError: there is no server to wait for, and TensorFlow would wait without end."""
        raise errors.UnimplementedError(
            None, None, "Server.join: Reflow has no servers, so there is nothing to wait for"
        )

    @property
    def server_def(self) -> Any:
        """The ServerDef message."""
        return self._server_def

    @property
    def target(self) -> str:
        """The target for sessions: the empty one, which is this process."""
        return ""

    @staticmethod
    def create_local_server(config: Any = None, start: bool = True) -> Server:
        """The server of a cluster of one task, this process."""
        return Server({"local": ["localhost:0"]}, protocol="grpc", config=config, start=start)


def _server_def(
    given: Any, job_name: str | None, task_index: int | None, protocol: str | None, config: Any
) -> Any:
    message = protos.ServerDef()
    if isinstance(given, protos.ServerDef):
        message.CopyFrom(given)
    else:
        try:
            cluster = ClusterSpec(given)
        except TypeError as error:
            raise TypeError(
                "Could not convert `server_or_cluster_def` to a `tf.train.ServerDef` or "
                "`tf.train.ClusterSpec`."
            ) from error
        job_name = _only(cluster.jobs, "job_name") if job_name is None else job_name
        task_index = _only(cluster.task_indices(job_name), "task_index") if task_index is None else task_index
        message.cluster.CopyFrom(cluster.as_cluster_def())
        protocol = protocol or "grpc"
    for field, value in (("job_name", job_name), ("task_index", task_index), ("protocol", protocol)):
        if value is not None:
            setattr(message, field, value)
    if config is not None:
        message.default_session_config.MergeFrom(config)
    return message


def _only(items: list[Any], argument: str) -> Any:
    if len(items) != 1:
        raise ValueError(f"Must specify an explicit `{argument}`.")
    return items[0]


# Device functions


class _RoundRobin:
    """Gives the tasks in turn."""

    def __init__(self, tasks: int) -> None:
        self._tasks = tasks
        self._next = 0

    def __call__(self, op: Any) -> int:
        task = self._next
        self._next = (task + 1) % self._tasks
        return task


def replica_device_setter(
    ps_tasks: int = 0,
    ps_device: str = "/job:ps",
    worker_device: str = "/job:worker",
    merge_devices: bool = True,
    cluster: Any = None,
    ps_ops: Any = None,
    ps_strategy: Callable[[Any], int] | None = None,
) -> Callable[[Any], str] | None:
    """A function for `tf.device` that places variables on parameter servers, and all else on a worker.

    The names of the devices are kept in the graph; Reflow runs all in one process.

    Args:
        ps_tasks: how many parameter servers there are.
        ps_device: the device of their job.
        worker_device: the device for all else.
        merge_devices: fill in what a node's own device does not say; otherwise leave such nodes alone.
        cluster: a ClusterSpec or what makes one, which gives `ps_tasks`.
        ps_ops: the types of the ops that are placed on parameter servers; those that hold state by default.
        ps_strategy: gives an op its server's number; in turn by default.

    Returns:
        The function; None if there are no parameter servers.

    TypeError if `cluster` is no cluster, or `ps_strategy` cannot be called.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.device(tf.train.replica_device_setter(ps_tasks=2)):
    ...     v, w = tf.Variable(1.0), tf.Variable(2.0)
    ...     print(v.device, w.device, (v + w).device)
    /job:ps/task:0 /job:ps/task:1 /job:worker
    """
    if cluster is not None:
        jobs = ClusterSpec(cluster).as_dict()
        ps_tasks = len(jobs.get(str(DeviceSpec.from_string(ps_device).job), ()))
    if ps_tasks == 0:
        return None
    if not merge_devices:
        logging.warning("DEPRECATION: It is recommended to set merge_devices=true in replica_device_setter")
    strategy = _RoundRobin(ps_tasks) if ps_strategy is None else ps_strategy
    if not callable(strategy):
        raise TypeError("ps_strategy must be callable")
    held = STANDARD_PS_OPS if ps_ops is None else tuple(ps_ops)

    def placed(op: Any) -> str:
        if op.device and not merge_devices:
            return str(op.device)
        own = DeviceSpec.from_string(op.device or "")
        # A NodeDef has its type in `op`.
        if not (ps_device and (op.op if isinstance(op, protos.NodeDef) else op.type) in held):
            return own.merged_over(DeviceSpec.from_string(worker_device or "")).to_string()
        server = DeviceSpec.from_string(ps_device)
        if server.job and own.job in (None, server.job):
            server = dataclasses.replace(server, task=strategy(op))
        return own.merged_over(server).to_string()

    return placed
