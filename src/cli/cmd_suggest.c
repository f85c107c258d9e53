/* cmd_suggest.c - earmark-cli suggest: what the sound says, for many clips.
 *
 * Windows are asked in order and each is committed as it is done, so a job that is stopped or
 * killed goes on where it was. With --accept, what was heard becomes keyframes of object 1 and its
 * sounding intervals: how a project is filled without a person. */
#include <math.h>
#include <stdio.h>
#include "cli/accept.h"
#include "cli/cli_project.h"
#include "cli/segment.h"
#include "service/index_store.h"
#include "service/suggestion_source.h"

typedef struct {
  EmCliOptions shared;
  char *clips, *grid;
  double threshold;
  gboolean accept, force, dry_run, jsonl;
  int limit, step; /* step: every how many seconds */
} Options;

typedef struct {
  const Options *o;
  EmCliProject p;
  EmCliModel model;
  const char *digest;
  char *source;
  EmCliProgress progress;
  int suggestions, silent, accepted;
} Job;

/* "1s", "2s" ...: the model hears whole seconds. */
static bool
parse_grid (Options *o, EmError *err)
{
  char *end = NULL;
  gint64 step = o->grid ? g_ascii_strtoll (o->grid, &end, 10) : 1;

  if (step < 1 || step > 3600 || (end && *end && !g_str_equal (end, "s")))
    return em_fail (err, EM_E_USAGE, "--grid is %s, expected whole seconds such as 1s", o->grid);
  o->step = (int) step;
  return true;
}

/* Which of the wanted seconds are still to be asked; how many. */
static int
mark_open (Job *job, const EmDbClip *clip, const int *grid, int n, bool *open, EmError *err)
{
  g_autoptr (GHashTable) done = g_hash_table_new (g_direct_hash, g_direct_equal);
  g_autoptr (GPtrArray) all = NULL;
  GError *error = NULL;
  int n_open = 0;

  if (job->o->force && !em_db_drop_suggestions (job->p.db, clip->id, job->source, &error)) {
    em_cli_take_gerror (error, err);
    return -1;
  }
  all = em_db_suggestions (job->p.db, clip->id, false, &error);
  if (!all) {
    em_cli_take_gerror (error, err);
    return -1;
  }
  for (guint i = 0; i < all->len; i++) {
    const EmDbSuggestion *s = all->pdata[i];

    if (g_str_equal (s->source, job->source) && (!s->is_dropped || s->is_decided))
      g_hash_table_add (done, GINT_TO_POINTER (s->frame + 1));
  }
  for (int k = 0; k < n; k++) {
    open[k] = k % job->o->step == 0 && !g_hash_table_contains (done, GINT_TO_POINTER (grid[k] + 1));
    n_open += open[k];
  }
  return n_open;
}

/* One window's answers in one commit: all seconds that the pass answered, silent ones without
 * asking. */
static bool
ask_window (Job *job, EmCliClip *clip, int64_t id, const char *name, int window, const bool *open,
            EmError *err)
{
  EmPredictor *p = clip->predictor;
  int t = em_predictor_window_size (p), first = window * t,
      n = MIN (t, clip->media->n_grid - first);
  g_autofree EmSuggestionRow *rows = g_new0 (EmSuggestionRow, t);
  g_autoptr (GPtrArray) bytes = g_ptr_array_new_with_free_func (g_free);
  EmAnswer *answers = g_new0 (EmAnswer, t);
  g_autofree bool *silent = g_new0 (bool, t);
  bool any = false, good = true;
  int side = 0, n_rows = 0, n_answers = 0, written = 0;
  GError *error = NULL;

  for (int i = 0; i < n; i++) {
    silent[i] = em_predictor_rms (p, first + i) < EM_SILENCE;
    any |= open[first + i] && !silent[i];
  }
  if (any)
    good = em_predictor_sound (p, window, answers, &n_answers, err);
  for (int i = 0; good && i < n; i++) {
    bool is_silent = silent[i];
    EmSuggestionRow *row = &rows[n_rows];

    if (is_silent ? !open[first + i] : !any)
      continue;
    *row = (EmSuggestionRow){ .frame = clip->media->grid[first + i], .iou = NAN, .score = NAN };
    if (!is_silent) {
      size_t size = (size_t) answers[i].side * answers[i].side;
      uint8_t *packed = g_malloc (size);

      for (size_t k = 0; k < size; k++)
        packed[k] = em_logit_to_byte (answers[i].logits[k]);
      g_ptr_array_add (bytes, packed);
      row->logit_bytes = packed;
      row->iou = answers[i].iou;
      row->score = answers[i].score;
      side = answers[i].side;
    }
    job->silent += is_silent;
    n_rows++;
  }
  for (int i = 0; i < n_answers; i++)
    em_answer_clear (&answers[i]);
  g_free (answers);
  if (!good)
    return false;
  if (!em_db_put_suggestions (job->p.db, id, job->source, job->digest, side, rows, n_rows, &written,
                              &error))
    return em_cli_take_gerror (error, err);
  job->suggestions += written;
  if (job->o->jsonl)
    em_cli_print_line (json_pack ("{sssisi}", "clip", name, "window", window, "written", written));
  return true;
}

