"""Small monitored trainings that are recorded under TensorFlow 1.15 and repeated under Reflow.

A program is a function of a ``tf`` module and a folder; it returns facts that JSON can hold. Its log lines
are recorded too. This file imports neither system, and runs on Python 3.7.
"""

import logging
import os
import re

import numpy as np

PROGRAMS = {}
UNORDERED = {"supervisor_services"}  # programs whose threads log in any order
NUMBERS = (
    (re.compile(r"\([\d.]+ sec\)"), "(T sec)"),
    (re.compile(r"\d{4}-\d\d-\d\d[-T][\d:]+Z?"), "NOW"),
    (re.compile(r"(/sec): [\d.e+-]+"), r"\1: N"),
    # Long explanations, and the texts of other errors, are each system's own.
    (re.compile(r"^(An (?:error was raised|OutOfRangeError)\b[^.]{,40}).*", re.DOTALL), r"\1"),
    (re.compile(r"<class '[\w.]*\.(\w+)'>, ([^\n]*).*", re.DOTALL), r"\1 \2"),
)
# What another room logs, and what TensorFlow says of its own functions.
# TensorFlow's reading of the step is a race with its increment, so its warnings come and go.
NOT_OURS = (
    "contrib module",
    "new checkpoint at",
    "It seems that global step",
    "Restoring parameters",
    "deprecated",
    "Instructions for updating",
    "*****",
    "FileSystem",
)


def program(function):
    PROGRAMS[function.__name__] = function
    return function


class Lines(logging.Handler):
    """The log lines, without what differs from run to run."""

    def __init__(self, folder):
        logging.Handler.__init__(self)
        self.folder = folder
        self.lines = []

    def emit(self, record):
        text = record.getMessage().replace(self.folder, "DIR")
        if any(other in text for other in NOT_OURS):
            return
        for pattern, mark in NUMBERS:
            text = pattern.sub(mark, text)
        self.lines.append("%s %s" % (record.levelname, text))


def run(tf, name, folder):
    """What a program gives: its facts, its log, its graph."""
    logger = logging.getLogger("tensorflow")
    tf.logging.set_verbosity(tf.logging.INFO)
    handler = Lines(folder)
    logger.addHandler(handler)
    propagate, logger.propagate = logger.propagate, False
    others = [h for h in logger.handlers if h is not handler]
    for other in others:
        logger.removeHandler(other)
    try:
        with tf.Graph().as_default() as graph:
            tf.set_random_seed(1)
            facts = PROGRAMS[name](tf, folder)
            nodes = [
                "|".join([op.name, op.type] + [t.name for t in op.inputs]) for op in graph.get_operations()
            ]
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
        for other in others:
            logger.addHandler(other)
        tf.logging.set_verbosity(tf.logging.WARN)
        tf.summary.FileWriterCache.clear()
    lines = sorted(handler.lines) if name in UNORDERED else handler.lines
    return {"facts": facts, "log": lines, "nodes": nodes}


