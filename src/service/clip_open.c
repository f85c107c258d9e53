/* clip_open.c - from a path to a clip that can be worked on.
 *
 * Three things run side by side: the index (seconds at most), the lanes from the project, and after
 * the index the sound. The clip is ready with the first two; sound joins when it is decoded. Masks
 * follow in portions, those near the playhead first. */
#include "service/em-clip-private.h"
#include "media/gerror.h"

#define MASKS_AT_ONCE 256

static void
set_status (EmClip *self, EmClipStatus status, const char *error)
{
  self->status = status;
  g_free (self->error);
  self->error = g_strdup (error);
  em_clip_notify (self, "status");
}

/* Masks -------------------------------------------------------------------------------------------
 */

typedef struct {
  EmClip *clip;
  GArray *keys; /* EmMaskKey */
} MaskRead;

static void
masks_read_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  MaskRead *read = data;
  EmClip *self = read->clip;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) masks = em_store_call_finish (EM_STORE (source), result, &error);

  self->reading_masks = false;
  if (masks && !self->is_closed) {
    for (guint i = 0; i < masks->len; i++) {
      const EmMaskKey *key = &g_array_index (read->keys, EmMaskKey, i);
      EmObject *object = em_clip_get_object (self, key->object);

      if (object)
        em_object_take_mask (object, key->frame, masks->pdata[i]);
    }
    for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->objects)); i++) {
      g_autoptr (EmObject) object = g_list_model_get_item (G_LIST_MODEL (self->objects), i);

      em_object_settle (object);
    }
    em_clip_scene_changed (self);
    em_clip_ask_missing_masks (self);
  } else if (error && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    em_clip_fail (self, "Masks could not be read: %s", error->message);
  }
  g_array_unref (read->keys);
  g_object_unref (self);
  g_free (read);
}

static void
free_masks (gpointer data)
{
  g_ptr_array_unref (data);
}

static void
wish_free (gpointer data)
{
  em_mask_wish_free (data);
}

/* Walks outwards from the playhead, so that what is on screen comes first. */
static void
collect_missing (EmClip *self, GArray *keys)
{
  int n = em_clip_get_n_frames (self);
  guint n_objects = g_list_model_get_n_items (G_LIST_MODEL (self->objects));

  for (int distance = 0; distance < n; distance++)
    for (int side = 0; side < (distance ? 2 : 1); side++) {
      int frame = self->frame + (side ? -distance : distance);

      if (frame < 0 || frame >= n)
        continue;
      for (guint i = 0; i < n_objects; i++) {
        g_autoptr (EmObject) object = g_list_model_get_item (G_LIST_MODEL (self->objects), i);
        const EmCell *cell = em_object_cell (object, frame);
        EmMaskKey key = { em_object_get_id (object), frame, cell->made };

        if (cell->exists && cell->made > 0 && cell->mask == NULL)
          g_array_append_val (keys, key);
        if (keys->len >= MASKS_AT_ONCE)
          return;
      }
    }
}

void
em_clip_ask_missing_masks (EmClip *self)
{
  EmMaskWish *wish;
  MaskRead *read;

  if (self->reading_masks || self->is_closed || self->index == NULL)
    return;
  wish = em_mask_wish_new (self->id);
  collect_missing (self, wish->keys);
  if (wish->keys->len == 0) {
    em_mask_wish_free (wish);
    return;
  }
  read = g_new0 (MaskRead, 1);
  read->clip = g_object_ref (self);
  read->keys = g_array_ref (wish->keys);
  self->reading_masks = true;
  em_store_read_async (self->store, em_masks_read, wish, wish_free, free_masks, self->cancellable,
                       masks_read_cb, read);
}

/* Ready -------------------------------------------------------------------------------------------
 */

static void
maybe_ready (EmClip *self)
{
  if (self->status != EM_CLIP_LOADING || self->index == NULL || self->first == NULL)
    return;
  set_status (self, EM_CLIP_READY, NULL);
  em_clip_apply (self, self->first);
  g_clear_pointer (&self->first, em_delta_free);
  if (self->first_object > 0)
    em_clip_select (self, em_clip_get_object (self, self->first_object));
  if (self->selected == NULL && g_list_model_get_n_items (G_LIST_MODEL (self->objects)) > 0) {
    g_autoptr (EmObject) object = g_list_model_get_item (G_LIST_MODEL (self->objects), 0);

    em_clip_select (self, object);
  }
  em_clip_read_suggestions (self);
  em_clip_look_for_cut_off (self);
}

