/* cmd_evaluate.c - earmark-cli evaluate: a model or a project against what is true. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cli/cases.h"
#include "cli/cli_model.h"
#include "cli/measure.h"

typedef struct {
  EmCliOptions shared;
  char *truth, *clips, *format, *predict, *mix, *per;
  double min;
  gboolean track;
  const char *subject;      /* P; NULL: none */
  bool by[EM_BY_FRAME + 1]; /* tables to print */
} Options;

typedef struct {
  Options o;
  EmMeasureOptions measure;
  bool stored; /* judge what the project holds, not the model */
  EmCliModel model;
  EmCases cases;
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
fits (const EmTracks *truth, const EmClipSource *s, EmError *err)
{
  if (truth->n_frames != s->n_frames || truth->width != s->width || truth->height != s->height)
    return em_fail (err, EM_E_INPUT,
                    "%s: the truth has %d frames of %d x %d, the clip %d of %d x %d", truth->name,
                    truth->n_frames, truth->width, truth->height, s->n_frames, s->width, s->height);
  return true;
}

static bool
evaluate_model (Job *job, const EmCase *item, const EmTracks *truth, EmError *err)
{
  EmCliClip open = { 0 };
  bool good;

  if (!item->media)
    return em_fail (err, EM_E_INPUT, "%s: no clip of that name beside the truth or under --clips",
                    item->name);
  good = em_cli_clip_open (&open, &job->model, item->media, job->cases.grid_phase, err)
         && fits (truth, &open.media->source, err);
  job->measure.slice = item->slice;
  good = good
         && em_measure_clip (job->report, &job->measure, open.predictor, &open.media->source, truth,
                             err);
  em_cli_clip_close (&open);
  return good;
}

static bool
evaluate_stored (Job *job, const EmCase *item, const EmTracks *truth, EmError *err)
{
  EmTracks *stored = em_case_stored (&job->cases, item, err);
  bool good = stored && em_measure_stored (job->report, item->slice, truth, stored, err);

  em_tracks_free (stored);
  return good;
}

static bool
evaluate_case (Job *job, const EmCase *item, EmError *err)
{
  EmTracks *truth = em_case_truth (&job->cases, item, err);
  bool good = truth
              && (job->stored ? evaluate_stored (job, item, truth, err)
                              : evaluate_model (job, item, truth, err));

  em_tracks_free (truth);
  return good;
}

/* A bad clip is told and skipped; only what concerns all of them ends the run. */
static bool
evaluate_all (Job *job, EmError *err)
{
  const GPtrArray *items = job->cases.items;
  EmCliProgress progress;

  em_cli_progress_begin (&progress, &job->o.shared, "clips", (int) items->len);
  for (guint i = 0; i < items->len && err->code == EM_OK; i++) {
    EmError clip_err = EM_ERROR_INIT;

    if (atomic_load (&em_cli_interrupted))
      em_fail (&clip_err, EM_E_CANCELLED, "interrupted");
    else
      evaluate_case (job, g_ptr_array_index ((GPtrArray *) items, i), &clip_err);
    if (clip_err.code == EM_E_INPUT) {
      em_cli_fail (&clip_err);
      job->n_failed++;
    } else if (clip_err.code != EM_OK) {
      em_fail (err, clip_err.code, "%s", clip_err.text);
    } else {
      job->n_done++;
    }
    em_cli_progress (&progress, (int) i + 1);
  }
  em_cli_progress_end (&progress, job->n_done + job->n_failed);
  if (!job->n_done)
    em_fail (err, EM_E_INPUT, "none of the %d clips could be evaluated", (int) items->len);
  return err->code == EM_OK;
}

static void
print_tables (const Job *job)
{
  if (job->stored)
    printf ("Stored masks, %d clips.", job->n_done);
  else
    printf ("Model %s (%.12s), %d clips, %s.", job->model.model->config.name,
            em_weights_digest (job->model.weights), job->n_done, job->model.be->device);
  printf (" Means over all samples; in brackets 95 %% intervals of %d bootstrap draws of whole "
          "clips.\n",
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
  json_t *tables = json_object (), *root;

  for (int by = 0; by <= EM_BY_FRAME; by++)
    if (job->o.by[by])
      json_object_set_new (tables, names[by], em_report_to_json (job->report, (EmReportBy) by));
  root
      = json_pack ("{s:i, s:i, s:o}", "clips", job->n_done, "failed", job->n_failed, "per", tables);
  if (!job->stored)
    json_object_set_new (root, "model",
                         json_pack ("{s:s, s:s, s:i}", "name", job->model.model->config.name,
                                    "digest", em_weights_digest (job->model.weights), "image_size",
                                    job->model.model->config.sam2.image_size));
  em_cli_print_json ("evaluate", root);
}

static bool
run (Job *job, EmError *err)
{
  double worst;

  if (!check_options (job, err)
      || !em_cases_open (&job->cases, job->o.subject, job->o.truth, job->o.clips, err))
    return false;
  job->stored = job->cases.project && !job->o.predict;
  if (!job->stored && !em_cli_model_open (&job->model, &job->o.shared, err))
    return false;
  job->report = em_report_new ();
  if (job->stored)
    em_measure_declare_stored (job->report);
  else
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
  em_cases_close (&job->cases);
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
  const GOptionEntry entries[] = {
    { "truth", 0, 0, G_OPTION_ARG_FILENAME, &job.o.truth,
      "Labelled clips: [SLICE/]CLIP/001/00000.png with frames.csv, objects.csv, sounding.csv; "
      "or a project",
      "DIR|P2" },
    { "clips", 0, 0, G_OPTION_ARG_FILENAME, &job.o.clips,
      "Where the clips are, [SLICE/]CLIP.webm and so on (default: beside the truth)", "DIR" },
    { "format", 0, 0, G_OPTION_ARG_STRING, &job.o.format, "Of the truth: png", "F" },
    { "predict", 0, 0, G_OPTION_ARG_STRING, &job.o.predict,
      "sound, click, box, sound+click or sound+box (default: all of them)", "WHAT" },
    { "track", 0, 0, G_OPTION_ARG_NONE, &job.o.track,
      "Also follow each object from its first prompt through the clip", NULL },
    { "mix", 0, 0, G_OPTION_ARG_STRING, &job.o.mix, "joint or ensemble (default: both)", "HOW" },
    { "per", 0, 0, G_OPTION_ARG_STRING, &job.o.per,
      "Tables by slice, class, clip, frame; several with commas (default: slice)", "WHAT" },
    { "min", 0, 0, G_OPTION_ARG_DOUBLE, &job.o.min, "Exit with 8 if a mean J is below", "J" },
    { NULL }
  };
  EmError err = EM_ERROR_INIT;
  int status, n_failed;

  if (!em_cli_parse (&argc, &argv, entries, "[P] --truth DIR|P2",
                     "What project P holds against the truth; with --predict, or without a "
                     "project, what the model says to prompts drawn from the truth. P may also be "
                     "a folder of clips.",
                     "earmark-cli evaluate --truth worlds --track --per slice,class", 0, 1,
                     &job.o.shared, &status)) {
    job_clear (&job);
    return status;
  }
  job.o.subject = argc > 1 ? argv[1] : NULL;
  run (&job, &err);
  n_failed = job.n_failed;
  job_clear (&job);
  if (err.code != EM_OK)
    return em_cli_fail (&err);
  return n_failed ? 3 : 0;
}
