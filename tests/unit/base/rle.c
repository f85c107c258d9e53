/* Runs against a byte array: every operation is repeated on plain pixels, pixel by pixel. */
#include "base/rle.h"
#include "check.h"

static uint64_t noise = 7;

/* Blobs, stripes, full, empty: masks whose runs are long, short and one pixel. */
static void
draw (uint8_t *pixels, int w, int h, int kind)
{
  int cx = (int) (check_random (&noise) % (unsigned) w),
      cy = (int) (check_random (&noise) % (unsigned) h), r = 1 + (w + h) / 5;

  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      pixels[y * w + x] = kind == 0   ? check_random (&noise) % 2
                          : kind == 1 ? (x - cx) * (x - cx) + (y - cy) * (y - cy) <= r * r
                          : kind == 2 ? x % 3 == 0
                          : kind == 3 ? 1
                                      : 0;
}

static void
the_worked_example (void)
{
  const uint8_t m[24] = { 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0 };
  EmRle a = em_rle_encode (m, 6, 4);
  char *text = em_rle_to_string (&a);
  EmBox box = em_rle_box (&a);

  CHECK_TEXT (text, "5220007");
  CHECK_INT (em_rle_area (&a), 6);
  CHECK (box.x == 1 && box.y == 1 && box.width == 3 && box.height == 2);
  free (text);
  em_rle_clear (&a);

  a = em_rle_new (480, 848);
  text = em_rle_to_string (&a);
  CHECK_TEXT (text, "P`]<");
  free (text);
  em_rle_clear (&a);
}

static void
against_pixels (void)
{
  for (int round = 0; round < 400; round++) {
    int w = 1 + (int) (check_random (&noise) % 23), h = 1 + (int) (check_random (&noise) % 19);
    uint8_t pa[23 * 19], pb[23 * 19], back[23 * 19];
    int64_t area = 0, both = 0, any = 0;
    int x0 = w, y0 = h, x1 = -1, y1 = -1;
    EmError err = EM_ERROR_INIT;
    EmRle a, b, c;
    char *text;
    EmBox box;

    draw (pa, w, h, round % 5);
    draw (pb, w, h, round / 5 % 5);
    a = em_rle_encode (pa, w, h);
    b = em_rle_encode (pb, w, h);
    em_rle_decode (&a, back, 1);
    CHECK (memcmp (back, pa, (size_t) (w * h)) == 0);
    for (int i = 0; i < w * h; i++) {
      area += pa[i];
      both += pa[i] & pb[i];
      any += pa[i] | pb[i];
      if (pa[i]) {
        x0 = i % w < x0 ? i % w : x0;
        x1 = i % w > x1 ? i % w : x1;
        y0 = i / w < y0 ? i / w : y0;
        y1 = i / w > y1 ? i / w : y1;
      }
    }
    CHECK_INT (em_rle_area (&a), area);
    CHECK_NEAR (em_rle_iou (&a, &b), any ? (double) both / (double) any : 1, 1e-12);
    box = em_rle_box (&a);
    if (area)
      CHECK (box.x == x0 && box.y == y0 && box.width == x1 - x0 + 1 && box.height == y1 - y0 + 1);
    else
      CHECK (box.width == 0 && box.height == 0);

    for (int op = 0; op < 3; op++) {
      c = em_rle_combine (&a, &b, (EmRleOp) op);
      em_rle_decode (&c, back, 1);
      for (int i = 0; i < w * h; i++)
        CHECK_INT (back[i], op == EM_RLE_AND  ? (pa[i] & pb[i])
                            : op == EM_RLE_OR ? (pa[i] | pb[i])
                                              : (pa[i] & !pb[i]));
      em_rle_clear (&c);
    }

    text = em_rle_to_string (&a);
    CHECK (em_rle_from_string (&c, text, strlen (text), w, h, &err));
    CHECK (em_rle_equal (&a, &c));
    em_rle_clear (&c);
    free (text);
    em_rle_clear (&a);
    em_rle_clear (&b);
  }
}

