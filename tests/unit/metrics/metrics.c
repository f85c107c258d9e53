/* The scores: worked examples, dumb twins, and what an interval must contain. */
#include "check.h"
#include "metrics/avs.h"
#include "metrics/bootstrap.h"
#include "metrics/jf.h"
#include "metrics/report.h"

#define W 6
#define H 4

static uint64_t noise = 11;

/* The example mask, 3 x 2 pixels in a 6 x 4 picture, moved right. */
static void
example (uint8_t pixels[W * H], int right)
{
  memset (pixels, 0, W * H);
  for (int y = 1; y <= 2; y++)
    for (int x = 1 + right; x <= 3 + right; x++)
      pixels[y * W + x] = x < W;
}

static EmRle
example_rle (int right)
{
  uint8_t pixels[W * H];

  example (pixels, right);
  return em_rle_encode (pixels, W, H);
}

static void
region_and_boundary (void)
{
  EmRle m = example_rle (0), one = example_rle (1), two = example_rle (2), none = em_rle_new (W, H);
  double precision, recall;

  CHECK_NEAR (em_region_j (&one, &m, NULL), 0.5, 1e-12);
  CHECK_NEAR (em_boundary_f (&one, &m, NULL, 1, NULL, NULL), 1, 1e-12);
  CHECK_NEAR (em_region_j (&two, &m, NULL), 0.2, 1e-12);
  CHECK_NEAR (em_boundary_f (&two, &m, NULL, 1, &precision, &recall), 14.0 / 19, 1e-12);
  CHECK_NEAR (precision, 7.0 / 9, 1e-12);
  CHECK_NEAR (recall, 0.7, 1e-12);

  CHECK_NEAR (em_region_j (&none, &none, NULL), 1, 0);
  CHECK_NEAR (em_boundary_f (&none, &none, NULL, 1, NULL, NULL), 1, 0);
  CHECK_NEAR (em_region_j (&none, &m, NULL), 0, 0);
  CHECK_NEAR (em_boundary_f (&none, &m, NULL, 1, &precision, &recall), 0, 0);
  CHECK (precision == 1 && recall == 0);
  CHECK_NEAR (em_boundary_f (&m, &none, NULL, 1, &precision, &recall), 0, 0);
  CHECK (precision == 0 && recall == 1);

  /* What the two do not share is declared void: now they agree. */
  EmRle either = em_rle_combine (&two, &m, EM_RLE_OR), both = em_rle_combine (&two, &m, EM_RLE_AND);
  EmRle disputed = em_rle_combine (&either, &both, EM_RLE_MINUS);
  CHECK_NEAR (em_region_j (&two, &m, &disputed), 1, 0);
  CHECK_NEAR (em_boundary_f (&two, &m, &disputed, 0, NULL, NULL), 1, 0);

  em_rle_clear (&disputed);
  em_rle_clear (&both);
  em_rle_clear (&either);
  em_rle_clear (&none);
  em_rle_clear (&two);
  em_rle_clear (&one);
  em_rle_clear (&m);
}

static void
tolerances (void)
{
  CHECK_INT (em_boundary_tolerance (854, 480), 8);
  CHECK_INT (em_boundary_tolerance (1280, 720), 12);
  CHECK_INT (em_boundary_tolerance (1920, 1080), 18);
  CHECK_INT (em_boundary_tolerance (224, 224), 3);
  CHECK_INT (em_boundary_tolerance (256, 256), 3);
}

static void
blob (uint8_t *pixels, int w, int h)
{
  int cx = (int) (check_random (&noise) % (unsigned) w);
  int cy = (int) (check_random (&noise) % (unsigned) h);
  int r = 1 + (int) (check_random (&noise) % 9);

  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      pixels[y * w + x]
          = (x - cx) * (x - cx) + (y - cy) * (y - cy) <= r * r && check_random (&noise) % 8;
}

static int
at (const uint8_t *p, int w, int x, int y)
{
  return p[y * w + x];
}

/* The dumb twin: contour pixels as a list, every pair of them measured. */
static int
twin_contour (const uint8_t *p, int w, int h, int (*list)[2])
{
  int n = 0;

  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      int here = at (p, w, x, y), set = 0;

      if (x < w - 1 && y < h - 1)
        set = here != at (p, w, x + 1, y) || here != at (p, w, x, y + 1)
              || here != at (p, w, x + 1, y + 1);
      else if (x < w - 1)
        set = here != at (p, w, x + 1, y);
      else if (y < h - 1)
        set = here != at (p, w, x, y + 1);
      if (set) {
        list[n][0] = x;
        list[n++][1] = y;
      }
    }
  return n;
}

