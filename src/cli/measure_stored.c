/* measure_stored.c - masks and intervals that a project holds, against the truth. */
#include <math.h>
#include <string.h>
#include "cli/measure.h"
#include "cli/truth.h"
#include "metrics/jf.h"

void
em_measure_declare_stored (EmReport *r)
{
  em_report_measure (
      r, "stored",
      "every labelled frame of every object against the project's mask of the object "
      "with the same number, else of the same name; no mask is an empty one");
  em_report_measure (
      r, "sounding",
      "F1 of the time in which the object sounds: twice the common time over the sum "
      "of both; 1 if it never does in either");
}

static const EmTrackObject *
partner (const EmTracks *stored, const EmTrackObject *object)
{
  const EmTrackObject *same = em_tracks_object (stored, object->id);

  for (int i = 0; !same && i < stored->n_objects; i++)
    if (strcmp (stored->objects[i].name, object->name) == 0)
      same = &stored->objects[i];
  return same;
}

/* How long both sound; intervals of one object do not overlap each other. */
static double
common_ns (const EmTracks *a, int64_t object_a, const EmTracks *b, int64_t object_b)
{
  int64_t sum = 0;

  for (int i = 0; i < a->n_intervals; i++)
    if (a->intervals[i].object == object_a)
      sum += em_tracks_sounding (b, object_b, a->intervals[i].start_ns, a->intervals[i].end_ns);
  return (double) sum;
}

static double
sounding_f1 (const EmTracks *stored, const EmTrackObject *mine, const EmTracks *truth,
             const EmTrackObject *theirs)
{
  double b = (double) em_tracks_sounding (truth, theirs->id, 0, truth->duration_ns), a = 0;

  if (mine)
    a = (double) em_tracks_sounding (stored, mine->id, 0, truth->duration_ns);
  if (a + b == 0)
    return 1;
  return mine ? 2 * common_ns (stored, mine->id, truth, theirs->id) / (a + b) : 0;
}

static void
measure_object (EmReport *r, const EmSample *place, const EmTracks *truth,
                const EmTrackObject *object, const EmTrackObject *mine)
{
  EmRle nothing = em_rle_new (truth->width, truth->height);

  for (int i = 0; i < object->n_masks; i++) {
    const EmTrackMask *t = &object->masks[i];
    const EmTrackMask *m = mine ? em_track_object_at (mine, t->frame) : NULL;
    const EmRle *want = t->mask.counts ? &t->mask : &nothing;
    const EmRle *got = m && m->mask.counts ? &m->mask : &nothing;
    EmSample sample = *place;

    sample.frame = t->frame;
    sample.j = em_region_j (got, want, NULL);
    sample.f = em_boundary_f (got, want, NULL, -1, NULL, NULL);
    em_report_add (r, "stored", &sample);
  }
  em_rle_clear (&nothing);
}

bool
em_measure_stored (EmReport *r, const char *slice, const EmTracks *truth, const EmTracks *stored,
                   EmError *err)
{
  if (truth->n_frames != stored->n_frames || truth->width != stored->width
      || truth->height != stored->height)
    return em_fail (err, EM_E_INPUT,
                    "%s: the truth has %d frames of %d x %d, the project %d of %d x %d",
                    truth->name, truth->n_frames, truth->width, truth->height, stored->n_frames,
                    stored->width, stored->height);
  for (int i = 0; i < truth->n_objects; i++) {
    const EmTrackObject *object = &truth->objects[i], *mine = partner (stored, object);
    EmSample sample = { slice, truth->name, object->class_name, 0, 0, NAN };

    measure_object (r, &sample, truth, object, mine);
    sample.j = sounding_f1 (stored, mine, truth, object);
    em_report_add (r, "sounding", &sample);
  }
  return true;
}
