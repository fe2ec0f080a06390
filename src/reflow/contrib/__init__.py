"""What programs use of `tf.contrib`, built on the rooms above."""
