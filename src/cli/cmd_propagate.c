/* cmd_propagate.c - earmark-cli propagate: fill the frames between masks that people decided.
 *
 * A clip's run is one open step; each finished frame is committed at once, and the store leaves out
 * what is protected. Spans are independent of each other (fresh memory each), so what was done
 * before an interrupt or a crash is kept and only the rest is computed. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cli/cli_model.h"
#include "cli/cli_project.h"
#include "cli/plan.h"
#include "service/index_store.h"

typedef struct {
  EmCliOptions shared;
  char *clips, *from, *range, *objects;
  gboolean force, dry_run, jsonl;
  int limit;
} Options;

typedef struct {
  const Options *o;
  EmCliProject p;
  EmCliModel model;
  EmPlanRules rules;
  GHashTable *objects; /* int64_t ids; NULL: all */
  int frames, masks;
} Job;

/* One object of the clip with its lane. */
typedef struct {
  int64_t id;
  GArray *cells; /* EmDbLaneCell */
} Lane;

/* One clip while it is worked on. */
typedef struct {
  Job *job;
  const EmDbClip *row;
  EmCliClip media;
  GArray *lanes; /* Lane */
  GArray *spans; /* EmSpan */
  int64_t step;
  int total, done, written;
  EmCliProgress progress;
} Work;

static bool
parse_rules (Job *job, EmError *err)
{
  const Options *o = job->o;
  int end = 0;

  job->rules = (EmPlanRules){ .first = 0, .last = INT_MAX, .force = o->force };
  if (o->range
      && (sscanf (o->range, "%d:%d%n", &job->rules.first, &job->rules.last, &end) != 2
          || o->range[end] || job->rules.first < 0 || job->rules.last < job->rules.first))
    return em_fail (err, EM_E_USAGE, "--range is %s, expected FIRST:LAST", o->range);
  if (o->from && strcmp (o->from, "keyframes") && strcmp (o->from, "accepted"))
    return em_fail (err, EM_E_USAGE, "--from is %s, expected keyframes or accepted", o->from);
  job->rules.only_heard = o->from && strcmp (o->from, "accepted") == 0;
  if (o->objects) {
    g_auto (GStrv) ids = g_strsplit (o->objects, ",", -1);

    job->objects = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
    for (int i = 0; ids[i]; i++) {
      int64_t id = g_ascii_strtoll (ids[i], NULL, 10);

      if (id < 1)
        return em_fail (err, EM_E_USAGE, "--objects is %s, expected numbers with commas",
                        o->objects);
      g_hash_table_add (job->objects, g_memdup2 (&id, sizeof id));
    }
  }
  return true;
}

/* Planning ---------------------------------------------------------------------------------------
 */

static void
lane_clear (gpointer data)
{
  g_array_unref (((Lane *) data)->cells);
}

static int
by_place (gconstpointer a, gconstpointer b)
{
  const EmSpan *x = a, *y = b;

  if (x->from != y->from)
    return x->from - y->from;
  if (x->to != y->to)
    return x->to - y->to;
  return x->way != y->way ? x->way - y->way : x->n_remember - y->n_remember;
}

static bool
plan_clip (Work *w, EmError *err)
{
  g_autoptr (GPtrArray) objects = NULL;
  GError *error = NULL;

  objects = em_db_objects (w->job->p.db, w->row->id, false, &error);
  if (!objects)
    return em_cli_take_gerror (error, err);
  for (guint i = 0; i < objects->len; i++) {
    const EmDbObject *o = objects->pdata[i];
    g_autoptr (GArray) spans = NULL;
    Lane lane = { .id = o->id };

    if (o->is_locked || (w->job->objects && !g_hash_table_contains (w->job->objects, &o->id)))
      continue;
    lane.cells = em_db_lane_cells (w->job->p.db, w->row->id, o->id, &error);
    if (!lane.cells)
      return em_cli_take_gerror (error, err);
    g_array_append_val (w->lanes, lane);
    spans = em_plan ((EmDbLaneCell *) lane.cells->data, (int) lane.cells->len, o->id,
                     w->row->n_frames, &w->job->rules);
    g_array_append_vals (w->spans, spans->data, spans->len);
  }
  g_array_sort (w->spans, by_place);
  for (guint i = 0; i < w->spans->len; i++) {
    const EmSpan *s = &g_array_index (w->spans, EmSpan, i);

    w->total += ABS (s->to - s->from) + (s->n_remember > 0);
  }
  return true;
}

