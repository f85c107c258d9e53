/* db_clip.c - the clips of a project.
 *
 * The queue lists 20,000 clips from this one table, so what it shows (counts by state, problem) is
 * in the row; the frame table is its last column, on pages a list never reads. */
#include "store/db_clip.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "store/db_private.h"
#include "store/expression_rows.h"
#include "store/frame_table.h"

static const char *const clip_state_names[EM_N_CLIP_STATES]
    = { "to do", "in progress", "to review", "done", "problem" };

const char *
em_clip_state_name (EmClipState state)
{
  EM_BUG_UNLESS (state >= 0 && state < EM_N_CLIP_STATES);
  return clip_state_names[state];
}

void
em_db_clip_free (EmDbClip *clip)
{
  if (!clip)
    return;
  g_free (clip->name);
  g_free (clip->path);
  g_free (clip->hint);
  g_free (clip->sound_path);
  g_free (clip->fingerprint);
  g_free (clip->problem);
  g_free (clip->notes);
  g_free (clip->view);
  g_free (clip->sentences);
  g_free (clip);
}

#define CLIP_COLUMNS                                                                               \
  "SELECT id, name, path, hint, sound_path, fingerprint, bytes, mtime, width, height, n_frames,"   \
  " duration, start, video_track, audio_track, has_sound, av_offset, state, problem, notes, view," \
  " at, head, summary FROM clip "

static EmDbClip *
read_clip (EmSql *q)
{
  EmDbClip *k = g_new0 (EmDbClip, 1);

  k->id = em_sql_get_int (q, 0);
  k->name = em_sql_get_text (q, 1);
  k->path = em_sql_get_text (q, 2);
  k->hint = em_sql_get_text (q, 3);
  k->sound_path = em_sql_get_text (q, 4);
  k->fingerprint = em_sql_get_text (q, 5);
  k->bytes = em_sql_get_int (q, 6);
  k->mtime_ms = em_sql_get_int (q, 7);
  k->width = (int) em_sql_get_int (q, 8);
  k->height = (int) em_sql_get_int (q, 9);
  k->n_frames = (int) em_sql_get_int (q, 10);
  k->duration_ns = em_sql_get_int (q, 11);
  k->start_ns = em_sql_get_int (q, 12);
  k->video_track = (int) em_sql_get_int (q, 13);
  k->audio_track = (int) em_sql_get_int (q, 14);
  k->has_sound = em_sql_get_int (q, 15) != 0;
  k->av_offset_ns = em_sql_get_int (q, 16);
  k->state = (EmClipState) CLAMP (em_sql_get_int (q, 17), 0, EM_N_CLIP_STATES - 1);
  k->problem = em_sql_get_text (q, 18);
  k->notes = em_sql_get_text (q, 19);
  k->view = em_sql_get_text (q, 20);
  k->changed_us = em_sql_get_int (q, 21);
  k->head = em_sql_get_int (q, 22);
  em_db_parse_summary (em_sql_peek_text (q, 23), &k->counts, &k->n_objects);
  return k;
}

GPtrArray *
em_db_clips (EmDb *db, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) em_db_clip_free);
  EmSql q = em_sql (db, CLIP_COLUMNS "ORDER BY name");

  while (em_sql_row (&q))
    g_ptr_array_add (all, read_clip (&q));
  if (!em_sql_end (&q, error) || !em_read_sentences (db, 0, all, error))
    return NULL;
  return g_steal_pointer (&all);
}

EmDbClip *
em_db_clip (EmDb *db, int64_t id, GError **error)
{
  g_autoptr (GPtrArray) one = g_ptr_array_new_with_free_func ((GDestroyNotify) em_db_clip_free);
  EmSql q = em_sql (db, CLIP_COLUMNS "WHERE id = ?");

  em_sql_int (&q, id);
  if (em_sql_row (&q))
    g_ptr_array_add (one, read_clip (&q));
  if (!em_sql_end (&q, error) || !em_read_sentences (db, id, one, error))
    return NULL;
  if (one->len == 0) {
    em_store_fail (error, EM_E_USAGE, "%s: there is no such clip", db->path);
    return NULL;
  }
  return g_ptr_array_steal_index (one, 0);
}

