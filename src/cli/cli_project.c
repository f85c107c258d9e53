/* cli_project.c - a project as a command works with it. */
#include "cli/cli_project.h"
#include <stdio.h>
#include <string.h>
#include "media/gerror.h"
#include "store/backup.h"

bool
em_cli_take_gerror (GError *error, EmError *err)
{
  EmStatus code = EM_E_INPUT;

  if (error->domain == EM_ERROR)
    code = (EmStatus) error->code;
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    code = EM_E_CANCELLED;
  em_fail (err, code, "%s", error->message);
  g_error_free (error);
  return false;
}

bool
em_cli_project_open (EmCliProject *p, const char *path, EmDbMode mode, EmError *err)
{
  GError *error = NULL;

  *p = (EmCliProject){ .failed = json_array () };
  p->db = em_db_open (path, mode, &error);
  if (!p->db || !em_db_project (p->db, &p->info, &error))
    return em_cli_take_gerror (error, err);
  if (em_db_warning (p->db) && mode == EM_DB_WRITE)
    g_printerr ("earmark-cli: %s\n", em_db_warning (p->db));
  /* Work goes on without a copy: a full home folder must not stop a job on another disk. */
  if (mode == EM_DB_WRITE && !em_db_backup (p->db, NULL, &error)) {
    g_printerr ("earmark-cli: no backup was made: %s\n", error->message);
    g_error_free (error);
  }
  return true;
}

void
em_cli_project_close (EmCliProject *p)
{
  em_db_project_clear (&p->info);
  g_clear_pointer (&p->db, em_db_close);
  json_decref (p->failed);
  p->failed = NULL;
}

static bool
read_names (const char *list, GStrv *names, EmError *err)
{
  g_autofree char *text = NULL;
  GError *error = NULL;

  if (*list != '@') {
    *names = g_strsplit (list, ",", -1);
    return true;
  }
  if (!g_file_get_contents (list + 1, &text, NULL, &error))
    return em_cli_take_gerror (error, err);
  *names = g_strsplit_set (text, "\r\n", -1);
  return true;
}

static bool
add_named (EmCliProject *p, GPtrArray *all, const char *list, GPtrArray *chosen, EmError *err)
{
  g_autoptr (GHashTable) by_name = g_hash_table_new (g_str_hash, g_str_equal);
  g_auto (GStrv) names = NULL;

  if (!read_names (list, &names, err))
    return false;
  for (guint i = 0; i < all->len; i++)
    g_hash_table_insert (by_name, ((EmDbClip *) all->pdata[i])->name, GUINT_TO_POINTER (i + 1));
  for (int i = 0; names[i]; i++) {
    guint place;

    if (!*g_strstrip (names[i]))
      continue;
    place = GPOINTER_TO_UINT (g_hash_table_lookup (by_name, names[i]));
    if (!place)
      return em_fail (err, EM_E_USAGE, "there is no clip %s in %s", names[i], em_db_path (p->db));
    if (all->pdata[place - 1]) /* a name given twice counts once */
      g_ptr_array_add (chosen, all->pdata[place - 1]);
    g_hash_table_remove (by_name, names[i]);
    all->pdata[place - 1] = NULL;
  }
  return true;
}

GPtrArray *
em_cli_project_clips (EmCliProject *p, const char *list, int limit, EmError *err)
{
  g_autoptr (GPtrArray) chosen = g_ptr_array_new_with_free_func ((GDestroyNotify) em_db_clip_free);
  g_autoptr (GPtrArray) all = NULL;
  GError *error = NULL;

  all = em_db_clips (p->db, &error);
  if (!all) {
    em_cli_take_gerror (error, err);
    return NULL;
  }
  if (!list) {
    g_clear_pointer (&chosen, g_ptr_array_unref);
    chosen = g_steal_pointer (&all);
  } else if (!add_named (p, all, list, chosen, err)) {
    return NULL;
  }
  if (limit > 0 && chosen->len > (guint) limit)
    g_ptr_array_set_size (chosen, limit);
  return g_steal_pointer (&chosen);
}

bool
em_cli_project_media (EmCliProject *p, const EmDbClip *clip, char **path, EmError *err)
{
  *path = em_db_clip_media_path (p->db, clip);
  return *path
         || em_fail (err, EM_E_INPUT,
                     "%s is not there any more; earmark-cli index --search FOLDER finds it by its "
                     "content",
                     clip->path);
}

double
em_cli_project_phase (const EmCliProject *p)
{
  return (double) p->info.grid_phase_ns / 1e9;
}

int *
em_cli_project_grid (EmCliProject *p, const EmDbClip *clip, int *n, EmError *err)
{
  GError *error = NULL;
  g_autoptr (GArray) frames = em_db_frames (p->db, clip->id, &error);
  g_autofree int64_t *pts = NULL;
  int room = (int) (clip->duration_ns / 1000000000) + 2;
  int *grid;

  if (!frames) {
    em_cli_take_gerror (error, err);
    return NULL;
  }
  pts = g_new (int64_t, frames->len);
  for (guint i = 0; i < frames->len; i++)
    pts[i] = g_array_index (frames, EmDbFrame, i).pts_ns;
  grid = g_new (int, room);
  *n = em_grid_frames (pts, (int) frames->len, clip->duration_ns, em_cli_project_phase (p), grid,
                       room);
  return grid;
}

void
em_cli_print_line (json_t *value)
{
  json_dumpf (value, stdout, JSON_COMPACT | JSON_REAL_PRECISION (7));
  putchar ('\n');
  fflush (stdout);
  json_decref (value);
}

void
em_cli_project_failed (EmCliProject *p, const EmDbClip *clip, const EmError *err)
{
  g_printerr ("earmark-cli: %s: %s\n", clip->name, err->text);
  json_array_append_new (p->failed, json_pack ("{ssss}", "clip", clip->name, "error", err->text));
}

bool
em_cli_is_final (const EmError *err)
{
  return err->code != EM_E_INPUT && err->code != EM_E_CHECK && err->code != EM_E_USAGE;
}

int
em_cli_project_status (EmCliProject *p, json_t *report)
{
  if (report)
    json_object_set (report, "failed", p->failed);
  if (atomic_load (&em_cli_interrupted))
    return em_exit_code (EM_E_CANCELLED);
  return json_array_size (p->failed) ? 3 : 0;
}
