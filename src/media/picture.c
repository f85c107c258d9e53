/* picture.c - a decoded sample as the picture people see. */
#include "media/picture.h"
#include <stdint.h>

static bool
swaps_sides (GstVideoOrientationMethod orientation)
{
  return orientation == GST_VIDEO_ORIENTATION_90R || orientation == GST_VIDEO_ORIENTATION_90L
         || orientation == GST_VIDEO_ORIENTATION_UL_LR
         || orientation == GST_VIDEO_ORIENTATION_UR_LL;
}

void
em_picture_maker_clear (EmPictureMaker *maker)
{
  g_clear_pointer (&maker->converter, gst_video_converter_free);
}

bool
em_picture_size (GstCaps *caps, GstVideoOrientationMethod orientation, int *width, int *height)
{
  GstVideoInfo info;
  int w, h;

  if (!gst_video_info_from_caps (&info, caps))
    return false;
  w = (int) gst_util_uint64_scale_int_round (
      GST_VIDEO_INFO_WIDTH (&info), GST_VIDEO_INFO_PAR_N (&info), GST_VIDEO_INFO_PAR_D (&info));
  h = GST_VIDEO_INFO_HEIGHT (&info);
  if (w < 1 || h < 1 || w > 32768 || h > 32768)
    return false;
  *width = swaps_sides (orientation) ? h : w;
  *height = swaps_sides (orientation) ? w : h;
  return true;
}

static void
set_up (EmPictureMaker *maker, const GstVideoInfo *from, int width, int height)
{
  GstStructure *options;

  if (maker->converter && gst_video_info_is_equal (&maker->from, from)
      && GST_VIDEO_INFO_WIDTH (&maker->to) == width && GST_VIDEO_INFO_HEIGHT (&maker->to) == height)
    return;
  em_picture_maker_clear (maker);
  maker->from = *from;
  gst_video_info_set_format (&maker->to, GST_VIDEO_FORMAT_RGBA, width, height);
  maker->to.interlace_mode = from->interlace_mode;
  options = gst_structure_new ("options", GST_VIDEO_CONVERTER_OPT_RESAMPLER_METHOD,
                               GST_TYPE_VIDEO_RESAMPLER_METHOD, GST_VIDEO_RESAMPLER_METHOD_CUBIC,
                               GST_VIDEO_CONVERTER_OPT_DITHER_METHOD, GST_TYPE_VIDEO_DITHER_METHOD,
                               GST_VIDEO_DITHER_NONE, NULL);
  if (GST_VIDEO_INFO_HAS_ALPHA (
          from)) /* pictures have none; said elsewhere it costs the fast path */
    gst_structure_set (options, GST_VIDEO_CONVERTER_OPT_ALPHA_MODE, GST_TYPE_VIDEO_ALPHA_MODE,
                       GST_VIDEO_ALPHA_MODE_SET, GST_VIDEO_CONVERTER_OPT_ALPHA_VALUE, G_TYPE_DOUBLE,
                       1.0, NULL);
  maker->converter = gst_video_converter_new (&maker->from, &maker->to, options);
}

/* Where the pixel that ends up at (x, y) of the turned picture comes from, as a start and two steps
 * in the upright one of w x h. */
static void
steps_of (GstVideoOrientationMethod orientation, int w, int h, int *start, int *right, int *down)
{
  switch (orientation) {
  case GST_VIDEO_ORIENTATION_90R:
    *start = (h - 1) * w, *right = -w, *down = 1;
    break;
  case GST_VIDEO_ORIENTATION_180:
    *start = h * w - 1, *right = -1, *down = -w;
    break;
  case GST_VIDEO_ORIENTATION_90L:
    *start = w - 1, *right = w, *down = -1;
    break;
  case GST_VIDEO_ORIENTATION_HORIZ:
    *start = w - 1, *right = -1, *down = w;
    break;
  case GST_VIDEO_ORIENTATION_VERT:
    *start = (h - 1) * w, *right = 1, *down = -w;
    break;
  case GST_VIDEO_ORIENTATION_UL_LR:
    *start = 0, *right = w, *down = 1;
    break;
  case GST_VIDEO_ORIENTATION_UR_LL:
    *start = h * w - 1, *right = -w, *down = -1;
    break;
  default:
    *start = 0, *right = 1, *down = w;
    break;
  }
}

static GBytes *
turn (GBytes *picture, GstVideoOrientationMethod orientation, int w, int h)
{
  const uint32_t *in = g_bytes_get_data (picture, NULL);
  uint32_t *out = g_new (uint32_t, (gsize) w * h), *p = out;
  int columns = swaps_sides (orientation) ? h : w, rows = swaps_sides (orientation) ? w : h;
  int start, right, down;

  steps_of (orientation, w, h, &start, &right, &down);
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++)
      *p++ = in[start + y * down + x * right];
  g_bytes_unref (picture);
  return g_bytes_new_take (out, (gsize) w * h * 4);
}

GBytes *
em_picture_make (EmPictureMaker *maker, GstSample *sample, GstVideoOrientationMethod orientation,
                 int width, int height, GError **error)
{
  int w = swaps_sides (orientation) ? height : width;
  int h = swaps_sides (orientation) ? width : height;
  gsize bytes = (gsize) w * h * 4;
  GstVideoFrame in, out;
  GstVideoInfo from, timeless;
  GstBuffer *buffer;
  GBytes *picture;
  uint8_t *pixels;

  if (!gst_video_info_from_caps (&from, gst_sample_get_caps (sample))
      || !gst_video_frame_map (&in, &from, gst_sample_get_buffer (sample), GST_MAP_READ)) {
    g_set_error_literal (error, EM_ERROR, EM_E_INPUT, "the decoder's picture cannot be read");
    return NULL;
  }
  timeless = from;
  timeless.fps_n = 0, timeless.fps_d = 1; /* the converter insists on equal rates */
  set_up (maker, &timeless, w, h);
  if (!maker->converter) {
    gst_video_frame_unmap (&in);
    g_set_error (error, EM_ERROR, EM_E_INPUT, "pictures of format %s cannot be converted",
                 gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (&from)));
    return NULL;
  }
  pixels = g_malloc (bytes);
  buffer = gst_buffer_new_wrapped_full (0, pixels, bytes, 0, bytes, NULL, NULL);
  gst_video_frame_map (&out, &maker->to, buffer, GST_MAP_WRITE);
  gst_video_converter_frame (maker->converter, &in, &out);
  gst_video_frame_unmap (&out);
  gst_video_frame_unmap (&in);
  gst_buffer_unref (buffer);
  picture = g_bytes_new_take (pixels, bytes);
  return orientation == GST_VIDEO_ORIENTATION_IDENTITY ? picture
                                                       : turn (picture, orientation, w, h);
}
