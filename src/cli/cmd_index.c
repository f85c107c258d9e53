/* cmd_index.c - earmark-cli index: frame times, fingerprints, and media that moved. */
#include <stdio.h>
#include "cli/cli_project.h"
#include "service/index_store.h"

typedef struct {
  EmCliOptions shared;
  char *clips, *search;
  gboolean check, force;
  int limit;
} IndexOptions;

/* Where the clip's media are now; a clip that moved is found by its content. */
static bool
find_media (EmCliProject *p, const IndexOptions *o, const EmDbClip *clip, char **path, EmError *err)
{
  g_autofree char *beside = g_path_get_dirname (em_db_path (p->db));
  const char *folders[] = { beside, o->search };
  GError *error = NULL;

  *path = em_db_clip_media_path (p->db, clip);
  if (*path && clip->n_frames) { /* another file of the same name is not it */
    g_autofree char *fingerprint = em_fingerprint (*path, NULL);

    if (g_strcmp0 (fingerprint, clip->fingerprint) != 0 && o->search)
      g_clear_pointer (path, g_free);
  }
  if (*path || !clip->n_frames)
    return *path != NULL || em_fail (err, EM_E_INPUT, "%s is not there", clip->path);
  for (int i = 0; i < 2 && !*path && folders[i]; i++) {
    *path = em_index_find (clip, folders[i], NULL, &error);
    if (error)
      return em_cli_take_gerror (error, err);
  }
  if (!*path)
    return em_fail (err, EM_E_INPUT, "%s is not there, nor its content in %s%s%s", clip->path,
                    beside, o->search ? " or " : "", o->search ? o->search : "");
  if (!em_db_relocate (p->db, clip->id, *path, &error))
    return em_cli_take_gerror (error, err);
  return true;
}

static bool
index_clip (EmCliProject *p, const IndexOptions *o, const EmDbClip *clip, bool *did, EmError *err)
{
  g_autofree char *path = NULL;
  g_autoptr (EmFrameIndex) index = NULL;
  GError *error = NULL;
  bool is_new = clip->n_frames == 0 || o->force;

  if (!find_media (p, o, clip, &path, err))
    return false;
  index = is_new ? em_frame_index_open (path, NULL, &error)
                 : em_index_load (p->db, clip, path, NULL, &error);
  if (!index || (is_new && !em_index_store (p->db, clip->id, path, index, &error))
      || (o->check && !em_frame_index_check (index, path, NULL, &error)))
    return em_cli_take_gerror (error, err);
  *did = is_new || o->check;
  return true;
}

/* The queue shows why a clip cannot be opened; one that has masks keeps its state. */
static bool
note_problem (EmCliProject *p, const EmDbClip *clip, const EmError *why, EmError *err)
{
  GError *error = NULL;

  if (clip->n_frames || em_db_set_clip_state (p->db, clip->id, EM_CLIP_PROBLEM, why->text, &error))
    return true;
  return em_cli_take_gerror (error, err);
}

static bool
index_all (EmCliProject *p, const IndexOptions *o, EmError *err)
{
  g_autoptr (GPtrArray) clips = em_cli_project_clips (p, o->clips, o->limit, err);
  EmCliProgress progress;
  guint i;

  if (!clips)
    return false;
  em_cli_progress_begin (&progress, &o->shared, "indexing", (int) clips->len);
  for (i = 0; i < clips->len && !atomic_load (&em_cli_interrupted); i++) {
    EmError why = EM_ERROR_INIT;
    bool did = false;

    if (!index_clip (p, o, clips->pdata[i], &did, &why)) {
      if (em_cli_is_final (&why)) {
        *err = why;
        return false;
      }
      em_cli_project_failed (p, clips->pdata[i], &why);
      if (!note_problem (p, clips->pdata[i], &why, err))
        return false;
    } else if (did) {
      p->n_done++;
    } else {
      p->n_skipped++;
    }
    em_cli_progress (&progress, (int) i + 1);
  }
  em_cli_progress_end (&progress, (int) i);
  return true;
}

int
cmd_index (int argc, char **argv)
{
  IndexOptions o = { 0 };
  const GOptionEntry entries[]
      = { { "clips", 0, 0, G_OPTION_ARG_STRING, &o.clips, "Names with commas, or @FILE", "LIST" },
          { "check", 0, 0, G_OPTION_ARG_NONE, &o.check, "Compare with a full decode", NULL },
          { "search", 0, 0, G_OPTION_ARG_FILENAME, &o.search, "Where moved media may be", "DIR" },
          { "force", 0, 0, G_OPTION_ARG_NONE, &o.force, "Also what is indexed already", NULL },
          { "limit", 0, 0, G_OPTION_ARG_INT, &o.limit, "At most N clips", "N" },
          { NULL } };
  EmError err = EM_ERROR_INIT;
  EmCliProject p = { 0 };
  int status;

  if (!em_cli_parse (&argc, &argv, entries, "P",
                     "Read the frame times of all clips; find media that moved.",
                     "earmark-cli index work.earmark --check", 1, 1, &o.shared, &status))
    goto out;
  if (!em_cli_project_open (&p, argv[1], EM_DB_WRITE, &err) || !index_all (&p, &o, &err)) {
    status = em_cli_fail (&err);
  } else {
    json_t *report = json_pack ("{sisi}", "indexed", p.n_done, "skipped", p.n_skipped);

    status = em_cli_project_status (&p, report);
    if (o.shared.json)
      em_cli_print_json ("index", json_incref (report));
    else
      printf ("%d indexed, %d unchanged, %d failed\n", p.n_done, p.n_skipped,
              (int) json_array_size (p.failed));
    json_decref (report);
  }
out:
  em_cli_project_close (&p);
  g_free (o.clips);
  g_free (o.search);
  em_cli_options_clear (&o.shared);
  return status;
}
