/* stretch.c - lanes drawn as text, and the spans and seeds that tracking gets for them.
 *
 *   K keyframe  A approved  0 absent  i imported  r imported and refused  p tracked  o by other
 *   weights  . nothing  X keyframe still being decoded  e cleared by hand */
#include "service/track_stretch.h"
#include "check.h"

static EmMask *
mask_of (char kind, const char *weights)
{
  uint8_t pixels[12] = { 0, 1, 1 };
  EmDbMask row = { .made = 1, .area = kind == '0' ? 0 : 2, .weights = (char *) weights };
  EmMask *mask;

  if (kind == '0')
    memset (pixels, 0, sizeof pixels);
  row.rle = em_rle_encode (pixels, 4, 3);
  mask = em_mask_new (&row);
  em_rle_clear (&row.rle);
  return mask;
}

static EmObject *
draw (const char *lane)
{
  static const char kinds[] = "KA0irpoXe";
  static const EmState states[] = { EM_STATE_KEYFRAME,   EM_STATE_APPROVED, EM_STATE_ABSENT,
                                    EM_STATE_IMPORTED,   EM_STATE_IMPORTED, EM_STATE_PROPAGATED,
                                    EM_STATE_PROPAGATED, EM_STATE_KEYFRAME, EM_STATE_EMPTY };
  EmDbObject row = { .id = 7, .name = (char *) "a" };
  EmObject *object = em_object_new (&row, NULL, (int) strlen (lane));

  for (int i = 0; lane[i]; i++) {
    const char *kind = strchr (kinds, lane[i]);
    EmDbCell cell = { .object = 7, .frame = i, .step = 1, .made = 1 };
    g_autoptr (EmMask) mask = NULL;

    if (!kind)
      continue;
    cell.state = states[kind - kinds];
    cell.pending = *kind == 'X';
    cell.rejected = *kind == 'r';
    cell.made = *kind != 'e';
    if (*kind != 'e')
      mask = mask_of (*kind, *kind == 'p' ? "mine" : *kind == 'o' ? "other" : NULL);
    em_object_take_cell (object, i, &cell, mask);
  }
  em_object_settle (object);
  return object;
}

/* Spans as "from-to", then the seeds' frames in brackets. */
static void
expect (const char *lane, int direction, int first, int last, const char *want)
{
  g_autoptr (EmObject) object = draw (lane);
  EmTrackRequest *r = em_lane_track_request (object, first, last, direction, "mine");
  g_autoptr (GString) got = g_string_new (NULL);

  for (guint i = 0; i < r->spans->len; i++) {
    const EmTrackSpan *s = &g_array_index (r->spans, EmTrackSpan, i);

    CHECK (s->n_objects == 1 && s->objects[0] == 7);
    g_string_append_printf (got, "%d-%d ", s->from, s->to);
  }
  for (guint i = 0; i < r->seeds->len; i++)
    g_string_append_printf (got, "%s%d", i ? "," : "[",
                            g_array_index (r->seeds, EmTrackSeed, i).frame);
  if (r->seeds->len)
    g_string_append_c (got, ']');
  if (strcmp (got->str, want) != 0)
    fprintf (stderr, "%s, direction %d\n", lane, direction);
  CHECK_TEXT (got->str, want);
  em_track_request_free (r);
}

static void
stretches_lie_between_what_was_decided (void)
{
  expect ("......", 0, 0, 99, "");
  expect ("K.....", 0, 0, 99, "0-5 [0]");
  expect (".....K", 0, 0, 99, "5-0 [5]");
  expect ("..K...", 0, 0, 99, "2-0 2-5 [2]");
  expect ("..K...", 1, 0, 99, "2-5 [2]");
  expect ("..K...", -1, 0, 99, "2-0 [2]");
  expect ("K..A..", 0, 0, 99, "0-2 3-5 [0,3]");
  expect ("K..A..", -1, 0, 99, "3-1 [0,3]");
  expect ("K.X..", 0, 0, 99, "0-1 0-4 [0]");   /* an undecoded click stays, and is no start */
  expect ("K.r.i", 0, 0, 99, "0-1 0-3 [0,4]"); /* what was refused conditions nothing */
  expect ("r...", 0, 0, 99, "");
  expect ("K.e.K", 0, 0, 99, "0-3 [0,4]");
  expect ("K.....", 0, 2, 3, "0-3 [0]");
}

static void
done_work_is_not_done_again (void)
{
  expect ("KpppK", 0, 0, 99, "");
  expect ("Kpp..", 0, 0, 99, "0-4 [0]");
  expect ("KpoK.", 0, 0, 99, "0-2 3-4 [0,3]");
}

static void
absence_is_a_seed_without_pixels (void)
{
  expect ("K..00..K", 0, 0, 99, "0-2 7-5 [0,3,4,7]"); /* each side from its own */
  expect ("K..00..K", 1, 0, 99, "0-2 0-6 [0,3,4,7]");
  expect ("K..00..K", -1, 0, 99, "7-1 7-5 [0,3,4,7]");
  expect ("K..00...", 0, 0, 99, "0-2 0-7 [0,3,4]"); /* carried over the gap */
  expect ("K..00.X.K", 0, 0, 99, "0-2 0-5 0-7 [0,3,4,8]");
  expect ("00..", 0, 0, 99, "");
}

CHECK_MAIN (stretches_lie_between_what_was_decided, done_work_is_not_done_again,
            absence_is_a_seed_without_pixels)
