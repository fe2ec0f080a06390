"""Programs with session managers, supervisors, clusters and device functions: see monitored_programs.py."""

import os
import threading

from .monitored_programs import events, files, model, outcome, plain, program


@program
def not_initialized(tf, folder):
    v = tf.Variable(1.0, name="v")
    w = tf.Variable(1.0, name="w")
    manager = tf.train.SessionManager
    report = tf.report_uninitialized_variables()
    return [
        outcome(lambda: manager(ready_op=report).prepare_session("", init_op=w.initializer)),
        outcome(lambda: manager(ready_op=report).prepare_session("")),
        outcome(
            lambda: manager(ready_op=tf.assert_variables_initialized()).prepare_session(
                "", init_op=v.initializer
            )
        ).split("error:")[0],
        outcome(lambda: manager(ready_for_local_init_op=report)),
        outcome(
            lambda: manager(ready_for_local_init_op=report, local_init_op=tf.no_op()).prepare_session(
                "", init_op=v.initializer
            )
        ),
        outcome(lambda: manager(ready_op=report, recovery_wait_secs=1).wait_for_session("", max_wait_secs=0)),
        outcome(
            lambda: manager(ready_op=report).prepare_session(
                "",
                saver=tf.train.Saver(),
                init_op=v.initializer,
                checkpoint_dir="a",
                checkpoint_filename_with_path="b",
            )
        ),
    ]


@program
def recovered_sessions(tf, folder):
    v = tf.Variable(1.0, name="v")
    saver = tf.train.Saver({"v": v})
    report = tf.report_uninitialized_variables()
    manager = tf.train.SessionManager(ready_op=report)
    sess, first = manager.recover_session("", saver, folder)
    sess.run(v.initializer)
    path = saver.save(sess, os.path.join(folder, "model"), global_step=3)
    _, second = manager.recover_session("", saver, folder)
    _, third = manager.recover_session("", saver, checkpoint_filename_with_path=path)
    tf.Variable(1.0, name="w")
    other = tf.train.SessionManager(ready_op=tf.report_uninitialized_variables())
    _, fourth = other.recover_session("", saver, folder)
    return [first, second, third, fourth, [os.path.basename(p) for p in saver.last_checkpoints]]


@program
def supervisor(tf, folder):
    """Two supervised trainings; the second goes on from the first one's checkpoint."""
    found = []
    for _ in range(2):
        with tf.Graph().as_default() as graph:
            train, _, step = model(tf)
            sv = tf.train.Supervisor(logdir=folder, save_model_secs=0, save_summaries_secs=0)
            found.append([graph.finalized, sv.is_chief, sv.save_path == os.path.join(folder, "model.ckpt")])
            found.append([sv.ready_op.name, sv.init_op.name, sv.summary_op.name])
            found.append([sv.global_step.name, sv.saver.saver_def.save_tensor_name])
            with sv.managed_session() as sess:
                while not sv.should_stop():
                    sess.run(train)
                    at = tf.train.global_step(sess, step)
                    found.append(at)
                    if at % 3 == 0:
                        sv.summary_computed(sess, sess.run(sv.summary_op))
                        sv.saver.save(sess, sv.save_path, global_step=step)
                        sv.request_stop()
            found.append(sorted(n.name for n in graph.as_graph_def().node))
    return [found, files(folder)]


@program
def supervisor_services(tf, folder):
    """The threads write at once and then every so many seconds."""
    train, _, _ = model(tf)
    sv = tf.train.Supervisor(logdir=folder, save_model_secs=1000, save_summaries_secs=1000)
    sess = sv.PrepareSession(start_standard_services=False)
    sess.run(train)
    threads = sv.StartStandardServices(sess)
    saved = os.path.join(folder, "checkpoint")
    for _ in range(200):
        if os.path.exists(saved):
            break
        threading.Event().wait(0.05)
    names = [type(t).__name__ for t in threads]
    sv.Stop(threads)
    sess.close()
    written = events(tf, folder)
    return [names, files(folder), sorted(written), sv.ShouldStop()]