static bool
ask_clip (Job *job, const EmDbClip *clip, const char *path, EmError *err)
{
  EmCliClip media = { 0 };
  GError *error = NULL;
  bool good = em_cli_clip_open (&media, &job->model, path, em_cli_project_phase (&job->p), err);
  g_autofree bool *open = NULL;
  int t;

  if (good && clip->n_frames
      && !g_str_equal (em_frame_index_fingerprint (media.media->index), clip->fingerprint))
    good = em_fail (err, EM_E_CHECK, "%s is not the file that was annotated, its content differs",
                    path);
  if (good && !clip->n_frames
      && !em_index_store (job->p.db, clip->id, path, media.media->index, &error))
    good = em_cli_take_gerror (error, err);
  if (good) {
    em_predictor_set_cancel (media.predictor, NULL); /* an interrupt lets the window end */
    open = g_new0 (bool, media.media->n_grid + 1);
    good = mark_open (job, clip, media.media->grid, media.media->n_grid, open, err) >= 0;
  }
  t = good ? MAX (em_predictor_window_size (media.predictor), 1) : 1;
  for (int w = 0; good && w * t < media.media->n_grid && !atomic_load (&em_cli_interrupted); w++) {
    bool any = false;

    for (int k = w * t; k < MIN ((w + 1) * t, media.media->n_grid); k++)
      any |= open[k];
    if (any)
      good = ask_window (job, &media, clip->id, clip->name, w, open, err);
  }
  em_cli_clip_close (&media);
  return good;
}

/* True without work when everything wanted is there: the media are not even opened. */
static bool
is_complete (Job *job, const EmDbClip *clip, EmError *err)
{
  g_autofree int *grid = NULL;
  g_autofree bool *open = NULL;
  int n = 0;

  if (!clip->n_frames || job->o->force)
    return false;
  grid = em_cli_project_grid (&job->p, clip, &n, err);
  if (!grid)
    return false;
  open = g_new0 (bool, n + 1);
  return mark_open (job, clip, grid, n, open, err) == 0;
}

static bool
suggest_clip (Job *job, const EmDbClip *clip, EmError *err)
{
  g_autofree char *path = NULL;
  int before = job->suggestions, accepted = 0;
  bool complete = is_complete (job, clip, err);

  if (err->code != EM_OK)
    return false;
  if (!complete && job->o->dry_run) {
    printf ("%s\n", clip->name);
    return true;
  }
  if (!complete
      && (!em_cli_project_media (&job->p, clip, &path, err) || !ask_clip (job, clip, path, err)))
    return false;
  if (job->o->accept && !job->o->dry_run && !atomic_load (&em_cli_interrupted)
      && !em_cli_accept (&job->p, clip->id, job->source, job->o->threshold, &accepted, err))
    return false;
  job->accepted += accepted;
  if (complete && !accepted)
    job->p.n_skipped++;
  else
    job->p.n_done++;
  if (job->o->jsonl)
    em_cli_print_line (json_pack ("{sssisi}", "clip", clip->name, "suggestions",
                                  job->suggestions - before, "accepted", accepted));
  return true;
}