def plain(value):
    """Values as JSON holds them."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def told(tf):
    """A list, and a hook class whose objects write their calls to it."""
    calls = []

    class Told(tf.train.SessionRunHook):
        def __init__(self, name, fetches=None, feed=None, stop_at=None, fail=None):
            self.name, self.fetches, self.feed, self.fail = name, fetches, feed, fail or {}
            self.stop_at = stop_at
            self.runs = 0

        def note(self, method, *what):
            calls.append(" ".join([self.name, method] + [str(plain(w)) for w in what]))
            error = self.fail.get(method)
            if isinstance(error, list):
                error = error.pop(0) if error else None
            if error is not None:
                raise error

        def begin(self):
            self.note("begin", tf.get_default_graph().finalized)

        def after_create_session(self, session, coord):
            self.note("after_create_session", tf.get_default_graph().finalized, coord.should_stop())

        def before_run(self, run_context):
            args = run_context.original_args
            self.note("before_run", len(args.feed_dict or {}), run_context.stop_requested)
            if self.fetches is None and self.feed is None:
                return None
            return tf.train.SessionRunArgs(self.fetches, self.feed)

        def after_run(self, run_context, run_values):
            self.runs += 1
            self.note("after_run", run_values.results, run_context.stop_requested)
            if self.runs == self.stop_at:
                run_context.request_stop()

        def end(self, session):
            self.note("end")

    return calls, Told


def files(folder):
    """The files of a folder, without those whose names hold the time."""
    return sorted(f for f in os.listdir(folder) if "tfevents" not in f)


def events(tf, folder):
    """What the event files of a folder say, in order."""
    tf.summary.FileWriterCache.clear()  # writes out what is held back
    found = []
    for name in sorted(os.listdir(folder)):
        if "tfevents" in name:
            for event in tf.train.summary_iterator(os.path.join(folder, name)):
                kind = event.WhichOneof("what")
                text = "%s %d" % (kind, event.step)
                if kind == "summary":
                    text += " " + ",".join(v.tag for v in event.summary.value)
                elif kind == "session_log":
                    text += " %d %s" % (
                        event.session_log.status,
                        event.session_log.checkpoint_path.replace(folder, "DIR"),
                    )
                found.append(text)
    return found


def outcome(function):
    """The type and text of what a function raises; None if it raises nothing."""
    try:
        function()
    except Exception as error:
        text = str(error)
        return "%s: %s" % (type(error).__name__, text.split("\n")[0])
    return None


def model(tf, ordered=True):
    """A regression with a global step: its train op, its loss, its step.

    Where it is ordered, hooks read the step before it is incremented; otherwise TensorFlow has a race.
    """
    step = tf.train.get_or_create_global_step()
    read = step.read_value() + 0 if ordered else None
    if ordered:
        tf.add_to_collection("global_step_read_op_cache", read)
    w = tf.get_variable("w", [], initializer=tf.constant_initializer(4.0))
    loss = tf.square(w - 1.0, name="loss")
    tf.summary.scalar("loss", loss)
    with tf.control_dependencies([read] if ordered else []):
        train = tf.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=step)
    return train, loss, step


# Sessions


@program
def order_of_hooks(tf, folder):
    calls, Told = told(tf)
    x = tf.placeholder(tf.float32, [], name="x")
    a = tf.constant(3.0, name="a")
    hooks = [Told("first", fetches=a), Told("second", fetches={"x": x}, stop_at=2), Told("third")]
    with tf.train.MonitoredSession(hooks=hooks) as sess:
        while not sess.should_stop():
            calls.append("run %s" % plain(sess.run([x, a], feed_dict={x: 5.0})))
        late = outcome(lambda: sess.run(a))
    return [calls, late, tf.get_default_graph().finalized, outcome(sess.close), sess.should_stop()]


@program
def singular(tf, folder):
    calls, Told = told(tf)
    v = tf.Variable(2.0, name="v")
    sess = tf.train.SingularMonitoredSession(hooks=[Told("h", fetches=v)])
    value = sess.run(v)
    inner = type(sess.raw_session()).__name__
    sess.close()
    return [calls, plain(value), inner, sess.should_stop(), sess.graph is None]


@program
def feeds_of_hooks(tf, folder):
    calls, Told = told(tf)
    x, y = tf.placeholder(tf.float32, [], name="x"), tf.placeholder(tf.float32, [], name="y")
    with tf.train.SingularMonitoredSession(hooks=[Told("h", feed={x: 1.0})]) as sess:
        both = plain(sess.run([x, y], {y: 2.0}))
        clash = outcome(lambda: sess.run(x, {x: 3.0})).split(" Conflict")[0]
    hooks = [tf.train.FeedFnHook(lambda: {x: 1.0}), tf.train.FeedFnHook(lambda: {x: 2.0})]
    with tf.train.SingularMonitoredSession(hooks=hooks) as sess:
        two = outcome(lambda: sess.run(x)).split(" Conflict")[0]
    return [calls, both, clash, two]


@program
def end_of_input(tf, folder):
    calls, Told = told(tf)
    value = tf.data.Dataset.range(3).make_one_shot_iterator().get_next()
    with tf.train.MonitoredSession(hooks=[Told("h", fetches=value)]) as sess:
        while not sess.should_stop():
            calls.append("run %d" % sess.run(value))
    return calls


def failing(tf, method, error):
    calls, Told = told(tf)
    c = tf.constant(1, name="c")

    def go():
        with tf.train.MonitoredSession(hooks=[Told("a"), Told("b", fail={method: error}), Told("c")]) as sess:
            sess.run(c)
            calls.append("ran")

    return [outcome(go), calls, tf.get_default_graph().finalized]


for _method in ("begin", "after_create_session", "before_run", "after_run", "end"):

    def _fails(tf, folder, method=_method):
        return failing(tf, method, ValueError("no " + method))

    def _stops(tf, folder, method=_method):
        return failing(tf, method, tf.errors.OutOfRangeError(None, None, "the end"))

    def _lost(tf, folder, method=_method):
        if method in ("begin", "end"):
            return failing(tf, method, [tf.errors.AbortedError(None, None, "lost")])
        return failing(
            tf,
            method,
            [
                tf.errors.AbortedError(None, None, "lost"),
                None,
                tf.errors.UnavailableError(None, None, "lost again"),
            ],
        )

    for _title, _function in (("error", _fails), ("end", _stops), ("lost", _lost)):
        PROGRAMS["%s_in_%s" % (_title, _method)] = _function


@program
def error_of_the_user(tf, folder):
    calls, Told = told(tf)

    def go(error):
        with tf.train.MonitoredSession(hooks=[Told("h")]):
            raise error

    errors = [
        KeyError("mine"),
        tf.errors.OutOfRangeError(None, None, "end"),
        StopIteration("stop"),
        tf.errors.AbortedError(None, None, "lost"),
    ]
    return [[outcome(lambda e=e: go(e)) for e in errors], calls]


@program
def recovery_restores(tf, folder):
    """After an AbortedError the newest checkpoint is taken up."""
    train, _, _ = model(tf)
    calls, Told = told(tf)
    lost = [None, None, None, tf.errors.AbortedError(None, None, "lost")]
    scaffold = tf.train.Scaffold()
    hooks = [
        tf.train.CheckpointSaverHook(folder, save_steps=2, scaffold=scaffold),
        tf.train.StopAtStepHook(last_step=5),
        Told("h", fail={"after_run": lost}),
    ]
    creator = tf.train.ChiefSessionCreator(scaffold, checkpoint_dir=folder)
    with tf.train.MonitoredSession(creator, hooks=hooks) as sess:
        while not sess.should_stop():
            sess.run(train)
    return [calls, files(folder)]


@program
def step_functions(tf, folder):
    calls, Told = told(tf)
    c = tf.constant(7, name="c")

    class Owner:
        def step(self, step_context):
            return step_context.session.run(c)

    def with_hooks(step_context):
        return plain(step_context.run_with_hooks(fetches=c))

    def stops(step_context):
        step_context.request_stop()

    with tf.train.MonitoredSession(hooks=[Told("h")]) as sess:
        values = [plain(sess.run_step_fn(Owner().step)), sess.run_step_fn(with_hooks)]
        wrong = (
            outcome(lambda: sess.run_step_fn(lambda: 1)),
            outcome(lambda: sess.run_step_fn(lambda a, b: 1)),
        )
        sess.run_step_fn(stops)
        calls.append("not reached")
    return [calls, values, wrong]


@program
def threads_that_fail(tf, folder):
    """A queue runner's exception is raised by the session."""
    queue = tf.FIFOQueue(2, [tf.float32], shapes=[[]], name="queue")
    bad = tf.check_numerics(tf.constant(np.nan), "bad input", name="check")
    tf.train.add_queue_runner(tf.train.QueueRunner(queue, [queue.enqueue(bad)]))
    value = queue.dequeue()

    def go():
        with tf.train.MonitoredSession() as sess:
            while not sess.should_stop():
                sess.run(value)

    return outcome(go).split(":")[0]


