/* cmd_evaluate.c - earmark-cli evaluate: a model or a project against what is true. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cli/cli_model.h"
#include "cli/measure.h"
#include "cli/truth.h"

#define GRID_PHASE 0.5

typedef struct {
  EmCliOptions shared;
  char *truth, *clips, *format, *predict, *mix, *per;
  double min;
  gboolean track;
  bool by[EM_BY_FRAME + 1]; /* tables to print */
} Options;

typedef struct {
  Options o;
  EmMeasureOptions measure;
  EmCliModel model;
  EmReport *report;
  int n_done, n_failed;
} Job;

static bool
parse_predict (Job *job, EmError *err)
{
  static const struct {
    const char *name;
    unsigned what;
  } kinds[] = { { "sound", EM_MEASURE_SOUND },
                { "click", EM_MEASURE_CLICK },
                { "box", EM_MEASURE_BOX },
                { "sound+click", EM_MEASURE_SOUND_CLICK },
                { "sound+box", EM_MEASURE_SOUND_BOX } };

  job->measure.what = EM_MEASURE_ALL;
  if (!job->o.predict)
    return true;
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (job->o.predict, kinds[i].name) == 0) {
      job->measure.what = kinds[i].what;
      return true;
    }
  return em_fail (err, EM_E_USAGE,
                  "--predict is %s, expected sound, click, box, sound+click or sound+box",
                  job->o.predict);
}

static bool
parse_per (Options *o, EmError *err)
{
  static const char *const names[] = { "slice", "class", "clip", "frame" };
  g_auto (GStrv) parts = g_strsplit (o->per ? o->per : "slice", ",", 0);

  for (int i = 0; parts[i]; i++) {
    gsize k = 0;

    while (k < G_N_ELEMENTS (names) && strcmp (parts[i], names[k]))
      k++;
    if (k == G_N_ELEMENTS (names))
      return em_fail (err, EM_E_USAGE, "--per is %s, expected slice, class, clip, frame or several",
                      o->per);
    o->by[k] = true;
  }
  return true;
}

static bool
parse_mix (Job *job, EmError *err)
{
  const char *mix = job->o.mix;

  if (mix && strcmp (mix, "joint") && strcmp (mix, "ensemble"))
    return em_fail (err, EM_E_USAGE, "--mix is %s, expected joint or ensemble", mix);
  job->measure.joint = !mix || strcmp (mix, "joint") == 0;
  job->measure.ensemble = !mix || strcmp (mix, "ensemble") == 0;
  return true;
}

static bool
check_options (Job *job, EmError *err)
{
  Options *o = &job->o;

  if (!o->truth)
    return em_fail (err, EM_E_USAGE, "evaluate: --truth DIR says where the truth is");
  if (o->format && strcmp (o->format, "png"))
    return em_fail (err, EM_E_USAGE, "--format is %s, expected png", o->format);
  if (!isnan (o->min) && !(o->min >= 0 && o->min <= 1))
    return em_fail (err, EM_E_USAGE, "--min is %g, expected 0 to 1", o->min);
  job->measure.track = o->track;
  return parse_predict (job, err) && parse_per (o, err) && parse_mix (job, err);
}

static bool
fits (const EmTruthClip *clip, const EmTracks *truth, const EmClipSource *s, EmError *err)
{
  if (truth->n_frames != s->n_frames || truth->width != s->width || truth->height != s->height)
    return em_fail (err, EM_E_INPUT,
                    "%s: the truth has %d frames of %d x %d, the clip %d of %d x %d", clip->name,
                    truth->n_frames, truth->width, truth->height, s->n_frames, s->width, s->height);
  return true;
}

static bool
evaluate_clip (Job *job, const EmTruthClip *clip, EmError *err)
{
  EmTracks *truth = NULL;
  EmCliClip open = { 0 };
  bool good;

  if (!clip->media)
    return em_fail (err, EM_E_INPUT, "%s: no clip of that name beside it or under --clips",
                    clip->name);
  good = em_cli_clip_open (&open, &job->model, clip->media, GRID_PHASE, err)
         && (truth = em_truth_read (clip, err)) && fits (clip, truth, &open.media->source, err);
  job->measure.slice = clip->slice;
  good = good
         && em_measure_clip (job->report, &job->measure, open.predictor, truth, open.media->grid,
                             open.media->n_grid, err);
  em_tracks_free (truth);
  em_cli_clip_close (&open);
  return good;
}

