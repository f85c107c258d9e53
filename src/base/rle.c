/* rle.c - masks as column-major runs, and the COCO string that stores them.
 *
 * Everything works on runs directly: area, box, IoU and set algebra walk two lists of counts at
 * once and never touch pixels. Only parts and the deepest pixel need the picture. */
#include "base/rle.h"
#include <stdlib.h>
#include <string.h>

/* Out of memory for a list of runs is the end: no caller could do anything useful. */
static void *
grow (void *p, size_t bytes)
{
  p = realloc (p, bytes ? bytes : 1);
  EM_BUG_UNLESS (p);
  return p;
}

/* Collects runs: appending a value equal to the current one lengthens its run. */
typedef struct {
  EmRle *out;
  int room;
  bool value; /* of the run being built */
  uint32_t run;
} Builder;

static void
builder_push (Builder *b)
{
  if (b->out->n == b->room) {
    b->room = b->room ? 2 * b->room : 16;
    b->out->counts = grow (b->out->counts, (size_t) b->room * sizeof *b->out->counts);
  }
  b->out->counts[b->out->n++] = b->run;
  b->run = 0;
}

static void
builder_add (Builder *b, bool value, uint32_t n)
{
  if (!n)
    return;
  if (value != b->value) {
    builder_push (b);
    b->value = value;
  }
  b->run += n;
}

static EmRle
builder_end (Builder *b)
{
  builder_push (b);
  b->out->counts = grow (b->out->counts, (size_t) b->out->n * sizeof *b->out->counts);
  return *b->out;
}

#define BUILDER(rle)                                                                               \
  {                                                                                                \
    .out = &(rle)                                                                                  \
  }

EmRle
em_rle_new (int width, int height)
{
  EmRle a = { width, height, 0, NULL };
  Builder b = BUILDER (a);

  EM_BUG_UNLESS (width > 0 && height > 0);
  builder_add (&b, false, (uint32_t) width * (uint32_t) height);
  return builder_end (&b);
}

EmRle
em_rle_encode (const uint8_t *pixels, int width, int height)
{
  EmRle a = { width, height, 0, NULL };
  Builder b = BUILDER (a);

  EM_BUG_UNLESS (width > 0 && height > 0);
  for (int x = 0; x < width; x++)
    for (int y = 0; y < height; y++)
      builder_add (&b, pixels[(size_t) y * width + x] != 0, 1);
  return builder_end (&b);
}

EmRle
em_rle_threshold (const float *logits, int width, int height)
{
  EmRle a = { width, height, 0, NULL };
  Builder b = BUILDER (a);

  EM_BUG_UNLESS (width > 0 && height > 0);
  for (int x = 0; x < width; x++)
    for (int y = 0; y < height; y++)
      builder_add (&b, logits[(size_t) y * width + x] > 0, 1);
  return builder_end (&b);
}

/* Whole words of one value are passed over; the lowest bit that differs from the run ends it. */
EmRle
em_rle_of_bits (const uint32_t *bits, int width, int height)
{
  EmRle a = { width, height, 0, NULL };
  Builder b = BUILDER (a);
  uint32_t column = 0, begin = 0; /* pixels before the column, and before the run */

  EM_BUG_UNLESS (width > 0 && height > 0);
  for (int x = 0; x < width; x++, column += (uint32_t) height)
    for (int y = 0; y < height; y += 32, bits++) {
      uint32_t there = height - y < 32 ? (UINT32_C (1) << (height - y)) - 1 : UINT32_MAX;
      uint32_t differs = (b.value ? ~*bits : *bits) & there;

      while (differs) {
        uint32_t at = (uint32_t) __builtin_ctz (differs), end = column + (uint32_t) y + at;

        b.run = end - begin;
        begin = end;
        builder_push (&b);
        b.value = !b.value;
        differs = ~differs & there & UINT32_MAX << at;
      }
    }
  b.run = column - begin;
  return builder_end (&b);
}

EmRle
em_rle_copy (const EmRle *a)
{
  EmRle c = *a;

  if (!a->counts)
    return c;
  c.counts = grow (NULL, (size_t) a->n * sizeof *a->counts);
  memcpy (c.counts, a->counts, (size_t) a->n * sizeof *a->counts);
  return c;
}

void
em_rle_clear (EmRle *a)
{
  free (a->counts);
  *a = (EmRle){ 0 };
}

/* Calls for each run of ones, cut at column ends: rows y0 <= y < y1 of column x. */
#define FOR_EACH_SPAN(a, x, y0, y1)                                                                \
  for (uint64_t pos_ = 0, i_ = 0, end_; i_ < (uint64_t) (a)->n; i_++)                              \
    for (end_ = pos_ + (a)->counts[i_]; pos_ < end_;)                                              \
      for (int x = (int) (pos_ / (uint64_t) (a)->height),                                          \
               y0 = (int) (pos_ % (uint64_t) (a)->height),                                         \
               y1 = (int) ((uint64_t) y0 + (end_ - pos_) > (uint64_t) (a)->height                  \
                               ? (uint64_t) (a)->height                                            \
                               : (uint64_t) y0 + (end_ - pos_)),                                   \
               once_ = (pos_ += (uint64_t) (y1 - y0), 1);                                          \
           once_; once_ = 0)                                                                       \
        if (i_ % 2)

void
em_rle_decode (const EmRle *a, uint8_t *pixels, uint8_t value)
{
  memset (pixels, 0, (size_t) a->width * (size_t) a->height);
  FOR_EACH_SPAN (a, x, y0, y1)
  for (int y = y0; y < y1; y++)
    pixels[(size_t) y * a->width + x] = value;
}

