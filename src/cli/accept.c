/* accept.c - what was heard in a clip, taken as truth without a person.
 *
 * A second counts as heard when the model's object score is above 0 and the region is not empty, as
 * in `segment`; its whole second then sounds. */
#include "cli/accept.h"
#include <math.h>
#include "service/results.h"
#include "store/db_suggest.h"

typedef struct {
  EmCliProject *p;
  const EmDbClip *clip;
  EmEdit *edit;
  int64_t object;
  int *grid, n_grid;
  GArray *intervals; /* of EmDbInterval: those there are, then those added */
  int n;
} Accept;

static bool
find_object (Accept *a, EmError *err)
{
  g_autoptr (GPtrArray) objects = NULL;
  GError *error = NULL;

  objects = em_db_objects (a->p->db, a->clip->id, false, &error);
  if (!objects)
    return em_cli_take_gerror (error, err);
  for (guint i = 0; i < objects->len; i++)
    if (((EmDbObject *) objects->pdata[i])->id == 1)
      a->object = 1;
  return true;
}

static EmRle
region_of (const Accept *a, const EmDbSuggestion *row, double threshold)
{
  EmSuggestion *s = em_suggestion_new ();
  EmRle region;

  s->side = row->side;
  s->logits = g_bytes_new (row->logit_bytes, (gsize) row->side * row->side);
  s->width = a->clip->width;
  s->height = a->clip->height;
  region = em_suggestion_region (s, threshold);
  em_suggestion_unref (s);
  return region;
}

static bool
sounds_already (const Accept *a, int64_t start_ns, int64_t end_ns)
{
  for (guint i = 0; i < a->intervals->len; i++) {
    const EmDbInterval *v = &g_array_index (a->intervals, EmDbInterval, i);

    if (v->object == a->object && v->start_ns < end_ns && v->end_ns > start_ns)
      return true;
  }
  return false;
}

/* Seconds next to each other are one interval. */
static void
add_interval (Accept *a, int64_t start_ns, int64_t end_ns)
{
  EmDbInterval v = { .object = a->object, .start_ns = start_ns, .end_ns = end_ns };
  EmDbInterval *last = a->intervals->len
                           ? &g_array_index (a->intervals, EmDbInterval, a->intervals->len - 1)
                           : NULL;

  if (sounds_already (a, start_ns, end_ns))
    return;
  if (last && last->number == 0 && last->end_ns == start_ns)
    last->end_ns = end_ns;
  else
    g_array_append_val (a->intervals, v);
}

/* Every second that the frame stands for: pictures that change more slowly serve several. */
static void
add_seconds (Accept *a, int frame)
{
  for (int k = 0; k < a->n_grid; k++)
    if (a->grid[k] == frame)
      add_interval (a, k * 1000000000ll, MIN ((k + 1) * 1000000000ll, a->clip->duration_ns));
}

/* A frame that somebody decided otherwise: its suggestion stays undecided. */
static bool
is_taken (const Accept *a, int frame, GError **error)
{
  g_autoptr (EmDbCell) cell = NULL;

  if (a->object <= 0)
    return false;
  cell = em_db_cell (a->p->db, a->clip->id, a->object, frame, error);
  return cell && em_state_is_protected (cell->state);
}

static void
accept_one (Accept *a, const EmDbSuggestion *row, double threshold)
{
  EmRle region = region_of (a, row, threshold);
  EmDbCandidate candidate;
  EmCellRow cell = EM_CELL_ROW_INIT;

  if (em_rle_area (&region)) {
    if (!a->object)
      a->object = em_edit_new_object (a->edit, NULL, 0, UINT32_MAX, -1);
    cell.object = a->object;
    cell.frame = row->frame;
    cell.state = EM_STATE_KEYFRAME;
    cell.mask = &region;
    cell.origin = EM_ORIGIN_AUDIO;
    cell.weights = row->weights;
    cell.iou = row->iou;
    cell.score = row->score;
    em_edit_cell (a->edit, &cell);
    candidate = (EmDbCandidate){ &region, a->object };
    em_edit_decide (a->edit, row->frame, row->source, EM_DECISION_ACCEPTED, threshold, &candidate,
                    1);
    add_seconds (a, row->frame);
    a->n++;
  }
  em_rle_clear (&region);
}

static bool
accept_all (Accept *a, const char *source, double threshold, GError **error)
{
  g_autoptr (GPtrArray) rows = em_db_suggestions (a->p->db, a->clip->id, true, error);

  if (!rows)
    return false;
  a->intervals = em_db_intervals (a->p->db, a->clip->id, error);
  if (!a->intervals)
    return false;
  for (guint i = 0; i < rows->len; i++) {
    const EmDbSuggestion *row = rows->pdata[i];
    GError *problem = NULL;

    if (!row->is_decided && row->logit_bytes && row->score > 0 && g_str_equal (row->source, source)
        && !is_taken (a, row->frame, &problem))
      accept_one (a, row, threshold);
    if (problem) {
      g_propagate_error (error, problem);
      return false;
    }
  }
  if (!a->n)
    return true;
  for (guint i = 0; i < a->intervals->len; i++) {
    const EmDbInterval *v = &g_array_index (a->intervals, EmDbInterval, i);

    if (v->number == 0)
      em_edit_interval (a->edit, 0, v->object, v->start_ns, v->end_ns, EM_ORIGIN_AUDIO, NAN, false);
  }
  return em_db_edit (a->p->db, a->clip->id, a->edit, error) != 0;
}

bool
em_cli_accept (EmCliProject *p, int64_t clip, const char *source, double threshold, int *n,
               EmError *err)
{
  GError *error = NULL;
  g_autoptr (EmDbClip) row = em_db_clip (p->db, clip, &error); /* as it is indexed now */
  g_autoptr (EmEdit) edit = em_edit_new (EM_STEP_ACCEPT);
  Accept a = { .p = p, .clip = row, .edit = edit };
  bool good;

  if (!row)
    return em_cli_take_gerror (error, err);
  if (!find_object (&a, err) || !(a.grid = em_cli_project_grid (p, row, &a.n_grid, err)))
    return false;
  em_edit_spare_protected (edit);
  good = accept_all (&a, source, threshold, &error);
  g_clear_pointer (&a.intervals, g_array_unref);
  g_free (a.grid);
  *n = good && a.n ? em_edit_written (edit) : 0;
  return good || em_cli_take_gerror (error, err);
}