int64_t
em_db_find_clip (EmDb *db, const char *name, GError **error)
{
  EmSql q = em_sql (db, "SELECT id FROM clip WHERE name = ?");
  int64_t id = 0;

  em_sql_text (&q, name);
  if (em_sql_row (&q))
    id = em_sql_get_int (&q, 0);
  return em_sql_end (&q, error) ? id : 0;
}

/* From the project's folder to `full`, going up where needed: a project in work/ finds ../media. */
static char *
relative_to_project (EmDb *db, const char *full)
{
  g_autofree char *folder = g_path_get_dirname (db->path);
  g_auto (GStrv) from = g_strsplit (folder, "/", -1), to = g_strsplit (full, "/", -1);
  GString *path = g_string_new (NULL);
  int common = 0;

  while (from[common] && to[common] && strcmp (from[common], to[common]) == 0)
    common++;
  for (int i = common; from[i]; i++)
    if (*from[i])
      g_string_append (path, "../");
  for (int i = common; to[i]; i++)
    g_string_append_printf (path, "%s%s", i > common ? "/" : "", to[i]);
  return g_string_free (path, FALSE);
}

char *
em_db_clip_media_path (EmDb *db, const EmDbClip *clip)
{
  g_autofree char *folder = g_path_get_dirname (db->path);
  g_autofree char *near = g_canonicalize_filename (clip->path, folder);

  if (access (near, R_OK) == 0)
    return g_steal_pointer (&near);
  return access (clip->hint, R_OK) == 0 ? g_strdup (clip->hint) : NULL;
}

/* False also on an error: the insert that follows meets it again and tells it. */
static bool
is_taken (EmDb *db, const char *stem, int number)
{
  g_autofree char *name = g_strdup_printf ("%s-%d", stem, number);

  return em_db_find_clip (db, name, NULL) != 0;
}

/* The file's name without suffix, made fit to be a file name again, and unique. Data sets with
 * thousands of files of one name are usual, so the first free number is searched by halves. */
static char *
clip_name (EmDb *db, const char *path)
{
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *stem = g_utf8_make_valid (base, -1);
  char *dot = strrchr (stem, '.');
  int low = 1, high = 2;

  if (dot && dot > stem)
    *dot = '\0';
  for (char *c = stem; *c; c++)
    if ((unsigned char) *c < 0x20 || strchr ("/\\:*?\"<>|", *c) || (c == stem && *c == '.'))
      *c = '_';
  if (em_db_find_clip (db, stem, NULL) == 0)
    return g_steal_pointer (&stem);
  while (is_taken (db, stem, high)) {
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    int middle = (low + high) / 2;

    if (is_taken (db, stem, middle))
      low = middle;
    else
      high = middle;
  }
  return g_strdup_printf ("%s-%d", stem, high);
}

int64_t
em_db_add_clip (EmDb *db, const char *path, const char *sound_path, GError **error)
{
  g_autofree char *full = g_canonicalize_filename (path, NULL);
  g_autofree char *near = relative_to_project (db, full);
  g_autofree char *sound_full = sound_path ? g_canonicalize_filename (sound_path, NULL) : NULL;
  g_autofree char *sound_near = sound_full ? relative_to_project (db, sound_full) : NULL;
  g_autofree char *name = NULL;
  EmSql q = em_sql (db, "SELECT id FROM clip WHERE path = ?");
  int64_t id = 0;

  em_sql_text (&q, near);
  if (em_sql_row (&q))
    id = em_sql_get_int (&q, 0);
  if (!em_sql_end (&q, error))
    return 0;
  if (id)
    return id;

  name = clip_name (db, full);
  if (!em_db_begin (db, error))
    return 0;
  id = em_db_random_id ();
  q = em_sql (
      db, "INSERT INTO clip (id, name, path, hint, sound_path, fingerprint, bytes, mtime, width,"
          " height, n_frames, duration, start, video_track, audio_track, has_sound, av_offset,"
          " state, problem, notes, view, summary, head, floor, next_step, next_object,"
          " next_interval, at, touched, frames) VALUES (?, ?, ?, ?, ?, '', 0, 0, 0, 0, 0, 0, 0,"
          " -1, -1, 0, 0, 0, '', '', '', '{}', 0, 0, 1, 1, 1, 0, 0, x'')");
  em_sql_int (&q, id);
  em_sql_text (&q, name);
  em_sql_text (&q, near);
  em_sql_text (&q, full);
  em_sql_text (&q, sound_near);
  if (em_sql_run (&q, error) && em_db_touch (db, id, error))
    return em_db_commit (db, error) ? id : 0;
  em_db_rollback (db);
  return 0;
}

