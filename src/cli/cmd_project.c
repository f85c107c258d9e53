/* cmd_project.c - earmark-cli init, info and verify: the project file itself. */
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include "cli/cli_project.h"
#include "media/em-frame-index.h"
#include "service/places.h"
#include "store/preset.h"
#include "store/verify.h"

/* init -------------------------------------------------------------------------------------------
 */

static bool
read_stdin (char **text, EmError *err)
{
  GString *all = g_string_new (NULL);
  char part[4096];
  size_t n;

  while ((n = fread (part, 1, sizeof part, stdin)) > 0)
    g_string_append_len (all, part, (gssize) n);
  *text = g_string_free (all, FALSE);
  return !ferror (stdin) || em_fail (err, EM_E_INPUT, "standard input cannot be read");
}

/* A list names a clip a line, relative to the folder it lies in; "-" is standard input. Whether the
 * files can be read is the index's business. */
static bool
read_list (const char *path, GPtrArray *found, EmError *err)
{
  g_autofree char *text = NULL, *folder = NULL;
  g_auto (GStrv) lines = NULL;
  GError *error = NULL;

  if (strcmp (path, "-") == 0) {
    if (!read_stdin (&text, err))
      return false;
    folder = g_get_current_dir ();
  } else {
    if (!g_file_get_contents (path, &text, NULL, &error))
      return em_cli_take_gerror (error, err);
    folder = g_path_get_dirname (path);
  }
  if (!g_utf8_validate (text, -1, NULL))
    return em_fail (err, EM_E_INPUT, "%s is no list of paths: it is not text", path);
  lines = g_strsplit_set (text, "\r\n", -1);
  for (int i = 0; lines[i]; i++)
    if (*g_strstrip (lines[i]))
      g_ptr_array_add (found, g_canonicalize_filename (lines[i], folder));
  return found->len
         || em_fail (err, EM_E_INPUT, "%s names no clip", strcmp (path, "-") ? path : "the list");
}

static bool
is_media_name (const char *path)
{
  const char *dot = strrchr (path, '.');

  for (int i = 0; dot && em_media_suffixes ()[i]; i++)
    if (g_ascii_strcasecmp (dot + 1, em_media_suffixes ()[i]) == 0)
      return true;
  return false;
}

static bool
find_clips (const char *path, GPtrArray **found, EmError *err)
{
  GError *error = NULL;

  if (strcmp (path, "-") == 0
      || (g_file_test (path, G_FILE_TEST_IS_REGULAR) && !is_media_name (path))) {
    *found = g_ptr_array_new_with_free_func (g_free);
    return read_list (path, *found, err);
  }
  *found = em_find_clips (path, NULL, &error);
  return *found || em_cli_take_gerror (error, err);
}

static bool
add_clips (EmDb *db, GPtrArray *paths, EmError *err)
{
  GError *error = NULL;

  if (!em_db_begin_batch (db, &error))
    return em_cli_take_gerror (error, err);
  for (guint i = 0; i < paths->len; i++)
    if (!em_db_add_clip (db, paths->pdata[i], NULL, &error))
      return em_cli_take_gerror (error, err);
  return em_db_end_batch (db, &error) || em_cli_take_gerror (error, err);
}

typedef struct {
  EmCliOptions shared;
  char *out, *preset, *annotator;
} InitOptions;

static bool
make_project (const char *media, const InitOptions *o, guint *n, EmError *err)
{
  g_autoptr (GPtrArray) paths = NULL;
  g_autoptr (EmDb) db = NULL;
  EmDbSetup setup = { .annotator = o->annotator };
  GError *error = NULL;

  if (!em_preset_fill (o->preset ? o->preset : "video", &setup)) {
    g_autofree char *names = g_strjoinv (", ", (char **) em_presets);

    return em_fail (err, EM_E_USAGE, "--preset is %s, expected one of %s", o->preset, names);
  }
  if (!find_clips (media, &paths, err))
    return false;
  db = em_db_create (o->out, &setup, &error);
  if (!db)
    return em_cli_take_gerror (error, err);
  *n = paths->len;
  if (add_clips (db, paths, err))
    return true;
  g_clear_pointer (&db, em_db_close);
  g_unlink (o->out);
  return false;
}

