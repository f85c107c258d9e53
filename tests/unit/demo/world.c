/* The demo world: a function of its seed, and its truth is the truth. */
#include "check.h"
#include "world.h"

#include <stdbool.h>

enum { PIXELS = EM_WORLD_SIDE * EM_WORLD_SIDE, WORLDS = 40 };

static uint8_t rgb[2][3 * PIXELS], owner[2][PIXELS];
static int16_t samples[2][2 * EM_WORLD_SAMPLES];

static EmWorldSlice
slice_of (int n)
{
  return n % 4 == 0 ? EM_WORLD_TWINS : EM_WORLD_STANDARD;
}

static bool
sounds_at (const EmWorld *world, int object, double time)
{
  EmWorldInterval interval[EM_WORLD_MAX_INTERVALS];
  int n = em_world_intervals (world, object, interval);
  for (int i = 0; i < n; i++)
    if (time >= interval[i].start && time < interval[i].end)
      return true;
  return false;
}

static bool
anyone_at (const EmWorld *world, double time)
{
  for (int i = 0; i < em_world_object_count (world); i++)
    if (sounds_at (world, i, time))
      return true;
  return false;
}

static void
test_same_seed (void)
{
  EmWorld *a = em_world_new (5, EM_WORLD_STANDARD), *b = em_world_new (5, EM_WORLD_STANDARD);
  em_world_draw (a, 3.25, rgb[0], owner[0]);
  em_world_draw (b, 7.5, rgb[1], owner[1]); /* what was drawn before has no influence */
  em_world_draw (b, 3.25, rgb[1], owner[1]);
  CHECK (memcmp (rgb[0], rgb[1], sizeof rgb[0]) == 0);
  CHECK (memcmp (owner[0], owner[1], sizeof owner[0]) == 0);
  em_world_sound (a, true, samples[0]);
  em_world_sound (b, true, samples[1]);
  CHECK (memcmp (samples[0], samples[1], sizeof samples[0]) == 0);
  em_world_free (b);

  b = em_world_new (6, EM_WORLD_STANDARD);
  em_world_draw (b, 3.25, rgb[1], owner[1]);
  CHECK (memcmp (rgb[0], rgb[1], sizeof rgb[0]) != 0);
  em_world_free (a);
  em_world_free (b);
}

/* Objects keep inside the picture, so each is seen unless another hides it, and the owner map
   names existing objects only.  */
static void
test_masks (void)
{
  for (int n = 0; n < WORLDS; n++) {
    EmWorld *world = em_world_new ((uint64_t) n, slice_of (n));
    int count = em_world_object_count (world);
    CHECK (count >= 2 && count <= EM_WORLD_MAX_OBJECTS);
    em_world_draw (world, n % 10, rgb[0], owner[0]);
    long area[EM_WORLD_MAX_OBJECTS + 1] = { 0 };
    for (int i = 0; i < PIXELS; i++) {
      CHECK (owner[0][i] <= count);
      area[owner[0][i] <= count ? owner[0][i] : 0]++;
    }
    CHECK (area[count] > 300); /* nothing is in front of the last one */
    for (int i = 0; i < count; i++) {
      double x, y, r = em_world_radius (world, i);
      em_world_place (world, i, n % 10, &x, &y);
      CHECK (r >= 19 && r <= 42);
      CHECK (x >= r - 0.01 && x <= EM_WORLD_SIDE - r + 0.01);
      CHECK (y >= r - 0.01 && y <= EM_WORLD_SIDE - r + 0.01);
    }
    em_world_free (world);
  }
}

static void
test_intervals (void)
{
  for (int n = 0; n < WORLDS; n++) {
    EmWorld *world = em_world_new ((uint64_t) n, slice_of (n));
    int total = 0;
    for (int i = 0; i < em_world_object_count (world); i++) {
      EmWorldInterval interval[EM_WORLD_MAX_INTERVALS];
      int found = em_world_intervals (world, i, interval);
      double last = -1;
      for (int j = 0; j < found; j++) {
        double edge[2] = { interval[j].start, interval[j].end };
        CHECK (edge[0] > last && edge[0] < edge[1] && edge[0] >= 0 && edge[1] <= 10);
        for (int k = 0; k < 2; k++)
          CHECK_NEAR (edge[k], round (edge[k]), 0.1001);
        last = edge[1];
      }
      total += found;
    }
    CHECK (total > 0);
    em_world_free (world);
  }
}

/* Without the ambient noise a stretch is silent to the last bit when nobody sounds in it, and
   heard when somebody sounds through all of it.  */
static void
test_sound (void)
{
  enum { STRETCH = EM_WORLD_RATE / 5, STRETCHES = EM_WORLD_SAMPLES / STRETCH };
  for (int n = 0; n < WORLDS; n++) {
    EmWorld *world = em_world_new ((uint64_t) n, slice_of (n));
    CHECK (em_world_sound (world, false, samples[0]));
    for (int s = 0; s < STRETCHES; s++) {
      int loudest = 0, begun = 0;
      for (int i = 2 * s * STRETCH; i < 2 * (s + 1) * STRETCH; i++)
        loudest = abs (samples[0][i]) > loudest ? abs (samples[0][i]) : loudest;
      for (int i = 0; i < 200; i++)
        begun += anyone_at (world, (s + i / 200.0) * STRETCH / EM_WORLD_RATE);
      if (begun == 0)
        CHECK_INT (loudest, 0);
      if (begun == 200)
        CHECK (loudest > 100);
    }
    em_world_free (world);
  }
}

static void
test_twins (void)
{
  for (int n = 0; n < WORLDS; n++) {
    EmWorld *world = em_world_new ((uint64_t) n, EM_WORLD_TWINS);
    int b = em_world_object_count (world) - 1, a = b - 1;
    CHECK_INT (em_world_object_kind (world, a), em_world_object_kind (world, b));
    EmWorldInterval interval[EM_WORLD_MAX_INTERVALS];
    bool left = em_world_intervals (world, a, interval) > 0;
    bool right = em_world_intervals (world, b, interval) > 0;
    CHECK (left != right);
    em_world_sound (world, false, samples[0]);
    double power[2] = { 0 };
    for (int i = 0; i < 2 * EM_WORLD_SAMPLES; i++)
      power[i & 1] += (double) samples[0][i] * samples[0][i];
    CHECK (left == (power[0] > power[1]));
    em_world_free (world);
  }
}

CHECK_MAIN (test_same_seed, test_masks, test_intervals, test_sound, test_twins)