static const GArray *
cells_of (const Work *w, int64_t object)
{
  for (guint i = 0; i < w->lanes->len; i++)
    if (g_array_index (w->lanes, Lane, i).id == object)
      return g_array_index (w->lanes, Lane, i).cells;
  return NULL;
}

/* Tracking ---------------------------------------------------------------------------------------
 */

static bool
give_mask (Work *w, int64_t object, int frame, bool is_seed, EmError *err)
{
  g_autoptr (EmDbCell) cell = NULL;
  g_autoptr (EmDbMask) mask = NULL;
  GError *error = NULL;

  cell = em_db_cell (w->job->p.db, w->row->id, object, frame, &error);
  if (cell)
    mask = em_db_mask (w->job->p.db, w->row->id, object, frame, cell->made, &error);
  if (!mask)
    return error ? em_cli_take_gerror (error, err)
                 : em_fail (err, EM_E_INTERNAL, "the mask of frame %d is gone", frame);
  return is_seed ? em_predictor_add_mask (w->media.predictor, frame, (int) object, &mask->rle, NULL,
                                          err)
                 : em_predictor_remember (w->media.predictor, frame, (int) object, &mask->rle, err);
}

/* Gives the tracker what conditions this span; `sources` becomes the list of seeds as JSON. */
static bool
condition (Work *w, const EmSpan *s, char **sources, EmError *err)
{
  const GArray *cells = cells_of (w, s->object);
  g_autoptr (GArray) seeds
      = em_plan_seeds ((const EmDbLaneCell *) cells->data, (int) cells->len, s, &w->job->rules);
  GString *list = g_string_new ("[");

  for (guint i = 0; i < seeds->len; i++)
    g_string_append_printf (list, "%s%d", i ? "," : "", g_array_index (seeds, int, i));
  g_string_append_c (list, ']');
  *sources = g_string_free (list, FALSE);
  for (guint i = 0; i < seeds->len; i++)
    if (!give_mask (w, s->object, g_array_index (seeds, int, i), true, err))
      return false;
  for (int i = s->n_remember; i >= 1; i--)
    if (!give_mask (w, s->object, s->from - s->way * i, false, err))
      return false;
  return true;
}

static bool
save_frame (Work *w, const EmSpan *spans, char *const *sources, int n, int frame,
            const EmAnswer *answers, EmError *err)
{
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_TRACK);
  GError *error = NULL;
  int written = 0;

  for (int i = 0; i < n; i++) {
    EmCellRow row = EM_CELL_ROW_INIT;

    row.object = spans[i].object;
    row.frame = frame;
    row.state = EM_STATE_PROPAGATED;
    row.mask = &answers[i].mask;
    row.origin = EM_ORIGIN_PROPAGATED;
    row.weights = w->job->rules.weights;
    row.iou = answers[i].iou;
    row.score = answers[i].score;
    row.sources = sources[i];
    em_edit_cell (e, &row);
  }
  if (!em_db_append (w->job->p.db, w->row->id, w->step, e, &written, &error))
    return em_cli_take_gerror (error, err);
  w->written += written;
  w->job->masks += written;
  w->job->frames++;
  if (w->job->o->jsonl)
    em_cli_print_line (json_pack ("{sssisisI}", "clip", w->row->name, "frame", frame, "written",
                                  written, "step", (json_int_t) w->step));
  w->done += n;
  em_cli_progress (&w->progress, w->done);
  return true;
}