static double
twin_share (int (*a)[2], int na, int (*b)[2], int nb, int r)
{
  int near = 0;

  for (int i = 0; i < na; i++)
    for (int j = 0; j < nb; j++) {
      int dx = a[i][0] - b[j][0], dy = a[i][1] - b[j][1];

      if (dx * dx + dy * dy <= r * r) {
        near++;
        break;
      }
    }
  return na ? (double) near / na : 1;
}

static void
boundary_against_pairs (void)
{
  for (int round = 0; round < 200; round++) {
    int w = 2 + (int) (check_random (&noise) % 25), h = 2 + (int) (check_random (&noise) % 19);
    int r = (int) (check_random (&noise) % 5), lp[600][2], lg[600][2], np, ng;
    uint8_t p[27 * 21], g[27 * 21];
    double precision, recall;
    EmRle a, b;

    blob (p, w, h);
    blob (g, w, h);
    np = twin_contour (p, w, h, lp);
    ng = twin_contour (g, w, h, lg);
    if (!np || !ng)
      continue;
    a = em_rle_encode (p, w, h);
    b = em_rle_encode (g, w, h);
    em_boundary_f (&a, &b, NULL, r, &precision, &recall);
    CHECK_NEAR (precision, twin_share (lp, np, lg, ng, r), 1e-12);
    CHECK_NEAR (recall, twin_share (lg, ng, lp, np, r), 1e-12);
    em_rle_clear (&b);
    em_rle_clear (&a);
  }
}

static void
audio_visual (void)
{
  uint8_t truth[W * H], moved[W * H], nothing[W * H] = { 0 };
  double f[EM_AVS_N_THRESHOLDS];
  EmAvsGroup group = { 0 };
  EmAvsNull null = { 0 };
  float logits[W * H];

  example (truth, 0);
  example (moved, 1);
  for (int i = 0; i < W * H; i++)
    logits[i] = moved[i] ? 2 : -2;
  CHECK_NEAR (em_avs_jaccard (logits, truth, W * H), 0.5, 1e-7);
  CHECK (em_avs_f_curve (logits, truth, W * H, NULL, NULL, f));
  CHECK_NEAR (f[0], 0.302326, 1e-6);
  CHECK_NEAR (f[127], 2.0 / 3, 1e-12);
  CHECK (f[EM_AVS_N_THRESHOLDS - 1] == 0);
  CHECK_NEAR (em_avs_jaccard (logits, nothing, W * H), 0.75, 1e-7);
  CHECK (!em_avs_f_curve (logits, nothing, W * H, NULL, NULL, f));

  em_avs_add (&group, logits, truth, W * H);
  em_avs_add (&group, logits, nothing, W * H);
  CHECK_NEAR (em_avs_mj (&group), 0.625, 1e-7);
  CHECK_NEAR (em_avs_mf (&group), 2.0 / 3, 1e-12);

  em_avs_null_add (&null, logits, W * H);
  CHECK_NEAR (em_avs_null_root (&null), 0.5, 1e-12);
  CHECK_NEAR (em_avs_null_share (&null), 0.25, 1e-12);
}

/* Every threshold counted on its own, in double: away from the thresholds themselves the one pass
 * must agree. */
static void
curve_against_counting (void)
{
  enum { N = 500 };
  double precision[EM_AVS_N_THRESHOLDS], recall[EM_AVS_N_THRESHOLDS];
  uint8_t truth[N];
  float logits[N];
  int n_truth = 0;

  for (int i = 0; i < N; i++) {
    logits[i] = ((int) (check_random (&noise) % 20001) - 10000) / 1234.5f;
    truth[i] = check_random (&noise) % 3 == 0;
    n_truth += truth[i];
  }
  CHECK (em_avs_f_curve (logits, truth, N, precision, recall, NULL));
  for (int k = 0; k < EM_AVS_N_THRESHOLDS; k++) {
    int hits = 0, all = 0;

    for (int i = 0; i < N; i++)
      if (1 / (1 + exp (-logits[i])) >= k / 254.0) {
        all++;
        hits += truth[i];
      }
    CHECK_NEAR (precision[k], all ? (double) hits / all : 0, 1e-9);
    CHECK_NEAR (recall[k], (double) hits / n_truth, 1e-9);
  }
}

