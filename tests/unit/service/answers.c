/* answers.c - suggestions cut into candidates, against a dumb twin. */
#include "check.h"
#include "service/results.h"

static EmSuggestion *
some_suggestion (int side, int width, int height, uint64_t seed)
{
  EmSuggestion *s = em_suggestion_new ();
  uint8_t *bytes = g_malloc ((gsize) side * (gsize) side);

  for (int i = 0; i < side * side; i++) /* blobs: coarse noise */
    bytes[i] = (uint8_t) (check_random (&seed) % 4 == 0 ? 200 + check_random (&seed) % 56
                                                        : check_random (&seed) % 110);
  s->side = side;
  s->width = width;
  s->height = height;
  s->logits = g_bytes_new_take (bytes, (gsize) side * (gsize) side);
  return s;
}

/* Bilinear between centres, one pixel at a time, in double. */
static double
logit_at (const EmSuggestion *s, int x, int y)
{
  const uint8_t *b = g_bytes_get_data (s->logits, NULL);
  double u = fmax ((x + 0.5) * s->side / s->width - 0.5, 0);
  double v = fmax ((y + 0.5) * s->side / s->height - 0.5, 0);
  int i = (int) u, j = (int) v, i1 = MIN (i + 1, s->side - 1), j1 = MIN (j + 1, s->side - 1);
  double top = em_logit_from_byte (b[j * s->side + i]) * (1 - (u - i))
               + em_logit_from_byte (b[j * s->side + i1]) * (u - i);
  double bottom = em_logit_from_byte (b[j1 * s->side + i]) * (1 - (u - i))
                  + em_logit_from_byte (b[j1 * s->side + i1]) * (u - i);

  return top * (1 - (v - j)) + bottom * (v - j);
}

static void
check_region (void)
{
  static const struct {
    int side, width, height;
    double threshold;
  } cases[] = { { 16, 40, 30, 0.5 }, { 16, 7, 64, 0.3 }, { 64, 50, 50, 0.9 }, { 1, 5, 3, 0.5 } };

  for (gsize k = 0; k < G_N_ELEMENTS (cases); k++) {
    g_autoptr (EmSuggestion) s
        = some_suggestion (cases[k].side, cases[k].width, cases[k].height, 3 + k);
    EmRle region = em_suggestion_region (s, cases[k].threshold);
    g_autofree uint8_t *pixels = g_malloc0 ((gsize) s->width * (gsize) s->height);
    double cut = log (cases[k].threshold / (1 - cases[k].threshold));
    int n_wrong = 0, n_in = 0;

    em_rle_decode (&region, pixels, 1);
    for (int y = 0; y < s->height; y++)
      for (int x = 0; x < s->width; x++) {
        double logit = logit_at (s, x, y);
        n_in += pixels[y * s->width + x];
        if (fabs (logit - cut) > 1e-4 && (logit > cut) != pixels[y * s->width + x])
          n_wrong++;
      }
    CHECK_INT (n_wrong, 0);
    CHECK (k == 3 || (n_in > 0 && n_in < s->width * s->height));
    em_rle_clear (&region);
  }
}

static void
check_candidates (void)
{
  g_autoptr (EmSuggestion) s = some_suggestion (32, 120, 90, 1);
  EmRle region = em_suggestion_region (s, 0.6), joined = em_rle_new (120, 90);
  g_autoptr (GArray) all = em_suggestion_cut (s, 0.6, 0), few = em_suggestion_cut (s, 0.6, 40);

  CHECK (all->len > 3);
  CHECK (few->len > 0 && few->len < all->len);
  for (guint i = 0; i < all->len; i++) {
    const EmCandidate *c = &g_array_index (all, EmCandidate, i);
    EmRle sum = em_rle_combine (&joined, &c->mask, EM_RLE_OR);

    CHECK_INT (em_rle_area (&sum), em_rle_area (&joined) + c->area); /* they do not overlap */
    CHECK_INT (c->area, em_rle_area (&c->mask));
    CHECK (i == 0 || c->area <= c[-1].area);
    CHECK (c->score > 0.6f && c->score < 1);
    em_rle_clear (&joined);
    joined = sum;
  }
  for (guint i = 0; i < few->len; i++)
    CHECK (g_array_index (few, EmCandidate, i).area >= 40);
  CHECK (all->len == 32 || em_rle_equal (&joined, &region));
  em_rle_clear (&region);
  em_rle_clear (&joined);
}

static void
check_silent (void)
{
  g_autoptr (EmSuggestion) s = em_suggestion_new ();
  EmRle region;
  g_autoptr (GArray) none = NULL;

  s->width = 8;
  s->height = 6;
  s->is_silent = true;
  region = em_suggestion_region (s, 0.5);
  none = em_suggestion_cut (s, 0.5, 0);
  CHECK_INT (em_rle_area (&region), 0);
  CHECK_INT (none->len, 0);
  em_rle_clear (&region);
}

static void
check_bytes (void)
{
  CHECK_INT (em_logit_to_byte (0), 128);
  CHECK_INT (em_logit_to_byte (-100), 0);
  CHECK_INT (em_logit_to_byte (100), 255);
  CHECK_NEAR (em_logit_from_byte (em_logit_to_byte (3.3f)), 3.3, 1 / 32.0);
  for (int i = 0; i < 256; i++)
    CHECK_INT (em_logit_to_byte (em_logit_from_byte ((uint8_t) i)), i);
}

CHECK_MAIN (check_region, check_candidates, check_silent, check_bytes)