/* Spans of several objects over the same frames, in one go. */
static bool
track (Work *w, const EmSpan *spans, int n, EmError *err)
{
  g_auto (GStrv) sources = g_new0 (char *, n + 1);
  EmAnswer *answers = g_new0 (EmAnswer, n);
  int low = MIN (spans[0].from, spans[0].to), high = MAX (spans[0].from, spans[0].to), frame;
  bool good = true;

  em_predictor_reset (w->media.predictor);
  for (int i = 0; good && i < n; i++)
    good = condition (w, &spans[i], &sources[i], err);
  good = good
         && em_predictor_propagate (w->media.predictor, spans[0].from, spans[0].to, spans[0].way,
                                    err);
  while (good && !atomic_load (&em_cli_interrupted)
         && em_predictor_step (w->media.predictor, &frame, answers, err)) {
    bool is_new = frame != spans[0].from || spans[0].n_remember > 0;

    /* Frames of a gap on the way, or out of the range, are passed, not filled. */
    if (is_new && frame >= MAX (low, w->job->rules.first)
        && frame <= MIN (high, w->job->rules.last))
      good = save_frame (w, spans, sources, n, frame, answers, err);
    for (int i = 0; i < n; i++)
      em_answer_clear (&answers[i]);
  }
  g_free (answers);
  return good && err->code == EM_OK;
}

static bool
open_step (Work *w, EmError *err)
{
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_TRACK);
  const EmSpan *first = &g_array_index (w->spans, EmSpan, 0);
  g_autofree char *request
      = g_strdup_printf ("{\"first\":%d,\"last\":%d,\"weights\":\"%s\",\"image_size\":%d}",
                         w->job->rules.first, MIN (w->job->rules.last, w->row->n_frames - 1),
                         w->job->rules.weights, w->job->model.model->config.sam2.image_size);
  GError *error = NULL;

  em_edit_set_open (e);
  em_edit_set_focus (e, first->object, first->from);
  em_edit_set_request (e, request);
  w->step = em_db_edit (w->job->p.db, w->row->id, e, &error);
  return w->step || em_cli_take_gerror (error, err);
}

static bool
track_clip (Work *w, EmError *err)
{
  g_autofree char *path = NULL;
  GError *error = NULL;
  bool good = em_cli_project_media (&w->job->p, w->row, &path, err)
              && em_cli_clip_open (&w->media, &w->job->model, path,
                                   em_cli_project_phase (&w->job->p), err);

  if (good
      && !g_str_equal (em_frame_index_fingerprint (w->media.media->index), w->row->fingerprint))
    good = em_fail (err, EM_E_CHECK, "%s is not the file that was annotated, its content differs",
                    path);
  good = good && open_step (w, err);
  if (good)
    em_predictor_set_cancel (w->media.predictor, NULL); /* an interrupt lets the frame end */
  em_cli_progress_begin (&w->progress, &w->job->o->shared, "tracking", w->total);
  for (guint i = 0, n; good && i < w->spans->len && !atomic_load (&em_cli_interrupted); i += n) {
    const EmSpan *s = &g_array_index (w->spans, EmSpan, i);

    for (n = 1; i + n < w->spans->len && by_place (s, s + n) == 0; n++)
      ;
    good = track (w, s, (int) n, err);
  }
  em_cli_progress_end (&w->progress, w->done);
  if (w->step && !em_db_close_step (w->job->p.db, w->row->id, w->step, &error))
    good = em_cli_take_gerror (error, err);
  em_cli_clip_close (&w->media);
  return good;
}

static bool
propagate_clip (Job *job, const EmDbClip *row, EmError *err)
{
  Work w = { .job = job, .row = row };
  bool good;

  w.lanes = g_array_new (FALSE, FALSE, sizeof (Lane));
  g_array_set_clear_func (w.lanes, lane_clear);
  w.spans = g_array_new (FALSE, FALSE, sizeof (EmSpan));
  good = plan_clip (&w, err);
  if (good && w.spans->len && job->o->dry_run)
    printf ("%s: %d frames\n", row->name, w.total);
  else if (good && w.spans->len)
    good = track_clip (&w, err);
  if (good && w.spans->len) {
    job->p.n_done++;
    if (job->o->jsonl)
      em_cli_print_line (json_pack ("{sssisI}", "clip", row->name, "masks", w.written, "step",
                                    (json_int_t) w.step));
  } else if (good) {
    job->p.n_skipped++;
  }
  g_array_unref (w.lanes);
  g_array_unref (w.spans);
  return good;
}

/* The command ------------------------------------------------------------------------------------
 */

