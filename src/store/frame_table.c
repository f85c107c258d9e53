/* frame_table.c - a clip's frame times as bytes. */
#include "store/frame_table.h"
#include <string.h>

#define VERSION 1

GBytes *
em_deflate (const void *bytes, size_t n)
{
  g_autoptr (GZlibCompressor) z = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 6);
  size_t room = n + n / 1000 + 64, used = 0, done = 0; /* deflate grows no more than that */
  uint8_t *out = g_malloc (room);
  GConverterResult result;

  do {
    gsize in = 0, made = 0;

    result
        = g_converter_convert (G_CONVERTER (z), (const uint8_t *) bytes + done, n - done,
                               out + used, room - used, G_CONVERTER_INPUT_AT_END, &in, &made, NULL);
    done += in;
    used += made;
  } while (result == G_CONVERTER_CONVERTED);
  EM_BUG_UNLESS (result == G_CONVERTER_FINISHED);
  return g_bytes_new_take (out, used);
}

uint8_t *
em_inflate (const void *bytes, size_t size, size_t n)
{
  g_autoptr (GZlibDecompressor) z = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB);
  g_autofree uint8_t *out = g_malloc (n + 1); /* one more, to see a stream that is too long */
  size_t done = 0, used = 0;
  GConverterResult result;

  do {
    gsize in = 0, made = 0;

    result = g_converter_convert (G_CONVERTER (z), (const uint8_t *) bytes + done, size - done,
                                  out + used, n + 1 - used, G_CONVERTER_INPUT_AT_END, &in, &made,
                                  NULL);
    done += in;
    used += made;
  } while (result == G_CONVERTER_CONVERTED && used <= n);
  return result == G_CONVERTER_FINISHED && used == n ? g_steal_pointer (&out) : NULL;
}

/* Seven bits a byte, the sign in the lowest bit. */
static void
put (GByteArray *out, int64_t v)
{
  uint64_t u = (uint64_t) v << 1 ^ (uint64_t) (v >> 63);

  do {
    uint8_t byte = (uint8_t) ((u & 0x7f) | (u > 0x7f ? 0x80 : 0));

    g_byte_array_append (out, &byte, 1);
    u >>= 7;
  } while (u);
}

static bool
get (const uint8_t **p, const uint8_t *end, int64_t *v)
{
  uint64_t u = 0;

  for (int shift = 0; shift < 64; shift += 7) {
    if (*p == end)
      return false;
    u |= (uint64_t) (**p & 0x7f) << shift;
    if (!(*(*p)++ & 0x80)) {
      *v = (int64_t) (u >> 1) ^ -(int64_t) (u & 1);
      return true;
    }
  }
  return false;
}

GBytes *
em_frame_table_pack (const EmDbFrame *frames, int n)
{
  g_autoptr (GByteArray) plain = g_byte_array_new ();
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GBytes) packed = NULL;
  const uint8_t version = VERSION;
  uint32_t size;
  int64_t pts = 0, delta = 0;

  for (int i = 0; i < n; i++) {
    int64_t step = frames[i].pts_ns - pts;

    put (plain, step - delta);
    put (plain, frames[i].duration_ns - step);
    put (plain, frames[i].is_key);
    delta = step;
    pts = frames[i].pts_ns;
  }
  packed = em_deflate (plain->data, plain->len);
  g_byte_array_append (out, &version, 1);
  size = GUINT32_TO_LE (plain->len);
  g_byte_array_append (out, (const uint8_t *) &size, 4);
  g_byte_array_append (out, g_bytes_get_data (packed, NULL), g_bytes_get_size (packed));
  return g_byte_array_free_to_bytes (g_steal_pointer (&out));
}

GArray *
em_frame_table_unpack (const void *bytes, size_t size, int n)
{
  g_autoptr (GArray) frames = g_array_new (FALSE, FALSE, sizeof (EmDbFrame));
  g_autofree uint8_t *plain = NULL;
  const uint8_t *p, *end;
  uint32_t plain_size;
  int64_t pts = 0, delta = 0;

  if (n == 0 && size == 0)
    return g_steal_pointer (&frames);
  if (size < 5 || *(const uint8_t *) bytes != VERSION)
    return NULL;
  memcpy (&plain_size, (const uint8_t *) bytes + 1, 4);
  plain_size = GUINT32_FROM_LE (plain_size);
  if (plain_size > (uint64_t) n * 30) /* three numbers of at most ten bytes */
    return NULL;
  plain = em_inflate ((const uint8_t *) bytes + 5, size - 5, plain_size);
  if (!plain)
    return NULL;
  p = plain;
  end = plain + plain_size;
  for (int i = 0; i < n; i++) {
    int64_t change, rest, key;
    EmDbFrame f;

    if (!get (&p, end, &change) || !get (&p, end, &rest) || !get (&p, end, &key)
        || __builtin_add_overflow (delta, change, &delta)
        || __builtin_add_overflow (pts, delta, &pts)
        || __builtin_add_overflow (delta, rest, &f.duration_ns) || (i > 0 && delta <= 0))
      return NULL;
    f.pts_ns = pts;
    f.is_key = key != 0;
    g_array_append_val (frames, f);
  }
  return p == end ? g_steal_pointer (&frames) : NULL;
}
