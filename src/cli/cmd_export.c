/* cmd_export.c - earmark-cli export: masks out to a data set's format.
 *
 * A clip that cannot go out (never indexed, media gone or another where pictures are asked for) is
 * told and left out. One whose media fail in the middle is found by its failing picture; the export
 * then begins again without it, so that the folder is whole or not there. */
#include <stdio.h>
#include <string.h>
#include "cli/cli_project.h"
#include "formats/format.h"
#include "media/em-frame-index.h"
#include "service/export_media.h"

typedef struct {
  EmCliOptions shared;
  char *format, *out, *states, *frames, *split, *clips;
  gboolean with_frames, with_audio, list, dry_run;
  int limit;
} Options;

typedef struct {
  const Options *o;
  EmCliProject p;
  const EmFormat *format;
  EmExportOptions options;
  unsigned states;
  GPtrArray *rows;   /* EmDbClip */
  GPtrArray *tracks; /* EmTracks, of the same clips */
  GPtrArray *paths;  /* char *, NULL where media are gone */
  EmExportReport report;
} Job;

static int
list_formats (const EmCliOptions *o)
{
  json_t *all = json_array ();
  int n;
  const EmFormat *formats = em_formats (&n);

  for (int i = 0; i < n; i++) {
    const EmFormat *f = &formats[i];

    if (!o->json)
      printf ("%-14s %s\n%14s keeps %s\n%14s loses %s\n", f->name, f->title, "", f->keeps, "",
              f->loses);
    json_array_append_new (all,
                           json_pack ("{sssssssssb}", "name", f->name, "title", f->title, "keeps",
                                      f->keeps, "loses", f->loses, "reads", f->read != NULL));
  }
  if (o->json)
    em_cli_print_json ("export", json_pack ("{sO}", "formats", all));
  json_decref (all);
  return 0;
}

static bool
parse_states (const char *list, unsigned *states, EmError *err)
{
  g_auto (GStrv) names = g_strsplit (list, ",", -1);

  *states = strcmp (list, "all") == 0 ? EM_STATES_ALL : 0;
  for (int i = 0; *states != EM_STATES_ALL && names[i]; i++) {
    EmState s;

    if (!em_state_from_name (names[i], &s) || s == EM_STATE_EMPTY)
      return em_fail (err, EM_E_USAGE,
                      "--states has \"%s\", expected approved, absent, corrected, keyframe, "
                      "propagated, imported or all",
                      names[i]);
    *states |= 1u << s;
  }
  return true;
}

static bool
parse_frames (const Options *o, EmExportOptions *options, EmError *err)
{
  static const char *const names[] = { "grid", "annotated", "all" };

  for (int i = 0; o->frames && i < 3; i++)
    if (strcmp (o->frames, names[i]) == 0) {
      options->frames = (EmFrameSet) i;
      return true;
    }
  return !o->frames
         || em_fail (err, EM_E_USAGE, "--frames is %s, expected grid, annotated or all", o->frames);
}

static bool
parse (Job *job, EmError *err)
{
  const Options *o = job->o;

  if (!o->format || !o->out)
    return em_fail (err, EM_E_USAGE, "export needs --format F and -o DIR");
  job->format = em_format_find (o->format);
  if (!job->format)
    return em_fail (err, EM_E_USAGE, "there is no format %s; --list-formats names them", o->format);
  job->options = em_export_defaults ();
  job->options.frames = job->format->frames;
  job->options.with_frames = o->with_frames;
  job->options.with_audio = o->with_audio;
  job->options.tool = "earmark " EM_VERSION;
  if (o->split)
    job->options.split = o->split;
  return parse_frames (o, &job->options, err)
         && parse_states (o->states ? o->states : "approved,absent,corrected,keyframe",
                          &job->states, err);
}

/* Reading ----------------------------------------------------------------------------------------
 */

static void
free_tracks (gpointer data)
{
  em_tracks_free (data);
}

/* Where the clip's media are, NULL where they are gone or are not what was annotated. */
static char *
usable_media (Job *job, const EmDbClip *row)
{
  g_autofree char *path = em_db_clip_media_path (job->p.db, row);
  g_autofree char *fingerprint = path ? em_fingerprint (path, NULL) : NULL;

  return g_strcmp0 (fingerprint, row->fingerprint) == 0 ? g_steal_pointer (&path) : NULL;
}

