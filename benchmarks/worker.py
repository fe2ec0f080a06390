"""A process that times tasks for one implementation: reads `task<TAB>calls` lines, answers microseconds for
each call.
"""

import sys
import time

from tasks import TASKS


def build(implementation, task):
    tf_builder, jax_builder, _ = TASKS[task]
    if implementation == "jax":
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        return jax_builder(jax, jnp)
    if implementation == "tensorflow":
        import tensorflow.compat.v1 as tf

        tf.disable_v2_behavior()
        tf.logging.set_verbosity(tf.logging.ERROR)
    else:
        import reflow as tf
    with tf.Graph().as_default():
        return tf_builder(tf)


def main():
    implementation, ready = sys.argv[1], {}
    print("ready", flush=True)
    for line in sys.stdin:
        task, calls = line.rstrip("\n").split("\t")
        step = ready.get(task)
        if step is None:
            step = ready[task] = build(implementation, task)
            start = time.perf_counter()
            while time.perf_counter() - start < 1.0:  # warm-up, past any change of tier
                step()
        start = time.perf_counter()
        for _ in range(int(calls)):
            step()
        print((time.perf_counter() - start) / int(calls) * 1e6, flush=True)


if __name__ == "__main__":
    main()