static void
lanes_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmClip) self = data;
  g_autoptr (GError) error = NULL;
  EmDelta *delta = em_store_call_finish (EM_STORE (source), result, &error);

  if (self->is_closed || (delta && self->status == EM_CLIP_READY)) {
    if (delta && !self->is_closed)
      em_clip_apply (self, delta);
    g_clear_pointer (&delta, em_delta_free);
  } else if (delta == NULL) {
    set_status (self, EM_CLIP_FAILED, error->message);
  } else {
    self->first = delta;
    maybe_ready (self);
  }
}

static void
delta_free (gpointer data)
{
  em_delta_free (data);
}

/* Sound -------------------------------------------------------------------------------------------
 */

static void
audio_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  EmClip *self = source;
  GError *error = NULL;
  EmAudio *audio = em_audio_load (data, self->media_path, 0, cancellable, &error);

  if (audio)
    g_task_return_pointer (task, audio, g_object_unref);
  else
    g_task_return_error (task, error);
}

static void
audio_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  EmClip *self = EM_CLIP (source);
  g_autoptr (GError) error = NULL;
  EmAudio *audio = g_task_propagate_pointer (G_TASK (result), &error);

  if (self->is_closed) {
    g_clear_object (&audio);
    return;
  }
  self->audio = audio;
  self->audio_done = true;
  if (audio == NULL)
    em_clip_fail (self, "The sound cannot be read: %s", error->message);
  em_player_set_audio (self->player, audio);
  em_engine_set_clip_audio (self->engine, self->engine_clip, audio);
  g_signal_emit_by_name (self, "waveform");
  em_clip_scene_changed (self);
}

/* Index -------------------------------------------------------------------------------------------
 */

static void
index_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  EmClip *self = source;
  GError *error = NULL;
  EmFrameIndex *index = em_frame_index_open (self->media_path, cancellable, &error);

  if (index)
    g_task_return_pointer (task, index, g_object_unref);
  else
    g_task_return_error (task, error);
}

static void
make_grid (EmClip *self)
{
  int n = em_frame_index_n_frames (self->index);
  int64_t duration = em_frame_index_duration (self->index);
  int room = (int) (duration / G_GINT64_CONSTANT (1000000000)) + 2;
  g_autofree int64_t *pts = g_new (int64_t, n);

  em_frame_index_copy_pts (self->index, pts);
  self->grid = g_new (int, room);
  self->n_grid = em_grid_frames (pts, n, duration, self->grid_phase, self->grid, room);
}

static void
index_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  EmClip *self = EM_CLIP (source);
  g_autoptr (GError) error = NULL;
  g_autoptr (GTask) task = NULL;
  EmFrameIndex *index = g_task_propagate_pointer (G_TASK (result), &error);

  if (self->is_closed) {
    g_clear_object (&index);
    return;
  }
  if (index == NULL) {
    set_status (self, EM_CLIP_FAILED, error->message);
    return;
  }
  if (*self->fingerprint && !g_str_equal (self->fingerprint, em_frame_index_fingerprint (index))) {
    set_status (self, EM_CLIP_FAILED,
                "This file is not the one that was annotated: its content differs. Put the "
                "original back, or add this one as a clip of its own.");
    g_object_unref (index);
    return;
  }
  self->index = index;
  make_grid (self);
  self->first_frame = MIN (self->first_frame, em_frame_index_n_frames (index) - 1);
  em_player_open (self->player, index, self->media_path, self->first_frame);
  self->engine_clip
      = em_engine_open_clip (self->engine, index, self->media_path, NULL, self->grid_phase);
  maybe_ready (self);

  task = g_task_new (self, self->cancellable, audio_cb, NULL);
  g_task_set_task_data (task, g_object_ref (index), g_object_unref);
  g_task_run_in_thread (task, audio_thread);
}

void
em_clip_read_lanes (EmClip *self)
{
  em_store_call_async (self->store, em_clip_read_all, g_memdup2 (&self->id, sizeof self->id),
                       g_free, delta_free, lanes_cb, g_object_ref (self));
}

void
em_clip_load (EmClip *self)
{
  g_autoptr (GTask) task = g_task_new (self, self->cancellable, index_cb, NULL);

  g_task_run_in_thread (task, index_thread);
  em_clip_read_lanes (self);
}
