/* cases.c - what evaluate goes through. */
#include "cli/cases.h"
#include <string.h>

static bool
take (GError *error, EmError *err)
{
  em_fail (err, error->domain == EM_STORE_ERROR ? (EmStatus) error->code : EM_E_INPUT, "%s",
           error->message);
  g_error_free (error);
  return false;
}

static void
case_free (gpointer data)
{
  EmCase *c = data;

  g_free (c->name);
  g_free (c->slice);
  g_free (c->media);
  g_free (c);
}

/* The last part of a name with slices before it: what a project calls the clip. */
static const char *
short_name (const char *name)
{
  const char *slash = strrchr (name, '/');

  return slash ? slash + 1 : name;
}

/* Fills in what the judged project knows of the clip. */
static bool
look_up (EmCases *c, EmCase *item, EmError *err)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EmDbClip) clip = NULL;

  if (!c->project)
    return true;
  item->project = em_db_find_clip (c->project, short_name (item->name), &error);
  if (!item->project && error)
    return take (g_steal_pointer (&error), err);
  if (!item->project || item->media)
    return true;
  clip = em_db_clip (c->project, item->project, &error);
  if (!clip)
    return take (g_steal_pointer (&error), err);
  item->media = em_db_clip_media_path (c->project, clip);
  return true;
}

static bool
cases_of_tree (EmCases *c, const char *truth, const char *clips, EmError *err)
{
  c->tree = em_truth_find (truth, clips ? clips : truth, err);
  for (guint i = 0; c->tree && i < c->tree->len; i++) {
    EmTruthClip *clip = g_ptr_array_index (c->tree, i);
    EmCase *item = g_new0 (EmCase, 1);

    g_ptr_array_add (c->items, item);
    item->name = g_strdup (clip->name);
    item->slice = g_strdup (clip->slice);
    item->media = g_strdup (clip->media);
    item->folder = clip;
    if (!look_up (c, item, err))
      return false;
  }
  return c->tree != NULL;
}

static bool
cases_of_project (EmCases *c, const char *truth, const char *clips, EmError *err)
{
  GError *error = NULL;
  g_autoptr (GPtrArray) list = NULL;

  c->truth = em_db_open (truth, EM_DB_READ, &error);
  if (!c->truth || !(list = em_db_clips (c->truth, &error)))
    return take (error, err);
  for (guint i = 0; i < list->len; i++) {
    EmDbClip *clip = g_ptr_array_index (list, i);
    EmCase *item = g_new0 (EmCase, 1);

    g_ptr_array_add (c->items, item);
    item->name = g_strdup (clip->name);
    item->slice = g_strdup ("");
    item->truth = clip->id;
    item->media
        = clips ? em_truth_media (clips, clip->name) : em_db_clip_media_path (c->truth, clip);
    if (!look_up (c, item, err))
      return false;
  }
  if (!list->len)
    return em_fail (err, EM_E_INPUT, "the project %s has no clips", truth);
  return true;
}

static bool
phase_of (EmDb *db, double *phase, EmError *err)
{
  GError *error = NULL;
  EmDbProject info;

  if (!em_db_project (db, &info, &error))
    return take (error, err);
  *phase = (double) info.grid_phase_ns / 1e9;
  em_db_project_clear (&info);
  return true;
}

bool
em_cases_open (EmCases *c, const char *subject, const char *truth, const char *clips, EmError *err)
{
  GError *error = NULL;

  *c = (EmCases){ .items = g_ptr_array_new_with_free_func (case_free) };
  if (subject && g_file_test (subject, G_FILE_TEST_IS_DIR))
    clips = clips ? clips : subject;
  else if (subject && !(c->project = em_db_open (subject, EM_DB_READ, &error)))
    return take (error, err);
  if (g_file_test (truth, G_FILE_TEST_IS_REGULAR) ? !cases_of_project (c, truth, clips, err)
                                                  : !cases_of_tree (c, truth, clips, err))
    return false;
  c->grid_phase = 0.5;
  return (!c->truth || phase_of (c->truth, &c->grid_phase, err))
         && (!c->project || phase_of (c->project, &c->grid_phase, err));
}

void
em_cases_close (EmCases *c)
{
  g_clear_pointer (&c->items, g_ptr_array_unref);
  g_clear_pointer (&c->tree, g_ptr_array_unref);
  g_clear_pointer (&c->truth, em_db_close);
  g_clear_pointer (&c->project, em_db_close);
}

static EmTracks *
tracks_of (EmDb *db, int64_t clip, unsigned states, EmError *err)
{
  GError *error = NULL;
  EmTracks *tracks = em_db_tracks (db, clip, states, &error);

  if (!tracks)
    take (error, err);
  return tracks;
}

EmTracks *
em_case_truth (const EmCases *c, const EmCase *item, EmError *err)
{
  return item->folder ? em_truth_read (item->folder, err)
                      : tracks_of (c->truth, item->truth, EM_STATES_PROTECTED, err);
}

EmTracks *
em_case_stored (const EmCases *c, const EmCase *item, EmError *err)
{
  if (item->project)
    return tracks_of (c->project, item->project, EM_STATES_ALL, err);
  em_fail (err, EM_E_INPUT, "%s: the project has no clip of that name", item->name);
  return NULL;
}
