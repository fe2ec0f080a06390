"""The embedding projector of TensorBoard: its configuration file."""

from __future__ import annotations

import os
from typing import Any

from reflow.platform import gfile

CONFIG_FILE = "projector_config.pbtxt"


def visualize_embeddings(summary_writer: Any, config: Any) -> None:
    """Write the projector's configuration into the folder of a summary writer.

    Args:
        summary_writer: a `tf.summary.FileWriter`.
        config: a `ProjectorConfig`: for each embedding the tensor's name and the files that describe its
            rows. When it names no checkpoint, TensorBoard takes the newest one in the folder.

    Raises:
        ValueError: the writer has no folder.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> from reflow.contrib.tensorboard.plugins import projector
    >>> config = projector.ProjectorConfig()
    >>> config.embeddings.add(tensor_name="words", metadata_path="words.tsv")
    tensor_name: "words"
    metadata_path: "words.tsv"
    >>> folder = tempfile.mkdtemp()
    >>> projector.visualize_embeddings(tf.summary.FileWriter(folder), config)
    >>> os.listdir(folder)
    ['projector_config.pbtxt']
    """
    from google.protobuf import text_format

    logdir = summary_writer.get_logdir()
    if logdir is None:
        raise ValueError("Summary writer must have a logdir")
    text = text_format.MessageToString(config)
    gfile.write_string_to_file(os.path.join(logdir, CONFIG_FILE), text)