/* Sizes around those of a word; what lies behind the last pixel is noise. */
static void
from_bits (void)
{
  for (int round = 0; round < 400; round++) {
    int w = 1 + (int) (check_random (&noise) % 9), words,
        h = 1 + (int) (check_random (&noise) % 99);
    uint8_t pixels[9 * 99];
    uint32_t bits[9 * 4];
    EmRle a, b;

    h = round % 4 ? h : 32 * (1 + round / 4 % 3);
    words = (h + 31) / 32;
    draw (pixels, w, h, round % 5);
    for (int i = 0; i < w * words; i++)
      bits[i] = check_random (&noise) << 1 ^ check_random (&noise);
    for (int i = 0; i < w * h; i++) {
      uint32_t *word = &bits[i % w * words + i / w / 32], bit = 1u << i / w % 32;

      *word = pixels[i] ? *word | bit : *word & ~bit;
    }
    a = em_rle_encode (pixels, w, h);
    b = em_rle_of_bits (bits, w, h);
    CHECK (em_rle_equal (&a, &b));
    em_rle_clear (&a);
    em_rle_clear (&b);
  }
}

static void
damaged_strings (void)
{
  const char *bad[]
      = { "", "5220007x", "522000", "5220008", "\x01", "ooooooooooooo", "O", "o", "5220007~" };
  EmRle a;

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    EmError err = EM_ERROR_INIT;

    CHECK (!em_rle_from_string (&a, bad[i], strlen (bad[i]), 6, 4, &err));
    CHECK_INT (err.code, EM_E_INPUT);
    CHECK (!a.counts);
  }
  /* [5,2,0,0,2,...]: zero runs in the middle are somebody's legal spelling of the same mask. */
  EmError err = EM_ERROR_INIT;
  EmRle split = { 6, 4, 9, (uint32_t[]){ 5, 1, 0, 1, 2, 2, 2, 2, 9 } };
  char *text = em_rle_to_string (&split);

  CHECK (em_rle_from_string (&a, text, strlen (text), 6, 4, &err));
  CHECK_INT (a.n, 7);
  em_rle_clear (&a);
  free (text);
}

/* Parts by repeated relabelling until nothing changes: slow, obviously right. */
static int
count_parts (const uint8_t *pixels, int w, int h)
{
  int label[23 * 19], n = 0;
  bool changed = true;

  for (int i = 0; i < w * h; i++)
    label[i] = pixels[i] ? i + 1 : 0;
  while (changed) {
    changed = false;
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++)
        for (int dy = -1; dy <= 1; dy++)
          for (int dx = -1; dx <= 1; dx++) {
            int j = y + dy, i = x + dx;

            if (i >= 0 && i < w && j >= 0 && j < h && label[y * w + x] && label[j * w + i]
                && label[j * w + i] < label[y * w + x]) {
              label[y * w + x] = label[j * w + i];
              changed = true;
            }
          }
  }
  for (int i = 0; i < w * h; i++)
    n += label[i] == i + 1;
  return n;
}

static void
parts_and_depth (void)
{
  for (int round = 0; round < 200; round++) {
    int w = 1 + (int) (check_random (&noise) % 23), h = 1 + (int) (check_random (&noise) % 19), n;
    uint8_t pixels[23 * 19];
    int64_t last = INT64_MAX;
    EmRle a, sum, *parts;
    int x = -1, y = -1, bx = -1, by = -1, best = 0;

    draw (pixels, w, h, round % 5);
    a = em_rle_encode (pixels, w, h);
    parts = em_rle_parts (&a, &n);
    CHECK_INT (n, count_parts (pixels, w, h));
    sum = em_rle_new (w, h);
    for (int i = 0; i < n; i++) {
      EmRle both = em_rle_combine (&sum, &parts[i], EM_RLE_AND),
            any = em_rle_combine (&sum, &parts[i], EM_RLE_OR);

      CHECK_INT (em_rle_area (&both), 0);
      CHECK (em_rle_area (&parts[i]) <= last);
      last = em_rle_area (&parts[i]);
      em_rle_clear (&both);
      em_rle_clear (&sum);
      em_rle_clear (&parts[i]);
      sum = any;
    }
    CHECK (em_rle_equal (&sum, &a));
    free (parts);
    em_rle_clear (&sum);

    for (int j = 0; j < h; j++)
      for (int i = 0; i < w; i++) {
        int d = 1 << 20;

        if (!pixels[j * w + i])
          continue;
        for (int v = -1; v <= h; v++)
          for (int u = -1; u <= w; u++)
            if (u < 0 || v < 0 || u >= w || v >= h || !pixels[v * w + u]) {
              int e = (u - i) * (u - i) + (v - j) * (v - j);

              d = e < d ? e : d;
            }
        if (d > best) {
          best = d;
          bx = i;
          by = j;
        }
      }
    CHECK_INT (em_rle_deepest (&a, &x, &y), best > 0);
    CHECK (x == bx && y == by);
    em_rle_clear (&a);
  }
}

CHECK_MAIN (the_worked_example, against_pixels, from_bits, damaged_strings, parts_and_depth)