/* Tracks that a crash left open: this run takes them up. */
static bool
close_left_open (Job *job, GPtrArray *clips, EmError *err)
{
  g_autoptr (GPtrArray) open = NULL;
  GError *error = NULL;

  open = em_db_open_steps (job->p.db, &error);
  if (!open)
    return em_cli_take_gerror (error, err);
  for (guint i = 0; i < open->len; i++) {
    const EmDbStep *s = open->pdata[i];

    for (guint k = 0; k < clips->len; k++)
      if (((EmDbClip *) clips->pdata[k])->id == s->clip && s->kind == EM_STEP_TRACK
          && !em_db_close_step (job->p.db, s->clip, s->step, &error))
        return em_cli_take_gerror (error, err);
  }
  return true;
}

static bool
propagate_all (Job *job, EmError *err)
{
  g_autoptr (GPtrArray) clips = em_cli_project_clips (&job->p, job->o->clips, job->o->limit, err);

  if (!clips || (!job->o->dry_run && !close_left_open (job, clips, err)))
    return false;
  for (guint i = 0; i < clips->len && !atomic_load (&em_cli_interrupted); i++) {
    EmError why = EM_ERROR_INIT;

    if (propagate_clip (job, clips->pdata[i], &why))
      continue;
    if (em_cli_is_final (&why)) {
      *err = why;
      return false;
    }
    em_cli_project_failed (&job->p, clips->pdata[i], &why);
  }
  return true;
}

static bool
prepare (Job *job, const char *path, EmError *err)
{
  GError *error = NULL;

  if (!parse_rules (job, err) || !em_cli_project_open (&job->p, path, EM_DB_WRITE, err)
      || !em_cli_model_open (&job->model, &job->o->shared, err))
    return false;
  job->rules.weights = g_intern_string (em_weights_digest (job->model.weights));
  return em_db_add_weights (job->p.db, job->rules.weights, job->model.model->config.name, NULL,
                            &error)
         || em_cli_take_gerror (error, err);
}

static int
report (Job *job)
{
  json_t *all = json_pack ("{sisisisi}", "masks", job->masks, "frames", job->frames, "clips",
                           job->p.n_done, "skipped", job->p.n_skipped);
  int status = em_cli_project_status (&job->p, all);

  if (job->o->shared.json)
    em_cli_print_json ("propagate", json_incref (all));
  else if (!job->o->jsonl && !job->o->dry_run)
    printf ("%d clips, %d masks on %d frames, %d clips with nothing to do, %d failed\n",
            job->p.n_done, job->masks, job->frames, job->p.n_skipped,
            (int) json_array_size (job->p.failed));
  json_decref (all);
  return status;
}

int
cmd_propagate (int argc, char **argv)
{
  Options o = { 0 };
  const GOptionEntry entries[]
      = { { "clips", 0, 0, G_OPTION_ARG_STRING, &o.clips, "Names with commas, or @FILE", "LIST" },
          { "from", 0, 0, G_OPTION_ARG_STRING, &o.from,
            "keyframes: all that was decided; accepted: sound masks (default: keyframes)", "WHAT" },
          { "range", 0, 0, G_OPTION_ARG_STRING, &o.range, "Frames FIRST:LAST", "A:B" },
          { "objects", 0, 0, G_OPTION_ARG_STRING, &o.objects, "Their numbers with commas", "LIST" },
          { "force", 0, 0, G_OPTION_ARG_NONE, &o.force, "Also what is tracked already", NULL },
          { "limit", 0, 0, G_OPTION_ARG_INT, &o.limit, "At most N clips", "N" },
          { "dry-run", 0, 0, G_OPTION_ARG_NONE, &o.dry_run, "Say what would be tracked", NULL },
          { "jsonl", 0, 0, G_OPTION_ARG_NONE, &o.jsonl, "A line per frame once it is saved", NULL },
          { NULL } };
  EmError err = EM_ERROR_INIT;
  Job job = { .o = &o };
  int status;

  if (em_cli_parse (&argc, &argv, entries, "P", "Track what was decided through its clips.",
                    "earmark-cli propagate work.earmark --range 0:120", 1, 1, &o.shared, &status)) {
    if (prepare (&job, argv[1], &err) && propagate_all (&job, &err))
      status = report (&job);
    else
      status = em_cli_fail (&err);
  }
  em_cli_model_close (&job.model);
  em_cli_project_close (&job.p);
  g_clear_pointer (&job.objects, g_hash_table_unref);
  g_free (o.clips);
  g_free (o.from);
  g_free (o.range);
  g_free (o.objects);
  em_cli_options_clear (&o.shared);
  return status;
}