@program
def queues_that_end(tf, folder):
    value = tf.train.input_producer(tf.constant([1, 2, 3]), num_epochs=1, shuffle=False).dequeue()
    found = []
    with tf.train.MonitoredSession() as sess:
        while not sess.should_stop():
            found.append(int(sess.run(value)))
    return found


# Scaffolds


@program
def scaffold_parts(tf, folder):
    tf.get_variable("v", [2], initializer=tf.zeros_initializer())
    tf.Variable(1.0, name="local", trainable=False, collections=[tf.GraphKeys.LOCAL_VARIABLES])
    tf.summary.scalar("s", tf.constant(1.0))
    scaffold = tf.train.Scaffold().finalize()
    keys = ["init_op", "ready_op", "ready_for_local_init_op", "local_init_op", "summary_op"]
    names = [getattr(scaffold, k).name for k in keys]
    held = [tf.get_collection(k)[0] is getattr(scaffold, k) for k in keys]
    tf.get_default_graph()._unsafe_unfinalize()
    other = tf.train.Scaffold(init_op="mine", copy_from_scaffold=scaffold)
    return [names, held, len(tf.get_collection("savers")), other.init_op, other.saver is scaffold.saver]


@program
def scaffold_with_everything(tf, folder):
    found = []
    x = tf.placeholder(tf.float32, [], name="x")
    v = tf.Variable(x, name="v")
    init_fn = lambda scaffold, sess: found.append([type(scaffold).__name__, plain(sess.run(v))])  # noqa: E731
    scaffold = tf.train.Scaffold(
        init_op=tf.global_variables_initializer(),
        init_feed_dict={x: 8.0},
        init_fn=init_fn,
        ready_op=tf.report_uninitialized_variables(),
        ready_for_local_init_op=tf.constant([], tf.string),
        local_init_op=tf.no_op("local"),
        saver=tf.train.Saver(),
    )
    with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold)) as sess:
        found.append(plain(sess.run(v)))
    return found