static bool
read_clip (Job *job, EmDbClip *row, EmError *err)
{
  EmError why = EM_ERROR_INIT;
  GError *error = NULL;
  EmTracks *tracks = NULL;

  if (!row->n_frames)
    em_fail (&why, EM_E_INPUT, "%s", *row->problem ? row->problem : "not indexed yet");
  else if (!(tracks = em_db_tracks (job->p.db, row->id, job->states, &error)))
    em_cli_take_gerror (error, &why);
  if (tracks) {
    g_ptr_array_add (job->rows, row);
    g_ptr_array_add (job->tracks, tracks);
    g_ptr_array_add (job->paths, usable_media (job, row));
    return true;
  }
  if (em_cli_is_final (&why)) {
    em_db_clip_free (row);
    *err = why;
    return false;
  }
  em_cli_project_failed (&job->p, row, &why);
  em_db_clip_free (row);
  return true;
}

static bool
read_clips (Job *job, EmError *err)
{
  g_autoptr (GPtrArray) rows = em_cli_project_clips (&job->p, job->o->clips, job->o->limit, err);
  bool good = rows != NULL;

  job->rows = g_ptr_array_new_with_free_func ((GDestroyNotify) em_db_clip_free);
  job->tracks = g_ptr_array_new_with_free_func (free_tracks);
  job->paths = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; good && i < rows->len; i++)
    good = read_clip (job, g_steal_pointer (&rows->pdata[i]), err);
  if (!good)
    return false;
  return job->rows->len || em_fail (err, EM_E_INPUT, "there is no clip to export");
}

/* Writing ----------------------------------------------------------------------------------------
 */

typedef struct {
  EmExportMedia inner;
  EmCliProgress progress;
  int broken; /* the clip whose media failed, -1: none */
} Writing;

static bool
save_picture (void *self, int clip, int frame, const char *path, EmError *err)
{
  Writing *w = self;

  if (w->inner.save_picture (w->inner.self, clip, frame, path, err))
    return true;
  w->broken = clip;
  return false;
}

static bool
save_sound (void *self, int clip, int64_t start_ns, int64_t end_ns, const char *path, EmError *err)
{
  Writing *w = self;

  if (w->inner.save_sound (w->inner.self, clip, start_ns, end_ns, path, err))
    return true;
  w->broken = clip;
  return false;
}

static bool
progress (void *self, int done, int total)
{
  Writing *w = self;

  em_cli_progress (&w->progress, done);
  return !atomic_load (&em_cli_interrupted);
}

static void
leave_out (Job *job, guint i, const EmError *why)
{
  em_cli_project_failed (&job->p, job->rows->pdata[i], why);
  g_ptr_array_remove_index (job->rows, i);
  g_ptr_array_remove_index (job->tracks, i);
  g_ptr_array_remove_index (job->paths, i);
}

/* Drops the clip that failed, and with it all others that would for the same plain reason. */
static void
leave_out_broken (Job *job, int broken, const EmError *why)
{
  EmError gone = EM_ERROR_INIT;

  if (job->paths->pdata[broken]) {
    leave_out (job, (guint) broken, why);
    return;
  }
  em_fail (&gone, EM_E_INPUT, "its media are not there, or are not what was annotated");
  for (guint i = job->rows->len; i-- > 0;)
    if (!job->paths->pdata[i])
      leave_out (job, i, &gone);
}

static bool
write_once (Job *job, int *broken, EmError *err)
{
  g_autoptr (EmExportSource) source
      = em_export_source_new ((const char *const *) job->paths->pdata, (int) job->paths->len, NULL);
  Writing w = { .broken = -1 };
  EmExportMedia media = {
    .self = &w, .save_picture = save_picture, .save_sound = save_sound, .progress = progress
  };
  bool good;

  em_export_source_fill (source, &w.inner);
  em_cli_progress_begin (&w.progress, &job->o->shared, "exporting", (int) job->tracks->len);
  good = em_export (job->format, (EmTracks *const *) job->tracks->pdata, (int) job->tracks->len,
                    &job->options, &media, job->o->out, &job->report, err);
  if (good)
    em_cli_progress_end (&w.progress, (int) job->tracks->len);
  *broken = w.broken;
  return good;
}

static bool
write_all (Job *job, EmError *err)
{
  for (;;) {
    EmError why = EM_ERROR_INIT;
    int broken;

    if (write_once (job, &broken, &why))
      return true;
    if (broken < 0 || em_cli_is_final (&why)) {
      *err = why;
      return false;
    }
    leave_out_broken (job, broken, &why);
    if (!job->rows->len)
      return em_fail (err, EM_E_INPUT, "the media of no clip can be read");
  }
}