@program
def supervisor_errors(tf, folder):
    c = tf.constant(1.0, name="c")
    found = []

    def go(error):
        sv = tf.train.Supervisor(logdir=None)
        with sv.managed_session() as sess:
            found.append(plain(sess.run(c)))
            raise error
        return None

    worker = tf.train.Supervisor(is_chief=False, recovery_wait_secs=1)
    found.append(outcome(lambda: worker.start_standard_services(None)))
    found.append(outcome(lambda: worker.summary_computed(None, b"")))
    found.append(plain(worker.prepare_or_wait_for_session().run(c)))
    found += [
        outcome(lambda e=e: go(e)) for e in (ValueError("mine"), tf.errors.OutOfRangeError(None, None, "end"))
    ]
    tf.get_default_graph()._unsafe_unfinalize()
    tf.Variable(1.0, name="v")
    found.append(outcome(lambda: tf.train.Supervisor(is_chief=False)).split("name:")[0].split("<")[0][:80])
    return found


@program
def supervisor_with_everything(tf, folder):
    v = tf.Variable(1.0, name="v")
    found = []
    sv = tf.train.Supervisor(
        ready_op=None,
        init_op=v.initializer,
        local_init_op=tf.no_op("mine"),
        summary_op=None,
        saver=None,
        global_step=None,
        summary_writer=None,
        init_fn=lambda sess: found.append(plain(sess.run(v))),
        logdir=folder,
    )
    sess = sv.prepare_or_wait_for_session()
    calls = []
    thread = sv.loop(None, target=lambda x: (calls.append(x), sv.request_stop()), args=[5])
    sv.wait_for_stop()
    thread.join()
    sv.stop()
    with sv.stop_on_exception():
        pass
    return [found, calls[0], plain(sess.run(v)), sv.saver, sv.summary_op, files(folder)]


@program
def supervisor_fills_queues(tf, folder):
    value = tf.train.input_producer(tf.constant([1, 2, 3]), num_epochs=1, shuffle=False).dequeue()
    found = []
    sv = tf.train.Supervisor()
    with sv.managed_session() as sess:
        while not sv.should_stop():
            found.append(int(sess.run(value)))
    return found


@program
def clusters(tf, folder):
    spec = tf.train.ClusterSpec
    cluster = spec({"worker": ["a:1", "b:2"], "ps": {1: "c:3"}, "none": []})
    return [
        cluster.as_dict(),
        sorted(cluster.jobs),
        str(spec({"b": ["x"], "a": {0: "y"}})),
        [
            cluster.num_tasks("worker"),
            cluster.task_indices("ps"),
            cluster.task_address("ps", 1),
            cluster.job_tasks("ps"),
        ],
        [spec(cluster) == cluster, spec(cluster.as_cluster_def()) != cluster, bool(spec({})), bool(cluster)],
        str(cluster.as_cluster_def()),
        [
            outcome(lambda: spec(3)),
            outcome(lambda: spec({"a": 3})),
            outcome(lambda: spec({"a": [3]})),
            outcome(lambda: spec({3: ["a"]})),
            outcome(lambda: cluster.num_tasks("other")),
            outcome(lambda: cluster.task_address("worker", 7)),
            outcome(lambda: cluster.job_tasks("x")),
            outcome(lambda: tf.train.Server(3)),
            outcome(lambda: tf.train.Server(cluster)),
            outcome(lambda: tf.train.Server(cluster, job_name="worker")),
        ],
    ]


