/* track_stretch.c - one pass over the lane finds the stretches, two looks find their seeds.
 *
 * An absent frame conditions the tracker (the object is not here) but is no place to start: the
 * span then begins at the next seed with pixels beyond it and runs over the gap, what it says about
 * frames decided meanwhile is left out by the store. Going both ways, a stretch behind an absence
 * is tracked back from its own far end if there is a seed. */
#include "service/track_stretch.h"

static bool
is_decided (const EmCell *cell)
{
  return cell->exists && (em_state_is_protected (cell->state) || cell->state == EM_STATE_IMPORTED);
}

static bool
is_seed (const EmCell *cell)
{
  return is_decided (cell) && !cell->pending && !cell->rejected && cell->mask;
}

static bool
is_start (const EmCell *cell)
{
  return is_seed (cell) && cell->mask->area > 0;
}

bool
em_lane_has_seed (EmObject *object)
{
  for (int i = 0; i < em_object_n_frames (object); i++)
    if (is_start (em_object_cell (object, i)))
      return true;
  return false;
}

static int
next_start (EmObject *object, int frame, int direction)
{
  for (int i = frame; i >= 0 && i < em_object_n_frames (object); i += direction)
    if (is_start (em_object_cell (object, i)))
      return i;
  return -1;
}

static bool
needs_work (EmObject *object, int first, int last, const char *weights)
{
  for (int i = first; i <= last; i++) {
    const EmCell *cell = em_object_cell (object, i);

    if (!cell->exists || cell->state != EM_STATE_PROPAGATED || cell->stale || cell->mask == NULL
        || g_strcmp0 (cell->mask->weights, weights) != 0)
      return true;
  }
  return false;
}

static void
add_span (EmTrackRequest *request, EmObject *object, int from, int to)
{
  int64_t id = em_object_get_id (object);

  em_track_request_add_span (request, from, to, 0, em_object_n_frames (object) - 1, &id, 1);
}

EmTrackRequest *
em_lane_track_request (EmObject *object, int first, int last, int direction, const char *weights)
{
  EmTrackRequest *request = em_track_request_new ();
  int n = em_object_n_frames (object);

  for (int i = MAX (first, 0); i <= last && i < n; i++) {
    int end = i, left, right;
    bool comes_back;

    if (is_decided (em_object_cell (object, i)))
      continue;
    while (end + 1 <= last && end + 1 < n && !is_decided (em_object_cell (object, end + 1)))
      end++;
    left = next_start (object, i - 1, -1);
    right = next_start (object, end + 1, 1);
    comes_back = direction == 0 && i > 0 && right == end + 1
                 && em_object_cell (object, i - 1)->state == EM_STATE_ABSENT
                 && em_object_cell (object, i - 1)->exists;
    if (needs_work (object, i, end, weights)) {
      if (direction >= 0 && left >= 0 && !comes_back)
        add_span (request, object, left, end);
      else if (direction <= 0 && right >= 0)
        add_span (request, object, right, i);
    }
    i = end;
  }
  for (int i = 0; request->spans->len > 0 && i < n; i++) {
    const EmCell *cell = em_object_cell (object, i);

    if (is_seed (cell))
      em_track_request_add_seed (request, em_object_get_id (object), i, &cell->mask->rle);
  }
  return request;
}
