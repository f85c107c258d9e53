/* index_store.c - a clip's index on its way between media and project. */
#include "service/index_store.h"
#include <glib/gstdio.h>
#include "service/places.h"

/* Size and time of change of a file or folder; 0 where there is none. */
static void
measure (const char *path, int64_t *bytes, int64_t *mtime_ms)
{
  GStatBuf info;
  bool is_there = g_stat (path, &info) == 0;

  *bytes = is_there ? info.st_size : 0;
  *mtime_ms = is_there ? (int64_t) info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000 : 0;
}

bool
em_index_store (EmDb *db, int64_t clip, const char *path, EmFrameIndex *index, GError **error)
{
  const EmFrame *from = em_frame_index_frames (index);
  g_autoptr (GBytes) bytes = em_frame_index_to_bytes (index);
  g_autofree EmDbFrame *frames = NULL;
  EmDbMedia media = { .n_frames = em_frame_index_n_frames (index),
                      .fingerprint = em_frame_index_fingerprint (index),
                      .width = em_frame_index_width (index),
                      .height = em_frame_index_height (index),
                      .duration_ns = em_frame_index_duration (index),
                      .start_ns = em_frame_index_start (index),
                      .has_sound = em_frame_index_n_audio (index) > 0,
                      .index = bytes };

  measure (path, &media.bytes, &media.mtime_ms);
  media.audio_track = media.has_sound ? 0 : -1;
  media.av_offset_ns = media.has_sound ? em_frame_index_audio_offset (index) : 0;
  frames = g_new0 (EmDbFrame, media.n_frames);
  for (int i = 0; i < media.n_frames; i++)
    frames[i] = (EmDbFrame){ from[i].pts_ns, from[i].duration_ns, from[i].is_key };
  media.frames = frames;
  return em_db_set_media (db, clip, &media, error);
}

EmFrameIndex *
em_index_load (EmDb *db, const EmDbClip *clip, const char *path, GCancellable *cancellable,
               GError **error)
{
  g_autofree char *fingerprint = NULL;
  g_autoptr (GBytes) bytes = NULL;

  if (clip->n_frames == 0)
    return em_frame_index_open (path, cancellable, error);
  fingerprint = em_fingerprint (path, error);
  if (!fingerprint)
    return NULL;
  if (!g_str_equal (fingerprint, clip->fingerprint)) {
    g_set_error (error, EM_ERROR, EM_E_CHECK,
                 "%s: %s is not the file that was annotated, its content differs", clip->name,
                 path);
    return NULL;
  }
  bytes = em_db_media_index (db, clip->id, error);
  if (bytes) { /* one of another version is made again */
    EmFrameIndex *index = em_frame_index_from_bytes (bytes, NULL);

    if (index)
      return index;
  }
  return em_frame_index_open (path, cancellable, error);
}

char *
em_index_find (const EmDbClip *clip, const char *folder, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) found = em_find_clips (folder, cancellable, NULL);

  for (guint i = 0; found && i < found->len; i++) {
    g_autofree char *fingerprint = NULL;
    int64_t bytes, mtime_ms;

    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return NULL;
    measure (found->pdata[i], &bytes, &mtime_ms);
    if (bytes != clip->bytes && !g_file_test (found->pdata[i], G_FILE_TEST_IS_DIR))
      continue;
    fingerprint = em_fingerprint (found->pdata[i], NULL);
    if (g_strcmp0 (fingerprint, clip->fingerprint) == 0)
      return g_strdup (found->pdata[i]);
  }
  return NULL;
}