@program
def scaffold_errors(tf, folder):
    tf.add_to_collection("init_op", tf.no_op("a"))
    tf.add_to_collection("init_op", tf.no_op("b"))
    several = outcome(lambda: tf.train.Scaffold().finalize()).split(":")[0]
    return [several, outcome(lambda: tf.train.Scaffold(copy_from_scaffold=1))]


# Trainings


@program
def training(tf, folder):
    """The hooks that MonitoredTrainingSession adds, twice: the second run goes on from the first."""
    train, _, _ = model(tf)
    tf.constant(0.1, name="a")
    b = tf.constant([1e-7, 1.5])
    steps = []
    for last in (5, 8):
        hooks = [
            tf.train.StopAtStepHook(last_step=last),
            tf.train.LoggingTensorHook({"b": b, "a": "a"}, every_n_iter=2, at_end=True),
        ]
        with tf.train.MonitoredTrainingSession(
            checkpoint_dir=folder,
            hooks=hooks,
            save_checkpoint_steps=3,
            save_checkpoint_secs=None,
            save_summaries_steps=2,
            log_step_count_steps=4,
        ) as sess:
            while not sess.should_stop():
                sess.run(train)
                steps.append(tf.train.latest_checkpoint(folder)[-1])
    return [steps, files(folder), events(tf, folder)]


@program
def training_by_default(tf, folder):
    train, _, _ = model(tf)
    stop = tf.train.StopAtStepHook(num_steps=205)
    with tf.train.MonitoredTrainingSession(checkpoint_dir=folder, chief_only_hooks=[stop]) as sess:
        while not sess.should_stop():
            sess.run(train)
    return [files(folder), events(tf, folder)]


@program
def training_without_files(tf, folder):
    train, _, _ = model(tf, ordered=False)
    hooks = [tf.train.StopAtStepHook(num_steps=2)]
    with tf.train.MonitoredTrainingSession(hooks=hooks, config=tf.ConfigProto()) as sess:
        while not sess.should_stop():
            sess.run(train)
    return files(folder)