@program
def device_setters(tf, folder):
    setter = tf.train.replica_device_setter
    found = []

    def devices(function, own=None):
        with tf.Graph().as_default() as graph, tf.device(function):
            with tf.device(own):
                v = tf.Variable(1.0, name="v", use_resource=False)
                w = tf.get_variable("w", [], initializer=tf.zeros_initializer(), use_resource=True)
                tf.add(v, w, name="sum")
            found.append(["%s %s" % (op.name, op.device) for op in graph.get_operations()])

    devices(setter(ps_tasks=2))
    devices(setter(ps_tasks=2), "/gpu:0")
    devices(setter(ps_tasks=2), "/job:ps/task:1/cpu:0")
    devices(setter(ps_tasks=3, ps_device="/job:a/cpu:0", worker_device="/job:b/task:2/gpu:1"))
    devices(setter(ps_tasks=2, merge_devices=False), "/gpu:0")
    devices(setter(cluster={"ps": ["a", "b"], "worker": ["c"]}, ps_strategy=lambda op: 1))
    devices(setter(ps_tasks=1, ps_ops=["Add", "AddV2"]))
    found.append([setter(), setter(cluster={"worker": ["a"]}), outcome(lambda: setter(1, ps_strategy=3))])
    return found


# Evaluation


def saved(tf, folder):
    """Checkpoints at the steps 1 and 2, and the last one's path."""
    with tf.Graph().as_default(), tf.Session() as sess:
        step = tf.train.create_global_step()
        w = tf.get_variable("w", [], initializer=tf.constant_initializer(4.0))
        saver = tf.train.Saver()
        for at in (1, 2):
            step.load(at, sess)
            w.load(10.0 * at, sess)
            path = saver.save(sess, os.path.join(folder, "model"), global_step=step)
    return path


def evaluated(tf):
    """What is evaluated: the sum of the weight over the steps."""
    tf.train.get_or_create_global_step()
    w = tf.get_variable("w", [], initializer=tf.zeros_initializer())
    total = tf.Variable(0.0, trainable=False, collections=[tf.GraphKeys.LOCAL_VARIABLES], name="total")
    tf.summary.scalar("total", total)
    return tf.assign_add(total, w), total


@program
def evaluation_once(tf, folder):
    path = saved(tf, folder)
    training = tf.contrib.training
    found = []
    for ops in (lambda op: op, lambda op: [op], lambda op: {"op": op}, lambda op: None):
        with tf.Graph().as_default():
            update, total = evaluated(tf)
            logs = os.path.join(folder, "logs{}".format(len(found)))
            hooks = [training.StopAfterNEvalsHook(3), training.SummaryAtEndHook(logs)]
            if ops(update) is None:
                hooks = hooks[1:]
            value = training.evaluate_once(
                path,
                eval_ops=ops(update),
                final_ops={"total": total, "steps": training.get_or_create_eval_step()},
                hooks=hooks,
            )
            count = len(tf.get_default_graph().get_operations())
            found.append([plain(value), events(tf, logs), count])
    return [found, outcome(training.SummaryAtEndHook)]


@program
def evaluation_repeated(tf, folder):
    saved(tf, folder)
    training = tf.contrib.training
    update, total = evaluated(tf)
    hooks = [training.StopAfterNEvalsHook(25, log_progress=True)]
    value = training.evaluate_repeatedly(
        folder,
        eval_ops=update,
        final_ops=total,
        hooks=hooks,
        eval_interval_secs=0,
        max_number_of_evaluations=1,
    )
    return plain(value)


@program
def evaluation_by_slim(tf, folder):
    path = saved(tf, folder)
    slim = tf.contrib.slim
    found = []
    for go in (
        lambda **k: slim.evaluation.evaluate_once("", path, folder + "/once", num_evals=2, **k),
        lambda **k: slim.evaluation.evaluation_loop(
            "", folder, folder + "/loop", num_evals=2, max_number_of_evaluations=1, **k
        ),
    ):
        with tf.Graph().as_default():
            update, total = evaluated(tf)
            names = tf.global_variables()
            step = tf.train.get_global_step()
            value = go(
                eval_op=update, final_op=total, variables_to_restore=names, initial_op=step.initializer
            )
            found.append(plain(value))
    return [found, events(tf, folder + "/once")]
