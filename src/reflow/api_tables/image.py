"""Images, and the data sets of `tf.contrib.learn.datasets`."""

TABLE = """
ops.image_resize -> image python.ops.image_ops python.ops.image_ops_impl python.ops.gen_image_ops
  -: resize_area resize_bicubic resize_bilinear resize_nearest_neighbor
ops.image_framing -> image python.ops.image_ops python.ops.image_ops_impl
  -: ResizeMethod central_crop crop_to_bounding_box pad_to_bounding_box resize_image_with_crop_or_pad
      resize_image_with_pad resize_images
  image: resize=resize_images resize_with_crop_or_pad=resize_image_with_crop_or_pad
  python.ops.image_ops python.ops.image_ops_impl: ResizeMethodV1=ResizeMethod
ops.image_flips -> image python.ops.image_ops python.ops.image_ops_impl
  -: flip_left_right flip_up_down random_flip_left_right random_flip_up_down rot90 transpose
  image: transpose_image=transpose
ops.image_adjust -> image python.ops.image_ops python.ops.image_ops_impl
  -: adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_jpeg_quality adjust_saturation
      convert_image_dtype grayscale_to_rgb hsv_to_rgb per_image_standardization random_brightness
      random_contrast random_hue random_jpeg_quality random_saturation rgb_to_grayscale rgb_to_hsv rgb_to_yiq
      rgb_to_yuv yiq_to_rgb yuv_to_rgb
  # TensorFlow 0.x had this name; programs still use it.
  image: per_image_whitening=per_image_standardization
ops.image_codecs -> image io python.ops.image_ops python.ops.image_ops_impl
  -: decode_and_crop_jpeg decode_bmp decode_gif decode_image decode_jpeg decode_png encode_jpeg encode_png
      extract_jpeg_shape is_jpeg
  python.ops.gen_image_ops: decode_and_crop_jpeg decode_bmp decode_gif decode_jpeg decode_png encode_jpeg
      encode_png extract_jpeg_shape
ops.image_boxes -> image python.ops.image_ops python.ops.image_ops_impl
  -: crop_and_resize draw_bounding_boxes extract_glimpse sample_distorted_bounding_box
  python.ops.gen_image_ops: crop_and_resize extract_glimpse
ops.image_suppression -> image python.ops.image_ops python.ops.image_ops_impl
  -: combined_non_max_suppression non_max_suppression non_max_suppression_padded
      non_max_suppression_with_scores
  image: non_max_suppression_overlaps=non_max_suppression_with_overlaps
  python.ops.image_ops python.ops.image_ops_impl: non_max_suppression_with_overlaps
ops.image_quality -> image python.ops.image_ops python.ops.image_ops_impl
  -: image_gradients psnr sobel_edges ssim ssim_multiscale total_variation
contrib.mnist -> contrib.learn.python.learn.datasets.mnist contrib.learn.datasets.mnist
  -: DEFAULT_SOURCE_URL DataSet dense_to_one_hot extract_images extract_labels load_mnist
  examples.tutorials.mnist.input_data: read_data_sets
  contrib.learn.datasets contrib.learn.python.learn.datasets: load_dataset
contrib.datasets -> contrib.learn.python.learn.datasets.base contrib.learn.datasets.base
  -: Dataset Datasets load_csv_with_header load_csv_without_header maybe_download retry shrink_csv
      urlretrieve_with_retry
  contrib.learn.datasets contrib.learn.python.learn.datasets: load_iris
ops.image_transforms
  contrib.image contrib.image.python.ops.image_ops: angles_to_projective_transforms compose_transforms
      flat_transforms_to_matrices matrices_to_flat_transforms rotate transform translate
      translations_to_projective_transforms
  contrib.image.python.ops.distort_image_ops: adjust_hsv_in_yiq random_hsv_in_yiq
ops.space
  image: extract_patches=extract_image_patches_v2
"""