int
cmd_init (int argc, char **argv)
{
  InitOptions o = { 0 };
  const GOptionEntry entries[]
      = { { "output", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "The project file to make", "P" },
          { "preset", 0, 0, G_OPTION_ARG_STRING, &o.preset,
            "avsbench-s4, avsbench-ms3, avsbench-v2, refavs or video (default: video)", "NAME" },
          { "annotator", 0, 0, G_OPTION_ARG_STRING, &o.annotator,
            "Who works on it (default: your name)", "NAME" },
          { NULL } };
  EmError err = EM_ERROR_INIT;
  int status;
  guint n = 0;

  if (!em_cli_parse (&argc, &argv, entries, "DIR -o P.earmark",
                     "Make a project from a folder, a clip, or a list of paths (- reads it from "
                     "standard input).",
                     "earmark-cli init clips/ -o work.earmark --preset avsbench-s4", 1, 1,
                     &o.shared, &status))
    goto out;
  if (!o.out)
    em_fail (&err, EM_E_USAGE, "init needs -o P.earmark, the file to make");
  else
    make_project (argv[1], &o, &n, &err);
  if (err.code != EM_OK)
    status = em_cli_fail (&err);
  else if (o.shared.json)
    em_cli_print_json ("init", json_pack ("{sssi}", "project", o.out, "clips", (int) n));
  else
    printf ("%s: %u clips\n", o.out, n);
out:
  g_free (o.out);
  g_free (o.preset);
  g_free (o.annotator);
  em_cli_options_clear (&o.shared);
  return status;
}

/* info -------------------------------------------------------------------------------------------
 */

typedef struct {
  int by_clip_state[EM_N_CLIP_STATES];
  int64_t frames, duration_ns;
  int objects, expressions, with_sound;
  EmDbCounts counts;
} Totals;

static Totals
add_up (GPtrArray *clips)
{
  Totals t = { 0 };

  for (guint i = 0; i < clips->len; i++) {
    const EmDbClip *k = clips->pdata[i];

    t.by_clip_state[k->state]++;
    t.frames += k->n_frames;
    t.duration_ns += k->duration_ns;
    t.objects += k->n_objects;
    t.expressions += k->n_expressions;
    t.with_sound += k->has_sound;
    for (int s = 0; s < EM_N_STATES; s++)
      t.counts.by_state[s] += k->counts.by_state[s];
    t.counts.stale += k->counts.stale;
    t.counts.rejected += k->counts.rejected;
    t.counts.pending += k->counts.pending;
  }
  return t;
}

static json_t *
counts_json (const EmDbCounts *c)
{
  json_t *all = json_object ();

  for (int s = 0; s < EM_N_STATES; s++)
    json_object_set_new (all, em_state_name (s), json_integer (c->by_state[s]));
  json_object_set_new (all, "stale", json_integer (c->stale));
  json_object_set_new (all, "rejected", json_integer (c->rejected));
  json_object_set_new (all, "pending", json_integer (c->pending));
  return all;
}

static json_t *
clip_json (const EmDbClip *k)
{
  return json_pack ("{sssssssssisisisfsbsisisoss}", "name", k->name, "path", k->path, "fingerprint",
                    k->fingerprint, "state", em_clip_state_name (k->state), "width", k->width,
                    "height", k->height, "frames", k->n_frames, "seconds",
                    (double) k->duration_ns / 1e9, "sound", k->has_sound, "objects", k->n_objects,
                    "expressions", k->n_expressions, "masks", counts_json (&k->counts), "problem",
                    k->problem);
}

/* Who writes it now, null if nobody does. */
static json_t *
writer_json (EmDb *db)
{
  EmDbWriter w;
  json_t *who = json_null ();

  if (em_db_writer (db, &w, NULL) && w.host && !w.is_gone)
    who = json_pack ("{ssss}", "annotator", w.annotator, "program", w.program);
  em_db_writer_clear (&w);
  return who;
}

static void
print_info_json (const EmCliProject *p, GPtrArray *clips, const Totals *t)
{
  json_t *list = json_array (), *states = json_object ();

  for (guint i = 0; i < clips->len; i++)
    json_array_append_new (list, clip_json (clips->pdata[i]));
  for (int s = 0; s < EM_N_CLIP_STATES; s++)
    json_object_set_new (states, em_clip_state_name (s), json_integer (t->by_clip_state[s]));
  em_cli_print_json ("info",
                     json_pack ("{sIsssfss*sososIsfsisisososo}", "id", (json_int_t) p->info.id,
                                "preset", p->info.preset, "grid_phase", em_cli_project_phase (p),
                                "weights", p->info.weights, "clip_states", states, "masks",
                                counts_json (&t->counts), "frames", (json_int_t) t->frames,
                                "seconds", (double) t->duration_ns / 1e9, "objects", t->objects,
                                "expressions", t->expressions, "clips", list, "settings",
                                json_string (p->info.settings), "writer", writer_json (p->db)));
}