@program
def training_with_summaries_alone(tf, folder):
    train, _, _ = model(tf)
    hooks = [tf.train.StopAtStepHook(num_steps=3)]
    with tf.train.MonitoredTrainingSession(
        summary_dir=folder, hooks=hooks, save_summaries_steps=1, log_step_count_steps=None
    ) as sess:
        while not sess.should_stop():
            sess.run(train)
    return [files(folder), events(tf, folder)]


@program
def two_runs_between_steps(tf, folder):
    """Some runs do not move the global step."""
    train, loss, _ = model(tf)
    hooks = [
        tf.train.StepCounterHook(every_n_steps=2, output_dir=folder),
        tf.train.StopAtStepHook(num_steps=5),
    ]
    with tf.train.MonitoredSession(hooks=hooks) as sess:
        while not sess.should_stop():
            sess.run(loss)
            sess.run(loss)
            sess.run(train)
    return events(tf, folder)


@program
def not_a_number(tf, folder):
    x = tf.placeholder(tf.float32, [], name="x")
    found = []

    def go(fail):
        hook = tf.train.NanTensorHook(x, fail_on_nan_loss=fail)
        with tf.train.MonitoredSession(hooks=[hook]) as sess:
            for value in (1.0, np.nan, 2.0):
                if sess.should_stop():
                    found.append("stopped")
                    return
                found.append(plain(sess.run(x, {x: value})) == value)

    return [outcome(lambda: go(True)), outcome(lambda: go(False)), found]


@program
def listeners(tf, folder):
    train, _, _ = model(tf)
    calls = []

    class Listener(tf.train.CheckpointSaverListener):
        def begin(self):
            calls.append("begin %s" % tf.get_default_graph().finalized)

        def before_save(self, session, global_step_value):
            calls.append("before %d %d" % (global_step_value, len(files(folder))))

        def after_save(self, session, global_step_value):
            calls.append("after %d" % global_step_value)
            return global_step_value >= 4

        def end(self, session, global_step_value):
            calls.append("end %d" % global_step_value)

        def __str__(self):
            return "Listener"

    tf.add_to_collection(tf.GraphKeys.SAVERS, tf.train.Saver(max_to_keep=2))
    hook = tf.train.CheckpointSaverHook(folder, save_steps=2, checkpoint_basename="m", listeners=[Listener()])
    with tf.train.MonitoredSession(hooks=[hook]) as sess:
        while not sess.should_stop():
            sess.run(train)
    return [calls, files(folder)]


@program
def saver_errors(tf, folder):
    step = tf.train.get_or_create_global_step()
    tf.train.Saver()
    hook = tf.train.CheckpointSaverHook
    found = [
        outcome(lambda: hook(folder, save_secs=1, save_steps=1)),
        outcome(lambda: hook(folder)),
        outcome(lambda: hook(folder, save_secs=1, saver=1, scaffold=2)),
    ]
    for _ in range(2):
        tf.add_to_collection(tf.GraphKeys.SAVERS, tf.train.Saver())
    creator = tf.train.ChiefSessionCreator(tf.train.Scaffold(saver=tf.train.Saver()))
    found.append(
        outcome(lambda: tf.train.MonitoredSession(creator, hooks=[hook(folder, save_secs=1)]).run(step))
    )
    return found


@program
def values_logged(tf, folder):
    a = tf.constant([0.00001, 1.5], name="a")
    tf.split(a, 2, name="two")
    x = tf.placeholder(tf.float32, [], name="x")
    hooks = [
        tf.train.LoggingTensorHook(["a", "x:0"], every_n_iter=2),
        tf.train.LoggingTensorHook({"b": a, "a": x}, at_end=False, every_n_secs=1000),
        tf.train.LoggingTensorHook(
            {"f": a}, every_n_iter=3, formatter=lambda v: "formatted %d" % len(v["f"])
        ),
        tf.train.LoggingTensorHook([a], at_end=True),
    ]
    with tf.train.MonitoredSession(hooks=hooks) as sess:
        for i in range(5):
            sess.run(a, {x: float(i)})
    hook = tf.train.LoggingTensorHook
    return [
        outcome(lambda: hook(["a"])),
        outcome(lambda: hook(["a"], every_n_iter=1, every_n_secs=1)),
        outcome(lambda: hook(["a"], every_n_iter=0)),
        outcome(lambda: hook(["two"], every_n_iter=1).begin()),
        outcome(lambda: hook(["none"], every_n_iter=1).begin()).split(":")[0],
        outcome(lambda: hook([1.0], every_n_iter=1).begin()).split("current graph")[0],
    ]