/* The command ------------------------------------------------------------------------------------
 */

static int
report (Job *job)
{
  const EmExportReport *r = &job->report;
  json_t *all = json_pack ("{sssssisisisisI}", "format", job->format->name, "folder", job->o->out,
                           "clips", r->n_clips, "files", r->n_files, "masks", r->n_masks, "skipped",
                           r->n_skipped, "overlap_pixels", (json_int_t) r->overlap_pixels);
  int status = em_cli_project_status (&job->p, all);

  if (job->o->shared.json)
    em_cli_print_json ("export", json_incref (all));
  else
    printf ("%s: %d clips, %d masks, %d files; %d things skipped, see manifest.json; %d clips "
            "failed\n",
            job->o->out, r->n_clips, r->n_masks, r->n_files, r->n_skipped,
            (int) json_array_size (job->p.failed));
  json_decref (all);
  return status;
}

static void
print_plan (const Job *job)
{
  for (guint i = 0; i < job->tracks->len; i++) {
    const EmTracks *t = job->tracks->pdata[i];
    int n = 0;

    for (int k = 0; k < t->n_objects; k++)
      n += t->objects[k].n_masks;
    printf ("%s: %d masks of %d objects\n", t->name, n, t->n_objects);
  }
}

static int
run (Job *job, const char *path)
{
  EmError err = EM_ERROR_INIT;

  if (!parse (job, &err) || !em_cli_project_open (&job->p, path, EM_DB_READ, &err))
    return em_cli_fail (&err);
  job->options.grid_phase = em_cli_project_phase (&job->p);
  job->options.model_digest = job->p.info.weights;
  if (!read_clips (job, &err))
    return em_cli_fail (&err);
  if (job->o->dry_run) {
    print_plan (job);
    return em_cli_project_status (&job->p, NULL);
  }
  /* Nothing of the project is held while pictures are written. */
  g_clear_pointer (&job->p.db, em_db_close);
  return write_all (job, &err) ? report (job) : em_cli_fail (&err);
}

int
cmd_export (int argc, char **argv)
{
  Options o = { 0 };
  const GOptionEntry entries[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &o.format, "As --list-formats names it", "F" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "A folder to make", "DIR" },
    { "states", 0, 0, G_OPTION_ARG_STRING, &o.states,
      "Which masks (default: approved,absent,corrected,keyframe; or all)", "LIST" },
    { "frames", 0, 0, G_OPTION_ARG_STRING, &o.frames,
      "grid, annotated or all (default: the format's)", "WHICH" },
    { "split", 0, 0, G_OPTION_ARG_STRING, &o.split, "train, val or test (default: train)", "NAME" },
    { "with-frames", 0, 0, G_OPTION_ARG_NONE, &o.with_frames, "Pictures beside the masks", NULL },
    { "with-audio", 0, 0, G_OPTION_ARG_NONE, &o.with_audio, "The sound of each clip", NULL },
    { "clips", 0, 0, G_OPTION_ARG_STRING, &o.clips, "Names with commas, or @FILE", "LIST" },
    { "limit", 0, 0, G_OPTION_ARG_INT, &o.limit, "At most N clips", "N" },
    { "dry-run", 0, 0, G_OPTION_ARG_NONE, &o.dry_run, "Say what would be written", NULL },
    { "list-formats", 0, 0, G_OPTION_ARG_NONE, &o.list, "What each format keeps and loses", NULL },
    { NULL }
  };
  Job job = { .o = &o };
  int status;

  if (em_cli_parse (&argc, &argv, entries, "P --format F -o DIR",
                    "Write the masks of a project in a data set's format.",
                    "earmark-cli export work.earmark --format coco-rle -o out --states all", 0, 1,
                    &o.shared, &status)) {
    if (o.list)
      status = list_formats (&o.shared);
    else if (argc < 2)
      status = em_cli_fail_text (EM_E_USAGE, "export needs a project; earmark-cli export --help");
    else
      status = run (&job, argv[1]);
  }
  g_clear_pointer (&job.rows, g_ptr_array_unref);
  g_clear_pointer (&job.tracks, g_ptr_array_unref);
  g_clear_pointer (&job.paths, g_ptr_array_unref);
  em_cli_project_close (&job.p);
  g_free (o.format);
  g_free (o.out);
  g_free (o.states);
  g_free (o.frames);
  g_free (o.split);
  g_free (o.clips);
  em_cli_options_clear (&o.shared);
  return status;
}