static void
print_info (const EmCliProject *p, GPtrArray *clips, const Totals *t)
{
  printf ("%s\npreset %s, grid phase %g s\n", em_db_path (p->db), p->info.preset,
          em_cli_project_phase (p));
  printf ("%u clips, %d with sound, %" G_GINT64_FORMAT
          " frames, %.1f s, %d objects, %d expressions\n",
          clips->len, t->with_sound, t->frames, (double) t->duration_ns / 1e9, t->objects,
          t->expressions);
  for (int s = 0; s < EM_N_CLIP_STATES; s++)
    if (t->by_clip_state[s])
      printf ("%7d %s\n", t->by_clip_state[s], em_clip_state_name (s));
  puts ("masks");
  for (int s = EM_N_STATES - 1; s > 0; s--)
    if (t->counts.by_state[s])
      printf ("%7d %s\n", t->counts.by_state[s], em_state_name (s));
  if (t->counts.stale)
    printf ("%7d of them stale\n", t->counts.stale);
  for (guint i = 0; i < clips->len; i++) {
    const EmDbClip *k = clips->pdata[i];

    if (k->state == EM_CLIP_PROBLEM)
      printf ("%s: %s\n", k->name, k->problem);
  }
}

int
cmd_info (int argc, char **argv)
{
  EmCliOptions o = { 0 };
  EmError err = EM_ERROR_INIT;
  EmCliProject p = { 0 };
  int status;

  if (em_cli_parse (&argc, &argv, NULL, "P", "Summarise a project.",
                    "earmark-cli info work.earmark --json", 1, 1, &o, &status)) {
    g_autoptr (GPtrArray) clips = NULL;

    if (!em_cli_project_open (&p, argv[1], EM_DB_READ, &err)
        || !(clips = em_cli_project_clips (&p, NULL, 0, &err))) {
      status = em_cli_fail (&err);
    } else {
      Totals t = add_up (clips);

      if (o.json)
        print_info_json (&p, clips, &t);
      else
        print_info (&p, clips, &t);
    }
  }
  em_cli_project_close (&p);
  em_cli_options_clear (&o);
  return status;
}

/* verify -----------------------------------------------------------------------------------------
 */

/* Media that are not there are no fault of the project; media of other content are. */
static bool
check_media (EmCliProject *p, EmVerifyReport *r, int *n_checked, int *n_missing, EmError *err)
{
  g_autoptr (GPtrArray) clips = em_cli_project_clips (p, NULL, 0, err);

  if (!clips)
    return false;
  for (guint i = 0; i < clips->len; i++) {
    const EmDbClip *k = clips->pdata[i];
    g_autofree char *path = em_db_clip_media_path (p->db, k), *fingerprint = NULL;

    if (!k->n_frames)
      continue;
    if (!path) {
      ++*n_missing;
      continue;
    }
    fingerprint = em_fingerprint (path, NULL);
    ++*n_checked;
    if (g_strcmp0 (fingerprint, k->fingerprint) != 0)
      g_ptr_array_add (r->faults, g_strdup_printf ("%s: %s has another content than when it was "
                                                   "indexed",
                                                   k->name, k->path));
  }
  return true;
}

static int
print_verify (const EmCliOptions *o, const EmVerifyReport *r, int n_checked, int n_missing)
{
  json_t *faults = json_array ();

  for (guint i = 0; i < r->faults->len; i++) {
    if (!o->json)
      printf ("%s\n", (const char *) r->faults->pdata[i]);
    json_array_append_new (faults, json_string (r->faults->pdata[i]));
  }
  if (o->json)
    em_cli_print_json ("verify",
                       json_pack ("{sIsIsIsIsIsIsisisO}", "clips", (json_int_t) r->clips, "steps",
                                  (json_int_t) r->steps, "cells", (json_int_t) r->cells, "masks",
                                  (json_int_t) r->masks, "suggestions", (json_int_t) r->suggestions,
                                  "expressions", (json_int_t) r->expressions, "media_checked",
                                  n_checked, "media_missing", n_missing, "faults", faults));
  else
    printf ("%" G_GINT64_FORMAT " clips, %" G_GINT64_FORMAT " steps, %" G_GINT64_FORMAT
            " masks, %d media checked, %d not there: %u faults\n",
            r->clips, r->steps, r->masks, n_checked, n_missing, r->faults->len);
  json_decref (faults);
  return r->faults->len ? em_exit_code (EM_E_CHECK) : 0;
}

int
cmd_verify (int argc, char **argv)
{
  EmCliOptions o = { 0 };
  EmError err = EM_ERROR_INIT;
  EmCliProject p = { 0 };
  EmVerifyReport r = { 0 };
  int status, n_checked = 0, n_missing = 0;

  if (em_cli_parse (&argc, &argv, NULL, "P",
                    "Check that a project is whole: masks decode, sizes match, media match.",
                    "earmark-cli verify work.earmark", 1, 1, &o, &status)) {
    GError *error = NULL;

    if (em_cli_project_open (&p, argv[1], EM_DB_READ, &err)) {
      if (!em_db_verify (p.db, &r, &error))
        em_cli_take_gerror (error, &err);
      else
        check_media (&p, &r, &n_checked, &n_missing, &err);
    }
    status = err.code == EM_OK ? print_verify (&o, &r, n_checked, n_missing) : em_cli_fail (&err);
  }
  em_verify_report_clear (&r);
  em_cli_project_close (&p);
  em_cli_options_clear (&o);
  return status;
}