@program
def steps_needed(tf, folder):
    """Hooks that count steps need a global step."""
    train = tf.train
    hooks = [
        train.StopAtStepHook(num_steps=1),
        train.StepCounterHook(),
        train.GlobalStepWaiterHook(1),
        train.CheckpointSaverHook(folder, save_secs=1),
        train.SummarySaverHook(save_secs=1, summary_op=[]),
        train.ProfilerHook(save_steps=1, output_dir=folder),
    ]
    return [outcome(h.begin) for h in hooks] + [
        outcome(lambda: train.StopAtStepHook()),
        outcome(lambda: train.StopAtStepHook(1, 2)),
        outcome(lambda: train.StepCounterHook(every_n_steps=1, every_n_secs=1)),
        outcome(lambda: train.SummarySaverHook(save_secs=1)),
        outcome(lambda: train.SummarySaverHook(save_secs=1, scaffold=1, summary_op=2)),
        outcome(lambda: train.SecondOrStepTimer()),
        outcome(lambda: train.SecondOrStepTimer(1, 2)),
    ]


@program
def final_values(tf, folder):
    v = tf.Variable(1.0, name="v")
    x = tf.placeholder(tf.float32, [], name="x")
    value = tf.data.Dataset.range(1).make_one_shot_iterator().get_next()
    hook = tf.train.FinalOpsHook({"v": v + x}, {x: 2.0})
    with tf.train.MonitoredSession(hooks=[hook]) as sess:
        sess.run(value)

    def ended():
        with tf.train.MonitoredSession(hooks=[tf.train.FinalOpsHook(value)]) as sess:
            sess.run(value)

    return [plain(hook.final_ops_values), outcome(ended).split(":")[0]]


@program
def timelines(tf, folder):
    train, _, _ = model(tf)
    hooks = [tf.train.ProfilerHook(save_steps=2, output_dir=folder), tf.train.StopAtStepHook(last_step=6)]
    with tf.train.MonitoredSession(hooks=hooks) as sess:
        while not sess.should_stop():
            sess.run(train)
    return [files(folder), events(tf, folder)]


@program
def waiting_for_a_step(tf, folder):
    train, _, step = model(tf)
    hooks = [tf.train.GlobalStepWaiterHook(0), tf.train.StopAtStepHook(num_steps=1)]
    with tf.train.MonitoredSession(hooks=hooks) as sess:
        sess.run(train)
    scaffold = tf.train.Scaffold(init_fn=lambda _, sess: step.load(2000, sess))
    creator = tf.train.ChiefSessionCreator(scaffold)
    with tf.train.MonitoredSession(creator, hooks=[tf.train.GlobalStepWaiterHook(1500)]) as sess:
        return plain(sess.run(step))


@program
def options_of_hooks(tf, folder):
    found = []
    c = tf.constant(1.0, name="c") + 2.0

    class Traced(tf.train.SessionRunHook):
        def before_run(self, run_context):
            return tf.train.SessionRunArgs(c, options=tf.RunOptions(trace_level=3, timeout_in_ms=10000))

        def after_run(self, run_context, run_values):
            found.append([run_values.options.trace_level, run_values.options.timeout_in_ms])
            found.append(len(run_values.run_metadata.step_stats.dev_stats) > 0)

    with tf.train.MonitoredSession(hooks=[Traced()]) as sess:
        sess.run(c, options=tf.RunOptions(timeout_in_ms=20000))
    return found
