"""A program that writes all kinds of events; the recorder runs it under TensorFlow 1.15 (Python 3.7)."""

import numpy as np


def write(tf, folder):
    """Train three steps in `folder`, with summaries of each kind, the graph and a session log."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 2], name="x")
        with tf.name_scope("layer"), tf.device("/cpu:0"):
            w = tf.Variable([[0.5], [-0.25]], name="w")
            y = tf.matmul(x, w, name="y")
        loss = tf.reduce_mean(tf.square(y), name="loss")
        train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        tf.summary.scalar("the error", loss)
        tf.summary.histogram("weights of w", w, family="layer")
        tf.summary.text("note", tf.constant("*text*"))
        tf.summary.audio("tone", tf.constant([[0.0, 0.5, -0.5]]), 8000.0, max_outputs=1)
        tf.summary.tensor_summary("extent", tf.shape(y), display_name="the shape")
        merged = tf.summary.merge_all()
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            writer = tf.summary.FileWriter(folder, graph, filename_suffix=".test")
            start = tf.SessionLog(status=tf.SessionLog.START)
            writer.add_session_log(start, 0)
            feed = {x: np.array([[1.0, 2.0], [3.0, -1.0]])}
            for step in range(3):
                writer.add_summary(session.run(merged, feed), step)
                session.run(train, feed)
            value = tf.Summary.Value(tag="test/accuracy", simple_value=0.5)
            writer.add_summary(tf.Summary(value=[value]), np.int64(3))
            writer.add_event(tf.Event(wall_time=1.5, step=-1))
            writer.close()
