"""Word vectors in TensorBoard's projector."""

import os

import tensorflow as tf
from tensorflow.contrib.tensorboard.plugins import projector

MOST = 3000  # words that are shown
WORDS = "words.tsv"


def write_projection(folder, vocabulary, vectors, most=MOST):
    """Write what TensorBoard's projector needs to show the most frequent words' vectors.

    Args:
        folder: a folder of its own: its event file makes it a run.
        vocabulary: the words, the most frequent first, but for word 0, which stands for all unknown ones.
        vectors: `[words, size]`.
        most: how many words are shown.
    """
    os.makedirs(folder, exist_ok=True)
    shown = slice(1, most + 1)
    with open(os.path.join(folder, WORDS), "w", encoding="utf-8") as file:
        file.writelines(f"{word}\n" for word in vocabulary[shown])
    with tf.Graph().as_default() as graph, tf.Session() as session:
        words = tf.Variable(vectors[shown], name="words")
        session.run(words.initializer)
        tf.train.Saver([words]).save(session, os.path.join(folder, "words.ckpt"))
    config = projector.ProjectorConfig()
    config.embeddings.add(tensor_name=words.name, metadata_path=WORDS)
    with tf.summary.FileWriter(folder, graph) as writer:
        projector.visualize_embeddings(writer, config)