static void
intervals (void)
{
  double values[400], same[3] = { 0.25, 0.25, 0.25 };
  int group[400], one_group[3] = { 7, 7, 7 };
  EmInterval clustered, single;

  /* Forty clips whose frames agree: the interval must be that of forty values, not of 400. */
  for (int i = 0; i < 400; i++) {
    group[i] = i / 10;
    values[i] = i / 10 % 2;
  }
  clustered = em_bootstrap_mean (values, group, 400, 0.95, 1);
  CHECK_NEAR (clustered.mean, 0.5, 1e-12);
  CHECK_NEAR (clustered.high - clustered.low, 2 * 1.96 * 0.5 / sqrt (40), 0.05);
  CHECK_INT (clustered.n, 400);
  for (int i = 0; i < 400; i++)
    group[i] = i;
  single = em_bootstrap_mean (values, group, 400, 0.95, 1);
  CHECK_NEAR (single.high - single.low, 2 * 1.96 * 0.5 / sqrt (400), 0.02);

  single = em_bootstrap_mean (same, one_group, 3, 0.95, 1);
  CHECK (single.low == 0.25 && single.high == 0.25 && single.mean == 0.25);
  single = em_bootstrap_mean (NULL, NULL, 0, 0.95, 1);
  CHECK (isnan (single.mean) && single.n == 0);
}

static void
add (EmReport *r, const char *measure, const char *slice, const char *clip, double j, double f)
{
  em_report_add (r, measure, &(EmSample){ slice, clip, "drum", 3, j, f });
}

/* Two slices of two measures: what is in which row, and the row over both. */
static void
reports (void)
{
  EmReport *r = em_report_new ();
  char *text = NULL;
  size_t n = 0;
  FILE *out = open_memstream (&text, &n);
  EmInterval f, mean;
  json_t *json, *rows;

  em_report_measure (r, "click", "one click");
  em_report_measure (r, "alarm", "noise in silence");
  em_report_measure (r, "never", "nobody asks");
  add (r, "click", "standard", "a", 0.5, 0.25);
  add (r, "click", "standard", "b", 1, 0.75);
  add (r, "click", "twins", "c", 0, 0.5);
  add (r, "alarm", "standard", "a", 1, NAN);

  mean = em_report_mean (r, "click", &f);
  CHECK_NEAR (mean.mean, 0.5, 1e-12);
  CHECK_NEAR (f.mean, 0.5, 1e-12);
  CHECK (mean.low >= 0 && mean.high <= 1 && mean.low <= mean.mean && mean.mean <= mean.high);
  CHECK_NEAR (em_report_worst_j (r), 0.5, 1e-12); /* a share is no J */
  em_report_mean (r, "alarm", &f);
  CHECK_INT (f.n, 0);

  em_report_print (r, EM_BY_SLICE, out);
  fclose (out);
  CHECK (strstr (text, "| click | standard | 2 | 2 | 0.750 ("));
  CHECK (strstr (text, "| 0.625 |"));
  CHECK (strstr (text, "| click | twins | 1 | 1 | 0.000 | 0.500 | 0.250 |"));
  CHECK (strstr (text, "| click | all | 3 | 3 | 0.500 ("));
  CHECK (strstr (text, "| alarm | standard | 1 | 1 | 1.000 |  |  |"));
  CHECK (!strstr (text, "| alarm | all |") && !strstr (text, "never"));
  CHECK (strstr (text, "- **click**: one click\n"));
  free (text);

  json = em_report_to_json (r, EM_BY_CLIP);
  rows = json_object_get (json_array_get (json_object_get (json, "measures"), 0), "rows");
  CHECK_INT (json_array_size (rows), 4);
  CHECK_TEXT (json_string_value (json_object_get (json_array_get (rows, 1), "group")), "b");
  CHECK_NEAR (json_real_value (json_object_get (json_array_get (rows, 1), "f")), 0.75, 1e-12);
  json_decref (json);
  em_report_free (r);
}

CHECK_MAIN (region_and_boundary, tolerances, boundary_against_pairs, audio_visual,
            curve_against_counting, intervals, reports)