/* A bad clip is told and skipped; only what concerns all of them ends the run. */
static bool
evaluate_all (Job *job, EmError *err)
{
  GPtrArray *clips = em_truth_find (job->o.truth, job->o.clips ? job->o.clips : job->o.truth, err);
  EmCliProgress progress;

  if (!clips)
    return false;
  em_cli_progress_begin (&progress, &job->o.shared, "clips", (int) clips->len);
  for (guint i = 0; i < clips->len; i++) {
    EmError clip_err = EM_ERROR_INIT;

    if (atomic_load (&em_cli_interrupted))
      em_fail (&clip_err, EM_E_CANCELLED, "interrupted");
    else
      evaluate_clip (job, g_ptr_array_index (clips, i), &clip_err);
    if (clip_err.code == EM_E_INPUT) {
      em_cli_fail (&clip_err);
      job->n_failed++;
    } else if (clip_err.code != EM_OK) {
      em_fail (err, clip_err.code, "%s", clip_err.text);
      break;
    } else {
      job->n_done++;
    }
    em_cli_progress (&progress, (int) i + 1);
  }
  em_cli_progress_end (&progress, job->n_done + job->n_failed);
  if (!job->n_done)
    em_fail (err, EM_E_INPUT, "none of the %d clips could be evaluated", (int) clips->len);
  g_ptr_array_unref (clips);
  return err->code == EM_OK;
}

static void
print_tables (const Job *job)
{
  const EmModelConfig *config = &job->model.model->config;

  printf ("Model %s (%.12s), %d clips, %s. Means over all samples; in brackets 95 %% intervals of "
          "%d bootstrap draws of whole clips.\n",
          config->name, em_weights_digest (job->model.weights), job->n_done, job->model.be->device,
          EM_BOOTSTRAP_ROUNDS);
  for (int by = 0; by <= EM_BY_FRAME; by++)
    if (job->o.by[by]) {
      putchar ('\n');
      em_report_print (job->report, (EmReportBy) by, stdout);
    }
}

static void
print_json (const Job *job)
{
  static const char *const names[] = { "slice", "class", "clip", "frame" };
  json_t *tables = json_object ();

  for (int by = 0; by <= EM_BY_FRAME; by++)
    if (job->o.by[by])
      json_object_set_new (tables, names[by], em_report_to_json (job->report, (EmReportBy) by));
  em_cli_print_json ("evaluate", json_pack ("{s:{s:s, s:s}, s:i, s:i, s:o}", "model", "name",
                                            job->model.model->config.name, "digest",
                                            em_weights_digest (job->model.weights), "clips",
                                            job->n_done, "failed", job->n_failed, "per", tables));
}

static bool
run (Job *job, EmError *err)
{
  double worst;

  if (!check_options (job, err) || !em_cli_model_open (&job->model, &job->o.shared, err))
    return false;
  job->report = em_report_new ();
  em_measure_declare (job->report, &job->measure);
  if (!evaluate_all (job, err))
    return false;
  if (job->o.shared.json)
    print_json (job);
  else
    print_tables (job);
  worst = em_report_worst_j (job->report);
  if (!isnan (job->o.min) && !(worst >= job->o.min))
    return em_fail (err, EM_E_CHECK, "a mean J is %.3f, below --min %g", worst, job->o.min);
  return true;
}

static void
job_clear (Job *job)
{
  em_report_free (job->report);
  em_cli_model_close (&job->model);
  g_free (job->o.truth);
  g_free (job->o.clips);
  g_free (job->o.format);
  g_free (job->o.predict);
  g_free (job->o.mix);
  g_free (job->o.per);
  em_cli_options_clear (&job->o.shared);
}

int
cmd_evaluate (int argc, char **argv)
{
  Job job = { .o.min = NAN };
  const GOptionEntry entries[]
      = { { "truth", 0, 0, G_OPTION_ARG_FILENAME, &job.o.truth,
            "Labelled clips: [SLICE/]CLIP/001/00000.png with frames.csv, objects.csv, sounding.csv",
            "DIR" },
          { "clips", 0, 0, G_OPTION_ARG_FILENAME, &job.o.clips,
            "Where the clips are, [SLICE/]CLIP.webm and so on (default: beside the truth)", "DIR" },
          { "format", 0, 0, G_OPTION_ARG_STRING, &job.o.format, "Of the truth: png", "F" },
          { "predict", 0, 0, G_OPTION_ARG_STRING, &job.o.predict,
            "sound, click, box, sound+click or sound+box (default: all of them)", "WHAT" },
          { "track", 0, 0, G_OPTION_ARG_NONE, &job.o.track,
            "Also follow each object from its first prompt through the clip", NULL },
          { "mix", 0, 0, G_OPTION_ARG_STRING, &job.o.mix, "joint or ensemble (default: both)",
            "HOW" },
          { "per", 0, 0, G_OPTION_ARG_STRING, &job.o.per,
            "Tables by slice, class, clip, frame; several with commas (default: slice)", "WHAT" },
          { "min", 0, 0, G_OPTION_ARG_DOUBLE, &job.o.min, "Exit with 8 if a mean J is below", "J" },
          { NULL } };
  EmError err = EM_ERROR_INIT;
  int status, n_failed;

  if (!em_cli_parse (&argc, &argv, entries, "--truth DIR [--clips DIR]",
                     "What the model says to prompts drawn from the truth, in J and F.",
                     "earmark-cli evaluate --truth worlds --track --per slice,class", 0, 0,
                     &job.o.shared, &status)) {
    job_clear (&job);
    return status;
  }
  run (&job, &err);
  n_failed = job.n_failed;
  job_clear (&job);
  if (err.code != EM_OK)
    return em_cli_fail (&err);
  return n_failed ? 3 : 0;
}