GArray *
em_db_frames (EmDb *db, int64_t clip, GError **error)
{
  g_autoptr (GArray) frames = NULL;
  EmSql q = em_sql (db, "SELECT frames, n_frames FROM clip WHERE id = ?");

  em_sql_int (&q, clip);
  if (em_sql_row (&q)) {
    const void *bytes = sqlite3_column_blob (q.stmt, 0);

    frames = em_frame_table_unpack (bytes, (size_t) sqlite3_column_bytes (q.stmt, 0),
                                    (int) em_sql_get_int (&q, 1));
  }
  if (!em_sql_end (&q, error))
    return NULL;
  if (!frames)
    em_store_fail (error, EM_E_INPUT, "%s: the frame table of a clip is damaged", db->path);
  return g_steal_pointer (&frames);
}

GBytes *
em_db_media_index (EmDb *db, int64_t clip, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  EmSql q = em_sql (db, "SELECT media_index FROM clip WHERE id = ?");

  em_sql_int (&q, clip);
  if (em_sql_row (&q) && sqlite3_column_type (q.stmt, 0) == SQLITE_BLOB)
    bytes
        = g_bytes_new (sqlite3_column_blob (q.stmt, 0), (size_t) sqlite3_column_bytes (q.stmt, 0));
  return em_sql_end (&q, error) ? g_steal_pointer (&bytes) : NULL;
}

/* Masks and cells speak of frame numbers: once there are some, the numbers must keep their meaning.
 */
static bool
fits_what_is_there (EmDb *db, int64_t clip, const EmDbMedia *media, GError **error)
{
  g_autoptr (EmDbClip) old = em_db_clip (db, clip, error);
  g_autoptr (GArray) frames = NULL;
  EmSql q;
  bool in_use;

  if (!old)
    return false;
  q = em_sql (db, "SELECT 1 FROM cell WHERE clip = ? LIMIT 1");
  em_sql_int (&q, clip);
  in_use = em_sql_row (&q);
  if (!em_sql_end (&q, error))
    return false;
  if (!in_use)
    return true;
  frames = em_db_frames (db, clip, error);
  if (!frames)
    return false;
  if (old->width != media->width || old->height != media->height
      || old->n_frames != media->n_frames)
    return em_store_fail (error, EM_E_CHECK,
                          "%s: the media are %dx%d with %d frames, its masks were made on %dx%d "
                          "with %d frames: not the same clip",
                          old->name, media->width, media->height, media->n_frames, old->width,
                          old->height, old->n_frames);
  for (int i = 0; i < media->n_frames; i++)
    if (media->frames[i].pts_ns != g_array_index (frames, EmDbFrame, i).pts_ns)
      return em_store_fail (error, EM_E_CHECK,
                            "%s: frame %d is at another time than when its masks were made: not "
                            "the same clip",
                            old->name, i);
  return true;
}