static bool
suggest_all (Job *job, EmError *err)
{
  g_autoptr (GPtrArray) clips = em_cli_project_clips (&job->p, job->o->clips, job->o->limit, err);
  guint i;

  if (!clips)
    return false;
  em_cli_progress_begin (&job->progress, &job->o->shared, "suggesting", (int) clips->len);
  for (i = 0; i < clips->len && !atomic_load (&em_cli_interrupted); i++) {
    EmError why = EM_ERROR_INIT;

    if (!suggest_clip (job, clips->pdata[i], &why)) {
      if (em_cli_is_final (&why)) {
        *err = why;
        return false;
      }
      em_cli_project_failed (&job->p, clips->pdata[i], &why);
    }
    em_cli_progress (&job->progress, (int) i + 1);
  }
  em_cli_progress_end (&job->progress, (int) i);
  return true;
}

static bool
prepare (Job *job, const char *path, EmError *err)
{
  GError *error = NULL;

  if (!(job->o->threshold > 0 && job->o->threshold < 1))
    return em_fail (err, EM_E_USAGE, "--threshold is %g, expected more than 0 and less than 1",
                    job->o->threshold);
  if (!em_cli_project_open (&job->p, path, EM_DB_WRITE, err)
      || !em_cli_model_open (&job->model, &job->o->shared, err))
    return false;
  if (!job->model.model->config.has_fuser)
    return em_fail (err, EM_E_WEIGHTS, "the model %s cannot hear: choose one with --model",
                    job->model.model->config.name);
  job->digest = em_weights_digest (job->model.weights);
  job->source = em_suggestion_source (job->digest, job->o->shared.size,
                                      em_cli_project_phase (&job->p), EM_SILENCE, NULL);
  if (!em_db_add_weights (job->p.db, job->digest, job->model.model->config.name, NULL, &error))
    return em_cli_take_gerror (error, err);
  return true;
}

static int
report (Job *job)
{
  json_t *all
      = json_pack ("{sisisisisi}", "suggestions", job->suggestions, "silent", job->silent,
                   "accepted", job->accepted, "clips", job->p.n_done, "skipped", job->p.n_skipped);
  int status = em_cli_project_status (&job->p, all);

  if (job->o->shared.json)
    em_cli_print_json ("suggest", json_incref (all));
  else if (!job->o->jsonl && !job->o->dry_run)
    printf ("%d clips, %d suggestions, %d of them silent seconds, %d accepted, %d clips unchanged, "
            "%d failed\n",
            job->p.n_done, job->suggestions, job->silent, job->accepted, job->p.n_skipped,
            (int) json_array_size (job->p.failed));
  json_decref (all);
  return status;
}

int
cmd_suggest (int argc, char **argv)
{
  Options o = { .threshold = 0.5 };
  const GOptionEntry entries[]
      = { { "clips", 0, 0, G_OPTION_ARG_STRING, &o.clips, "Names with commas, or @FILE", "LIST" },
          { "grid", 0, 0, G_OPTION_ARG_STRING, &o.grid, "Ask every so often (default: 1s)", "Ns" },
          { "threshold", 0, 0, G_OPTION_ARG_DOUBLE, &o.threshold,
            "Where --accept cuts, 0 to 1 (default: 0.5)", "T" },
          { "accept", 0, 0, G_OPTION_ARG_NONE, &o.accept,
            "What is heard becomes keyframes of object 1", NULL },
          { "force", 0, 0, G_OPTION_ARG_NONE, &o.force, "Ask again what is there", NULL },
          { "limit", 0, 0, G_OPTION_ARG_INT, &o.limit, "At most N clips", "N" },
          { "dry-run", 0, 0, G_OPTION_ARG_NONE, &o.dry_run, "Name the clips that would be asked",
            NULL },
          { "jsonl", 0, 0, G_OPTION_ARG_NONE, &o.jsonl, "A line per window and clip as it is done",
            NULL },
          { NULL } };
  EmError err = EM_ERROR_INIT;
  Job job = { .o = &o };
  int status;

  if (em_cli_parse (&argc, &argv, entries, "P", "Ask the sound of each clip what to mask.",
                    "earmark-cli suggest work.earmark --accept", 1, 1, &o.shared, &status)) {
    if (parse_grid (&o, &err) && prepare (&job, argv[1], &err) && suggest_all (&job, &err))
      status = report (&job);
    else
      status = em_cli_fail (&err);
  }
  em_cli_model_close (&job.model);
  em_cli_project_close (&job.p);
  g_free (job.source);
  g_free (o.clips);
  g_free (o.grid);
  em_cli_options_clear (&o.shared);
  return status;
}
