/* project_index.c - what happens to clips in the background: their index, their small picture.
 *
 * One clip at a time, so that the disk serves the open clip first. A clip that cannot be read keeps
 * its reason in the project and never stops the others. */
#include "service/em-project-private.h"
#include "base/png.h"
#include "media/em-decoder.h"
#include "service/index_store.h"
#include <glib/gi18n.h>
#include <stdlib.h>
#include <string.h>

char *
em_project_media_path (EmProject *self, const EmDbClip *row)
{
  g_autofree char *path = g_canonicalize_filename (row->path, self->folder);

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&path);
  return g_file_test (row->hint, G_FILE_TEST_EXISTS) ? g_strdup (row->hint) : NULL;
}

static EmQueueItem *
find_item (EmProject *self, int64_t clip)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->clips));

  for (guint i = 0; i < n; i++) {
    g_autoptr (EmQueueItem) item = g_list_model_get_item (G_LIST_MODEL (self->clips), i);

    if (em_queue_item_row (item)->id == clip)
      return item; /* the list keeps it */
  }
  return NULL;
}

/* Index -------------------------------------------------------------------------------------------
 */

typedef struct {
  EmProject *project;
  int64_t clip;
  char *path; /* NULL: the file is gone */
  EmFrameIndex *index;
  char *problem;
} Indexing;

static void
indexing_free (gpointer data)
{
  Indexing *x = data;

  g_clear_object (&x->project);
  g_clear_object (&x->index);
  g_free (x->path);
  g_free (x->problem);
  g_free (x);
}

static gpointer
store_index (EmDb *db, gpointer data, GError **error)
{
  const Indexing *x = data;

  if (x->index == NULL)
    return em_db_set_clip_state (db, x->clip, EM_CLIP_PROBLEM, x->problem, error)
               ? em_db_clip (db, x->clip, error)
               : NULL;
  return em_index_store (db, x->clip, x->path, x->index, error) ? em_db_clip (db, x->clip, error)
                                                                : NULL;
}

static void
free_row (gpointer data)
{
  em_db_clip_free (data);
}

static void
stored_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmProject) self = data;
  g_autoptr (GError) error = NULL;
  EmDbClip *row = em_store_call_finish (EM_STORE (source), result, &error);
  EmQueueItem *item = row ? find_item (self, row->id) : NULL;

  self->is_indexing = false;
  if (item && !self->is_closed) {
    em_queue_item_take_row (item, row);
    g_signal_emit_by_name (self, "indexed", item);
  } else {
    g_clear_pointer (&row, em_db_clip_free);
  }
  if (self->is_closed)
    return;
  if (error)
    g_signal_emit_by_name (self, "failed", error->message);
  else
    em_project_index_next (self);
}

static void
index_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Indexing *x = data;
  g_autoptr (GError) error = NULL;

  if (x->path == NULL) {
    x->problem = g_strdup (_ ("The file is not there"));
  } else {
    x->index = em_frame_index_open (x->path, cancellable, &error);
    if (x->index == NULL)
      x->problem = g_strdup (error->message);
  }
  g_task_return_boolean (task, TRUE);
}

static void
indexed_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmProject) self = g_object_ref (EM_PROJECT (source));
  Indexing *x = data;

  if (self->is_closed) {
    indexing_free (x);
    return;
  }
  em_store_call_async (self->store, store_index, x, indexing_free, free_row, stored_cb,
                       g_object_ref (self));
}

void
em_project_index_next (EmProject *self)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->clips));

  if (self->is_indexing || self->is_closed || !em_project_is_writable (self))
    return;
  for (guint i = 0; i < n; i++) {
    g_autoptr (EmQueueItem) item = g_list_model_get_item (G_LIST_MODEL (self->clips), i);
    const EmDbClip *row = em_queue_item_row (item);
    g_autoptr (GTask) task = NULL;
    Indexing *x;

    if (row->n_frames > 0 || row->state == EM_CLIP_PROBLEM)
      continue;
    x = g_new0 (Indexing, 1);
    x->clip = row->id;
    x->path = em_project_media_path (self, row);
    self->is_indexing = true;
    task = g_task_new (self, self->cancellable, indexed_cb, x);
    g_task_set_task_data (task, x, NULL);
    g_task_run_in_thread (task, index_thread);
    return;
  }
}

void
em_project_retry (EmProject *self, EmQueueItem *item)
{
  em_project_set_clip_state (self, item, EM_CLIP_TO_DO);
}

/* Small pictures ----------------------------------------------------------------------------------
 */

static void
shrink (const guint8 *rgba, int w, int h, guint8 *rgb)
{
  int tw = EM_THUMB_WIDTH, th = EM_THUMB_HEIGHT;
  int pw = MIN (tw, MAX (1, w * th / h)), ph = MIN (th, MAX (1, h * tw / w));
  int left = (tw - pw) / 2, top = (th - ph) / 2;

  memset (rgb, 0x20, (gsize) tw * th * 3);
  for (int y = 0; y < ph; y++)
    for (int x = 0; x < pw; x++) { /* the mean of the box under each small pixel */
      int x0 = x * w / pw, x1 = MAX ((x + 1) * w / pw, x0 + 1);
      int y0 = y * h / ph, y1 = MAX ((y + 1) * h / ph, y0 + 1);
      guint sum[3] = { 0, 0, 0 }, n = (guint) ((x1 - x0) * (y1 - y0));

      for (int v = y0; v < y1; v++)
        for (int u = x0; u < x1; u++)
          for (int c = 0; c < 3; c++)
            sum[c] += rgba[((gsize) v * w + u) * 4 + c];
      for (int c = 0; c < 3; c++)
        rgb[((gsize) (top + y) * tw + left + x) * 3 + c] = (guint8) (sum[c] / n);
    }
}

