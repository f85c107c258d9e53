/* png.c - libpng with its errors turned into ours. */
#include "base/png.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
em_png_voc_palette (uint8_t rgb[768])
{
  for (int i = 0; i < 256; i++) {
    uint8_t r = 0, g = 0, b = 0;

    for (int j = 7, c = i; j >= 0; j--, c >>= 3) {
      r |= (uint8_t) ((c & 1) << j);
      g |= (uint8_t) ((c >> 1 & 1) << j);
      b |= (uint8_t) ((c >> 2 & 1) << j);
    }
    rgb[3 * i] = r;
    rgb[3 * i + 1] = g;
    rgb[3 * i + 2] = b;
  }
}

#ifdef EM_HAVE_PNG
#include <png.h>
#include <setjmp.h>

/* What libpng reports lands here; the jump goes back to the one caller that set it up. */
typedef struct {
  char text[128];
} Complaint;

static void
complain (png_structp png, png_const_charp text)
{
  Complaint *c = png_get_error_ptr (png);

  snprintf (c->text, sizeof c->text, "%s", text);
  longjmp (png_jmpbuf (png), 1);
}

static void
ignore (png_structp png, png_const_charp text)
{
}

bool
em_png_write (const char *path, EmPngKind kind, const uint8_t *pixels, int width, int height,
              EmError *err)
{
  static const int types[] = { PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_PALETTE, PNG_COLOR_TYPE_RGB };
  FILE *file = fopen (path, "wb");
  Complaint complaint = { "" };
  png_structp png;
  png_infop info;
  uint8_t rgb[768];
  png_color palette[256];
  size_t stride = (size_t) width * (kind == EM_PNG_RGB ? 3 : 1);

  if (!file)
    return em_fail (err, EM_E_INPUT, "cannot write %s: %s", path, strerror (errno));
  png = png_create_write_struct (PNG_LIBPNG_VER_STRING, &complaint, complain, ignore);
  info = png ? png_create_info_struct (png) : NULL;
  EM_BUG_UNLESS (info);
  if (setjmp (png_jmpbuf (png))) {
    png_destroy_write_struct (&png, &info);
    fclose (file);
    return em_fail (err, EM_E_INPUT, "cannot write %s: %s", path, complaint.text);
  }
  png_init_io (png, file);
  png_set_IHDR (png, info, (png_uint_32) width, (png_uint_32) height, 8, types[kind],
                PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (kind == EM_PNG_PALETTE) {
    em_png_voc_palette (rgb);
    for (int i = 0; i < 256; i++)
      palette[i] = (png_color){ rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2] };
    png_set_PLTE (png, info, palette, 256);
  }
  png_set_compression_level (png, kind == EM_PNG_RGB ? 3 : 6);
  png_write_info (png, info);
  for (int y = 0; y < height; y++)
    png_write_row (png, pixels + (size_t) y * stride);
  png_write_end (png, info);
  png_destroy_write_struct (&png, &info);
  if (fclose (file) != 0)
    return em_fail (err, EM_E_INPUT, "cannot write %s: %s", path, strerror (errno));
  return true;
}

typedef struct {
  const uint8_t *at;
  size_t left;
} Source;

static void
feed (png_structp png, png_bytep out, size_t n)
{
  Source *s = png_get_io_ptr (png);

  if (n > s->left)
    png_error (png, "the file ends early");
  memcpy (out, s->at, n);
  s->at += n;
  s->left -= n;
}

bool
em_png_read_bytes (const void *bytes, size_t n, const char *what, EmPng *out, EmError *err)
{
  Source source = { bytes, n };
  Complaint complaint = { "" };
  uint8_t *volatile pixels = NULL;
  png_structp png;
  png_infop info;
  int type, depth, channels, passes;
  png_uint_32 w, h;

  *out = (EmPng){ 0 };
  png = png_create_read_struct (PNG_LIBPNG_VER_STRING, &complaint, complain, ignore);
  info = png ? png_create_info_struct (png) : NULL;
  EM_BUG_UNLESS (info);
  if (setjmp (png_jmpbuf (png))) {
    png_destroy_read_struct (&png, &info, NULL);
    free (pixels);
    return em_fail (err, EM_E_INPUT, "%s is not a readable PNG: %s", what, complaint.text);
  }
  png_set_user_limits (png, 32768, 32768);
  png_set_read_fn (png, &source, feed);
  png_read_info (png, info);
  png_get_IHDR (png, info, &w, &h, &depth, &type, NULL, NULL, NULL);
  if (depth == 16)
    png_error (png, "16-bit samples are not supported");
  if (type == PNG_COLOR_TYPE_GRAY_ALPHA)
    png_error (png, "gray with alpha is not supported");
  png_set_packing (png);
  if (type & PNG_COLOR_MASK_ALPHA)
    png_set_strip_alpha (png);
  passes = png_set_interlace_handling (png);
  png_read_update_info (png, info);
  channels = type & PNG_COLOR_MASK_COLOR && type != PNG_COLOR_TYPE_PALETTE ? 3 : 1;
  if (png_get_rowbytes (png, info) != (size_t) w * (size_t) channels)
    png_error (png, "its sample format is not supported");
  pixels = malloc ((size_t) w * h * (size_t) channels);
  if (!pixels)
    png_error (png, "there is not enough memory for it");
  for (int pass = 0; pass < passes; pass++)
    for (png_uint_32 y = 0; y < h; y++)
      png_read_row (png, pixels + (size_t) y * w * (size_t) channels, NULL);
  png_read_end (png, NULL);
  png_destroy_read_struct (&png, &info, NULL);
  out->kind = channels == 3                    ? EM_PNG_RGB
              : type == PNG_COLOR_TYPE_PALETTE ? EM_PNG_PALETTE
                                               : EM_PNG_GRAY;
  out->width = (int) w;
  out->height = (int) h;
  out->pixels = pixels;
  return true;
}
#else
bool
em_png_write (const char *path, EmPngKind kind, const uint8_t *pixels, int width, int height,
              EmError *err)
{
  return em_fail (err, EM_E_INTERNAL, "cannot write %s: this build has no libpng", path);
}

bool
em_png_read_bytes (const void *bytes, size_t n, const char *what, EmPng *out, EmError *err)
{
  return em_fail (err, EM_E_INTERNAL, "cannot read %s: this build has no libpng", what);
}
#endif

bool
em_png_read (const char *path, EmPng *out, EmError *err)
{
  const long limit = 1l << 30;
  FILE *file = fopen (path, "rb");
  uint8_t *bytes = NULL;
  bool ok = false;
  long size;

  *out = (EmPng){ 0 };
  if (!file)
    return em_fail (err, EM_E_INPUT, "cannot open %s: %s", path, strerror (errno));
  if (fseek (file, 0, SEEK_END) != 0 || (size = ftell (file)) < 0 || size > limit
      || fseek (file, 0, SEEK_SET) != 0 || !(bytes = malloc ((size_t) size + 1))
      || fread (bytes, 1, (size_t) size, file) != (size_t) size)
    em_fail (err, EM_E_INPUT, "cannot read %s", path);
  else
    ok = em_png_read_bytes (bytes, (size_t) size, path, out, err);
  free (bytes);
  fclose (file);
  return ok;
}