bool
em_db_set_media (EmDb *db, int64_t clip, const EmDbMedia *media, GError **error)
{
  g_autoptr (GBytes) frames = em_frame_table_pack (media->frames, media->n_frames);
  EmSql q;

  if (!fits_what_is_there (db, clip, media, error) || !em_db_begin (db, error))
    return false;
  q = em_sql (db, "UPDATE clip SET fingerprint = ?, bytes = ?, mtime = ?, width = ?, height = ?,"
                  " n_frames = ?, duration = ?, start = ?, video_track = ?, audio_track = ?,"
                  " has_sound = ?, av_offset = ?, frames = ?, media_index = ?, problem = '',"
                  " state = CASE state WHEN ? THEN ? ELSE state END WHERE id = ?");
  em_sql_text (&q, media->fingerprint);
  em_sql_int (&q, media->bytes);
  em_sql_int (&q, media->mtime_ms);
  em_sql_int (&q, media->width);
  em_sql_int (&q, media->height);
  em_sql_int (&q, media->n_frames);
  em_sql_int (&q, media->duration_ns);
  em_sql_int (&q, media->start_ns);
  em_sql_int (&q, media->video_track);
  em_sql_int (&q, media->audio_track);
  em_sql_int (&q, media->has_sound);
  em_sql_int (&q, media->av_offset_ns);
  em_sql_blob (&q, g_bytes_get_data (frames, NULL), g_bytes_get_size (frames));
  if (media->index)
    em_sql_blob (&q, g_bytes_get_data (media->index, NULL), g_bytes_get_size (media->index));
  else
    em_sql_text (&q, NULL);
  em_sql_int (&q, EM_CLIP_PROBLEM);
  em_sql_int (&q, EM_CLIP_TO_DO);
  em_sql_int (&q, clip);
  if (em_sql_run (&q, error) && em_db_touch (db, clip, error))
    return em_db_commit (db, error);
  em_db_rollback (db);
  return false;
}

bool
em_db_relocate (EmDb *db, int64_t clip, const char *path, GError **error)
{
  g_autofree char *full = g_canonicalize_filename (path, NULL);
  g_autofree char *near = relative_to_project (db, full);
  EmSql q;

  if (!em_db_begin (db, error))
    return false;
  q = em_sql (db, "UPDATE clip SET path = ?, hint = ? WHERE id = ?");
  em_sql_text (&q, near);
  em_sql_text (&q, full);
  em_sql_int (&q, clip);
  if (em_sql_run (&q, error) && em_db_touch (db, clip, error))
    return em_db_commit (db, error);
  em_db_rollback (db);
  return false;
}

bool
em_db_set_clip_state (EmDb *db, int64_t clip, EmClipState state, const char *problem,
                      GError **error)
{
  EmSql q;

  if (!em_db_begin (db, error))
    return false;
  q = em_sql (db, "UPDATE clip SET state = ?, problem = ? WHERE id = ?");
  em_sql_int (&q, state);
  em_sql_text (&q, problem ? problem : "");
  em_sql_int (&q, clip);
  if (em_sql_run (&q, error) && em_db_touch (db, clip, error))
    return em_db_commit (db, error);
  em_db_rollback (db);
  return false;
}

/* `statement` sets one text column: value, clip. */
static bool
set_text (EmDb *db, const char *statement, int64_t clip, const char *value, GError **error)
{
  EmSql q;

  if (!em_db_begin (db, error))
    return false;
  q = em_sql (db, statement);
  em_sql_text (&q, value ? value : "");
  em_sql_int (&q, clip);
  if (em_sql_run (&q, error) && em_db_touch (db, clip, error))
    return em_db_commit (db, error);
  em_db_rollback (db);
  return false;
}

bool
em_db_set_clip_notes (EmDb *db, int64_t clip, const char *notes, GError **error)
{
  return set_text (db, "UPDATE clip SET notes = ? WHERE id = ?", clip, notes, error);
}

bool
em_db_set_clip_view (EmDb *db, int64_t clip, const char *json, GError **error)
{
  return set_text (db, "UPDATE clip SET view = ? WHERE id = ?", clip, json, error);
}