static char *
cache_path (const char *fingerprint)
{
  g_autofree char *folder
      = g_build_filename (g_get_user_cache_dir (), "earmark", "thumbnails", NULL);
  g_autofree char *name = g_strdup_printf ("%.32s.png", fingerprint);

  g_mkdir_with_parents (folder, 0700);
  return g_build_filename (folder, name, NULL);
}

typedef struct {
  char *path, *fingerprint;
} Draw;

static void
draw_free (gpointer data)
{
  Draw *draw = data;

  g_free (draw->path);
  g_free (draw->fingerprint);
  g_free (draw);
}

static GBytes *
draw_thumbnail (const Draw *draw, GCancellable *cancellable, GError **error)
{
  g_autoptr (EmFrameIndex) index = em_frame_index_open (draw->path, cancellable, error);
  g_autoptr (EmDecoder) decoder
      = index ? em_decoder_open (index, draw->path, cancellable, error) : NULL;
  int frame = index ? em_frame_index_at (index, em_frame_index_duration (index) / 3) : 0;
  g_autoptr (GBytes) picture
      = decoder ? em_decoder_read (decoder, frame, cancellable, error) : NULL;
  guint8 *rgb;

  if (picture == NULL)
    return NULL;
  rgb = g_malloc (EM_THUMB_WIDTH * EM_THUMB_HEIGHT * 3);
  shrink (g_bytes_get_data (picture, NULL), em_frame_index_width (index),
          em_frame_index_height (index), rgb);
  return g_bytes_new_take (rgb, EM_THUMB_WIDTH * EM_THUMB_HEIGHT * 3);
}

static void
thumbnail_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Draw *draw = data;
  g_autofree char *cached = cache_path (draw->fingerprint);
  GError *error = NULL;
  EmPng png = { EM_PNG_RGB };
  EmError why = EM_ERROR_INIT;
  GBytes *bytes;

  if (em_png_read (cached, &png, &why)) {
    bool fits
        = png.kind == EM_PNG_RGB && png.width == EM_THUMB_WIDTH && png.height == EM_THUMB_HEIGHT;

    if (fits) {
      bytes = g_bytes_new_with_free_func (png.pixels, EM_THUMB_WIDTH * EM_THUMB_HEIGHT * 3, free,
                                          png.pixels);
      g_task_return_pointer (task, bytes, (GDestroyNotify) g_bytes_unref);
      return;
    }
    free (png.pixels);
  }
  bytes = draw_thumbnail (draw, cancellable, &error);
  if (bytes == NULL) {
    g_task_return_error (task, error);
    return;
  }
  why = (EmError) EM_ERROR_INIT; /* a cache that cannot be written costs time only */
  em_png_write (cached, EM_PNG_RGB, g_bytes_get_data (bytes, NULL), EM_THUMB_WIDTH, EM_THUMB_HEIGHT,
                &why);
  g_task_return_pointer (task, bytes, (GDestroyNotify) g_bytes_unref);
}

static void draw_next (EmProject *self);

static void
thumbnail_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  EmProject *self = EM_PROJECT (source);
  g_autoptr (EmQueueItem) item = data;
  GBytes *bytes = g_task_propagate_pointer (G_TASK (result), NULL);

  self->is_drawing = false;
  if (bytes)
    em_queue_item_take_thumbnail (item, bytes);
  draw_next (self);
}

static void
draw_next (EmProject *self)
{
  EmQueueItem *item;

  while (!self->is_drawing && !self->is_closed && (item = g_queue_pop_head (&self->thumbnails))) {
    const EmDbClip *row = em_queue_item_row (item);
    g_autofree char *path = row->n_frames > 0 ? em_project_media_path (self, row) : NULL;
    g_autoptr (GTask) task = NULL;
    Draw *draw;

    if (path == NULL || em_queue_item_get_thumbnail (item)) {
      g_object_unref (item);
      continue;
    }
    draw = g_new0 (Draw, 1);
    draw->path = g_steal_pointer (&path);
    draw->fingerprint = g_strdup (row->fingerprint);
    self->is_drawing = true;
    task = g_task_new (self, self->cancellable, thumbnail_cb, item);
    g_task_set_task_data (task, draw, draw_free);
    g_task_run_in_thread (task, thumbnail_thread);
  }
}

void
em_project_want_thumbnail (EmProject *self, EmQueueItem *item)
{
  if (em_queue_item_get_thumbnail (item) || g_queue_find (&self->thumbnails, item))
    return;
  g_queue_push_head (&self->thumbnails, g_object_ref (item));
  draw_next (self);
}
