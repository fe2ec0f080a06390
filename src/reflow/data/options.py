"""Options of datasets (`tf.data.Options`). They are part of the graph; few of them change anything here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class OptionsBase:
    """A set of named options. Setting one that is not there raises AttributeError, a value of a wrong type
    TypeError."""

    _options: dict[str, Any]

    def __init__(self) -> None:
        object.__setattr__(self, "_options", {})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        names = {*self._options, *other._options}
        return all(getattr(self, name) == getattr(other, name) for name in names)

    __hash__ = None  # type: ignore[assignment]

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(self, name):
            raise AttributeError(f"Cannot set the property {name} on {type(self).__name__}.")
        object.__setattr__(self, name, value)


def _option(name: str, kind: Any, default: Callable[[], Any] = lambda: None) -> Any:
    """A property that holds one option."""

    def get(options: Any) -> Any:
        if name not in options._options:
            options._options[name] = default()
        return options._options[name]

    def put(options: Any, value: Any) -> None:
        if not isinstance(value, kind):
            raise TypeError(
                f'Property "{name}" must be of type {kind}, got: {value!r} (type: {type(value)!r})'
            )
        options._options[name] = value

    return property(get, put)


class MapVectorizationOptions(OptionsBase):
    """How map transformations are vectorized.

    >>> import reflow as tf
    >>> options = tf.data.experimental.MapVectorizationOptions()
    >>> options.enabled = True
    """

    enabled = _option("enabled", bool)
    use_choose_fastest = _option("use_choose_fastest", bool)

    def _static_optimizations(self) -> list[str]:
        return ["map_vectorization"] if self.enabled else []

    def _static_optimization_configs(self) -> list[str]:
        return [f"map_vectorization:use_choose_fastest:{'true' if self.use_choose_fastest else 'false'}"]


_DEFAULT = ("map_and_batch_fusion", "noop_elimination", "shuffle_and_repeat_fusion")
_OPTIMIZATIONS = (
    "filter_fusion",
    "filter_with_random_uniform_fusion",
    "hoist_random_uniform",
    "map_and_batch_fusion",
    "map_and_filter_fusion",
    "map_parallelization",
    "map_fusion",
    "noop_elimination",
    "parallel_batch",
    "shuffle_and_repeat_fusion",
)


class OptimizationOptions(OptionsBase):
    """Which rewrites a pipeline gets.

    >>> import reflow as tf
    >>> options = tf.data.Options()
    >>> options.experimental_optimization.apply_default_optimizations = False
    """

    apply_default_optimizations = _option("apply_default_optimizations", bool)
    autotune = _option("autotune", bool)
    autotune_algorithm = _option("autotune_algorithm", int)
    autotune_buffers = _option("autotune_buffers", bool)
    autotune_cpu_budget = _option("autotune_cpu_budget", int)
    filter_fusion = _option("filter_fusion", bool)
    filter_with_random_uniform_fusion = _option("filter_with_random_uniform_fusion", bool)
    hoist_random_uniform = _option("hoist_random_uniform", bool)
    map_and_batch_fusion = _option("map_and_batch_fusion", bool)
    map_and_filter_fusion = _option("map_and_filter_fusion", bool)
    map_fusion = _option("map_fusion", bool)
    map_parallelization = _option("map_parallelization", bool)
    map_vectorization = _option("map_vectorization", MapVectorizationOptions, MapVectorizationOptions)
    noop_elimination = _option("noop_elimination", bool)
    parallel_batch = _option("parallel_batch", bool)
    shuffle_and_repeat_fusion = _option("shuffle_and_repeat_fusion", bool)

    def _static_optimizations(self) -> list[str]:
        names = {n for n in _OPTIMIZATIONS if getattr(self, n)}
        if self.apply_default_optimizations is not False:
            names.update(n for n in _DEFAULT if getattr(self, n) is not False)
        names.update(self.map_vectorization._static_optimizations())
        if self.autotune is not False and self.autotune_buffers:
            names.add("inject_prefetch")
        return sorted(names)

    def _static_optimization_configs(self) -> list[str]:
        return self.map_vectorization._static_optimization_configs()  # type: ignore[no-any-return]


class ThreadingOptions(OptionsBase):
    """How many threads a pipeline uses.

    >>> import reflow as tf
    >>> options = tf.data.Options()
    >>> options.experimental_threading.private_threadpool_size = 2
    """

    max_intra_op_parallelism = _option("max_intra_op_parallelism", int)
    private_threadpool_size = _option("private_threadpool_size", int)


class DistributeOptions(OptionsBase):
    """How a pipeline is shared between workers.

    >>> import reflow as tf
    >>> tf.data.experimental.DistributeOptions().auto_shard
    True
    """

    auto_shard = _option("auto_shard", bool, lambda: True)
    _make_stateless = _option("_make_stateless", bool)
    num_devices = _option("num_devices", int)


class StatsOptions(OptionsBase):
    """What is measured while a pipeline runs.

    >>> import reflow as tf
    >>> tf.data.experimental.StatsOptions().prefix
    ''
    """

    aggregator = _option("aggregator", object)
    prefix = _option("prefix", str, str)
    counter_prefix = _option("counter_prefix", str, str)
    latency_all_edges = _option("latency_all_edges", bool)


class Options(OptionsBase):
    """Options of a dataset, given with `dataset.with_options(options)`.

    >>> import reflow as tf
    >>> options = tf.data.Options()
    >>> options.experimental_deterministic = False
    >>> tf.data.Dataset.range(3).with_options(options).options().experimental_deterministic
    False
    """

    experimental_deterministic = _option("experimental_deterministic", bool)
    experimental_distribute = _option("experimental_distribute", DistributeOptions, DistributeOptions)
    experimental_optimization = _option("experimental_optimization", OptimizationOptions, OptimizationOptions)
    experimental_slack = _option("experimental_slack", bool)
    experimental_stats = _option("experimental_stats", StatsOptions, StatsOptions)
    experimental_threading = _option("experimental_threading", ThreadingOptions, ThreadingOptions)
    experimental_stateful_whitelist = _option("experimental_stateful_whitelist", list)

    def _static_optimizations(self) -> list[str]:
        names = self.experimental_optimization._static_optimizations()
        if self.experimental_deterministic is False:
            names.append("make_sloppy")
        if self.experimental_stats.latency_all_edges:
            names.append("latency_all_edges")
        if self.experimental_slack:
            names.append("slack")
        if self.experimental_distribute._make_stateless:
            names.append("make_stateless")
        return names  # type: ignore[no-any-return]

    def _static_optimization_configs(self) -> list[str]:
        configs = self.experimental_optimization._static_optimization_configs()
        if self.experimental_slack:
            configs.append(f"slack:slack_period:{self.experimental_distribute.num_devices or 1}")
        return configs  # type: ignore[no-any-return]

    def merge(self, options: Any) -> Any:
        """These options with what `options` sets. ValueError when both set one to different values."""
        return merged(self, options)


def merged(first: Any, *others: Any) -> Any:
    """Several options of one type in one. ValueError for contradictions, TypeError for different types."""
    kind = type(first)
    default, result = kind(), kind()
    for options in (first, *others):
        if not isinstance(options, kind):
            raise TypeError(f"Incompatible options type: {kind!r} vs {type(options)!r}")
        for name in options._options:
            _merge_one(result, default, name, getattr(options, name))
    return result


def _merge_one(result: Any, default: Any, name: str, that: Any) -> None:
    this = getattr(result, name)
    if that == getattr(default, name):
        return
    if this == getattr(default, name):
        setattr(result, name, that)
    elif isinstance(this, OptionsBase):
        setattr(result, name, merged(this, that))
    elif this != that:
        raise ValueError(f"Cannot merge incompatible values ({this!r} and {that!r}) of option: {name}")