char *
em_rle_to_string (const EmRle *a)
{
  char *text = grow (NULL, (size_t) a->n * 7 + 1);
  size_t n = 0;

  for (int i = 0; i < a->n; i++) {
    int64_t v = i > 2 ? (int64_t) a->counts[i] - a->counts[i - 2] : a->counts[i];
    bool more = true;

    while (more) {
      int group = (int) (v & 31);

      v >>= 5;
      more = group & 16 ? v != -1 : v != 0;
      text[n++] = (char) (48 + group + (more ? 32 : 0));
    }
  }
  text[n] = '\0';
  return text;
}

bool
em_rle_from_string (EmRle *out, const char *text, size_t bytes, int width, int height, EmError *err)
{
  EmRle a = { width, height, 0, NULL };
  int64_t size = (int64_t) width * height, sum = 0;
  int room = 0;
  size_t i = 0;

  *out = (EmRle){ 0 };
  if (width <= 0 || height <= 0 || size > INT32_MAX)
    return em_fail (err, EM_E_INPUT, "a mask of %d x %d pixels is impossible", width, height);
  while (i < bytes) {
    int64_t v = 0;
    int k = 0, c;

    do {
      c = i < bytes ? (unsigned char) text[i] - 48 : -1;
      if (c < 0 || c > 63 || k > 6) {
        em_rle_clear (&a);
        return em_fail (err, EM_E_INPUT, "mask string is damaged at character %zu", i);
      }
      v |= (int64_t) (c & 31) << (5 * k++);
      i++;
    } while (c & 32);
    if (c & 16)
      v -= (int64_t) 1 << (5 * k);
    if (a.n > 2)
      v += a.counts[a.n - 2];
    if (v < 0 || v > size - sum) {
      em_rle_clear (&a);
      return em_fail (err, EM_E_INPUT, "mask string has a run of %lld where %lld pixels are left",
                      (long long) v, (long long) (size - sum));
    }
    if (a.n == room) {
      room = room ? 2 * room : 64;
      a.counts = grow (a.counts, (size_t) room * sizeof *a.counts);
    }
    a.counts[a.n++] = (uint32_t) v;
    sum += v;
  }
  if (sum != size) {
    em_rle_clear (&a);
    return em_fail (err, EM_E_INPUT, "mask string covers %lld pixels of %lld", (long long) sum,
                    (long long) size);
  }

  /* Others may write zero runs in the middle: joined here, so that equal masks have equal runs. */
  Builder b = BUILDER (*out);
  *out = (EmRle){ width, height, 0, NULL };
  for (int r = 0; r < a.n; r++)
    builder_add (&b, r % 2, a.counts[r]);
  builder_end (&b);
  em_rle_clear (&a);
  return true;
}

int64_t
em_rle_area (const EmRle *a)
{
  int64_t area = 0;

  for (int i = 1; i < a->n; i += 2)
    area += a->counts[i];
  return area;
}

EmBox
em_rle_box (const EmRle *a)
{
  int x0 = a->width, x1 = -1, top = a->height, bottom = -1;

  FOR_EACH_SPAN (a, x, y0, y1)
  {
    x0 = x < x0 ? x : x0;
    x1 = x > x1 ? x : x1;
    top = y0 < top ? y0 : top;
    bottom = y1 - 1 > bottom ? y1 - 1 : bottom;
  }
  return x1 < 0 ? (EmBox){ 0 } : (EmBox){ x0, top, x1 - x0 + 1, bottom - top + 1 };
}

bool
em_rle_equal (const EmRle *a, const EmRle *b)
{
  return a->width == b->width && a->height == b->height && a->n == b->n
         && (!a->n || memcmp (a->counts, b->counts, (size_t) a->n * sizeof *a->counts) == 0);
}

/* Two run lists walked together: each turn is the longest stretch on which neither changes. */
typedef struct {
  const EmRle *a, *b;
  int ia, ib;
  uint32_t left_a, left_b;
} Walk;

static bool
walk_next (Walk *w, bool *in_a, bool *in_b, uint32_t *n)
{
  while (w->left_a == 0 && w->ia < w->a->n)
    w->left_a = w->a->counts[w->ia++];
  while (w->left_b == 0 && w->ib < w->b->n)
    w->left_b = w->b->counts[w->ib++];
  if (!w->left_a || !w->left_b)
    return false;
  *in_a = (w->ia - 1) % 2;
  *in_b = (w->ib - 1) % 2;
  *n = w->left_a < w->left_b ? w->left_a : w->left_b;
  w->left_a -= *n;
  w->left_b -= *n;
  return true;
}

double
em_rle_iou (const EmRle *a, const EmRle *b)
{
  Walk w = { a, b, 0, 0, 0, 0 };
  int64_t both = 0, any = 0;
  bool in_a, in_b;
  uint32_t n;

  EM_BUG_UNLESS (a->width == b->width && a->height == b->height);
  while (walk_next (&w, &in_a, &in_b, &n)) {
    both += in_a && in_b ? n : 0;
    any += in_a || in_b ? n : 0;
  }
  return any ? (double) both / (double) any : 1;
}

EmRle
em_rle_combine (const EmRle *a, const EmRle *b, EmRleOp op)
{
  EmRle out = { a->width, a->height, 0, NULL };
  Builder builder = BUILDER (out);
  Walk w = { a, b, 0, 0, 0, 0 };
  bool in_a, in_b;
  uint32_t n;

  EM_BUG_UNLESS (a->width == b->width && a->height == b->height && a->width > 0);
  while (walk_next (&w, &in_a, &in_b, &n))
    builder_add (&builder,
                 op == EM_RLE_AND  ? in_a && in_b
                 : op == EM_RLE_OR ? in_a || in_b
                                   : in_a && !in_b,
                 n);
  return builder_end (&builder);
}
