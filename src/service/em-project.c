/* em-project.c - opening, the list of clips, and the way to the store. */
#include "service/em-project-private.h"
#include "media/gerror.h"
#include "service/places.h"
#include "store/preset.h"
#include <glib/gi18n.h>
#include <string.h>

G_DEFINE_FINAL_TYPE (EmProject, em_project, G_TYPE_OBJECT)

enum { PROP_0, PROP_SAVED, PROP_WRITABLE, N_PROPS };
static GParamSpec *props[N_PROPS];
enum { FAILED, INDEXED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* Opening -----------------------------------------------------------------------------------------
 */

typedef struct {
  EmEngine *engine;
  char *path;  /* of the project; NULL until it is known */
  char *media; /* to add, or NULL */
  char *preset, *annotator;
  GBytes *demo;
  bool is_new;      /* the file must not be there yet */
  GPtrArray *found; /* clips in `media` */
  EmProject *project;
} Opening;

static void
opening_free (gpointer data)
{
  Opening *o = data;

  g_clear_object (&o->engine);
  g_clear_object (&o->project);
  g_clear_pointer (&o->demo, g_bytes_unref);
  g_clear_pointer (&o->found, g_ptr_array_unref);
  g_free (o->path);
  g_free (o->media);
  g_free (o->preset);
  g_free (o->annotator);
  g_free (o);
}

/* What touches the disk before the store is there: find clips, make the file. */
static void
prepare_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Opening *o = data;
  GError *error = NULL;

  if (o->demo && !(o->path = em_place_demo (o->demo, &o->media, &error)))
    goto failed;
  if (o->path == NULL && em_is_project_path (o->media))
    o->path = g_steal_pointer (&o->media);
  if (o->media && !(o->found = em_find_clips (o->media, cancellable, &error)))
    goto failed;
  if (o->path == NULL)
    o->path = em_project_path_for_media (o->media);
  if (o->is_new || (o->media && !g_file_test (o->path, G_FILE_TEST_EXISTS))) {
    EmDbSetup setup = { .annotator = o->annotator };
    EmDb *db;

    if (!em_preset_fill (o->preset ? o->preset : "video", &setup)) {
      g_set_error (&error, EM_ERROR, EM_E_USAGE, _ ("There is no preset %s"), o->preset);
      goto failed;
    }
    if (!(db = em_db_create (o->path, &setup, &error)))
      goto failed;
    em_db_close (db);
  }
  g_task_return_boolean (task, TRUE);
  return;
failed:
  g_task_return_error (task, error);
}

typedef struct {
  GPtrArray *paths; /* to add first, or NULL */
  EmDbProject project;
  GPtrArray *clips; /* EmDbClip */
} Listing;

static void
listing_free (gpointer data)
{
  Listing *l = data;

  em_db_project_clear (&l->project);
  g_clear_pointer (&l->clips, g_ptr_array_unref);
  g_free (l);
}

static gpointer
list_clips (EmDb *db, gpointer data, GError **error)
{
  GPtrArray *paths = data;
  Listing *listing = g_new0 (Listing, 1);

  if (paths && em_db_is_writable (db)) {
    if (!em_db_begin_batch (db, error))
      goto failed;
    for (guint i = 0; i < paths->len; i++)
      if (em_db_add_clip (db, paths->pdata[i], NULL, error) == 0) {
        em_db_end_batch (db, NULL); /* those before it stay */
        goto failed;
      }
    if (!em_db_end_batch (db, error))
      goto failed;
  }
  if (em_db_project (db, &listing->project, error) && (listing->clips = em_db_clips (db, error)))
    return listing;
failed:
  listing_free (listing);
  return NULL;
}

/* Rows keep their place; new ones are added at the end of their order, by name. */
static void
mirror_clips (EmProject *self, GPtrArray *rows)
{
  g_autoptr (GHashTable) old = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (g_object_unref);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->clips));
  bool is_same = n == rows->len;

  for (guint i = 0; i < n; i++) {
    EmQueueItem *item = g_list_model_get_item (G_LIST_MODEL (self->clips), i);

    g_hash_table_insert (old, (gpointer) &em_queue_item_row (item)->id, item);
    g_object_unref (item);
  }
  g_ptr_array_set_free_func (rows, NULL);
  for (guint i = 0; i < rows->len; i++) {
    EmDbClip *row = rows->pdata[i];
    EmQueueItem *item = g_hash_table_lookup (old, &row->id);

    if (item) {
      g_hash_table_remove (old, &row->id); /* its key lives in the row that goes */
      em_queue_item_take_row (g_object_ref (item), row);
    } else {
      item = em_queue_item_new (row);
      is_same = false;
    }
    g_ptr_array_add (list, item);
  }
  if (!is_same)
    g_list_store_splice (self->clips, 0, n, list->pdata, list->len);
}

static void
listed_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Opening *o = g_task_get_task_data (task);
  GError *error = NULL;
  Listing *listing = em_store_call_finish (EM_STORE (source), result, &error);

  if (listing == NULL) {
    g_task_return_error (task, error);
    return;
  }
  o->project->grid_phase = listing->project.grid_phase_ns / 1e9;
  mirror_clips (o->project, listing->clips);
  listing_free (listing);
  em_project_index_next (o->project);
  g_task_return_pointer (task, g_steal_pointer (&o->project), g_object_unref);
}

static void
saved_cb (EmProject *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SAVED]);
}

static void
not_saved_cb (EmProject *self, const char *why)
{
  g_autofree char *text = g_strdup_printf (_ ("Not saved: %s"), why);

  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SAVED]);
  g_signal_emit (self, signals[FAILED], 0, text);
}

static void
lost_cb (EmProject *self, const char *why)
{
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_WRITABLE]);
  g_signal_emit (self, signals[FAILED], 0, why);
}

static void
free_array (gpointer data)
{
  g_ptr_array_unref (data);
}

static void
store_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Opening *o = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  EmStore *store = em_store_open_finish (result, &error);
  EmProject *self;

  if (store == NULL && error->code == EM_E_LOCKED && g_task_get_source_tag (task) != store_cb) {
    g_task_set_source_tag (task, store_cb); /* once more, for reading */
    em_store_open_async (o->path, EM_DB_READ, g_task_get_cancellable (task), store_cb,
                         g_object_ref (task));
    return;
  }
  if (store == NULL) {
    g_task_return_error (task, g_steal_pointer (&error));
    return;
  }
  o->project = self = g_object_new (EM_TYPE_PROJECT, NULL);
  self->store = store;
  self->engine = g_object_ref (o->engine);
  self->path = g_strdup (o->path);
  self->folder = g_path_get_dirname (o->path);
  self->name = g_path_get_basename (o->path);
  if (em_is_project_path (self->name))
    self->name[strlen (self->name) - strlen (EM_PROJECT_SUFFIX)] = '\0';
  g_signal_connect_object (store, "saved", G_CALLBACK (saved_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (store, "not-saved", G_CALLBACK (not_saved_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (store, "lost", G_CALLBACK (lost_cb), self, G_CONNECT_SWAPPED);
  em_store_call_async (store, list_clips, o->found ? g_ptr_array_ref (o->found) : NULL,
                       o->found ? free_array : NULL, listing_free, listed_cb, g_object_ref (task));
}

static void
prepared_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Opening *o = g_task_get_task_data (task);
  GError *error = NULL;

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    g_task_return_error (task, error);
  else
    em_store_open_async (o->path, EM_DB_WRITE, g_task_get_cancellable (task), store_cb,
                         g_object_ref (task));
}

static void
start (Opening *o, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, data);
  g_autoptr (GTask) work = g_task_new (NULL, cancellable, prepared_cb, task);

  g_task_set_task_data (task, o, opening_free);
  g_task_set_task_data (work, o, NULL); /* `task` outlives it */
  g_task_run_in_thread (work, prepare_thread);
}

void
em_project_open_async (EmEngine *engine, const char *path, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer data)
{
  Opening *o = g_new0 (Opening, 1);

  o->engine = g_object_ref (engine);
  o->media = g_canonicalize_filename (path, NULL);
  start (o, cancellable, callback, data);
}

void
em_project_create_async (EmEngine *engine, const char *path, const char *media, const char *preset,
                         const char *annotator, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer data)
{
  Opening *o = g_new0 (Opening, 1);

  o->engine = g_object_ref (engine);
  o->path = g_strdup (path);
  o->media = g_strdup (media);
  o->preset = g_strdup (preset);
  o->annotator = g_strdup (annotator);
  o->is_new = true;
  start (o, cancellable, callback, data);
}

void
em_project_open_demo_async (EmEngine *engine, GBytes *clip, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer data)
{
  Opening *o = g_new0 (Opening, 1);

  o->engine = g_object_ref (engine);
  o->demo = g_bytes_ref (clip);
  start (o, cancellable, callback, data);
}

EmProject *
em_project_open_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
em_project_close (EmProject *self)
{
  g_autoptr (GError) error = NULL;

  if (self->is_closed)
    return;
  self->is_closed = true;
  g_cancellable_cancel (self->cancellable);
  if (!em_store_close (self->store, &error))
    g_warning ("%s: %s", self->path, error->message);
}

/* Reading -----------------------------------------------------------------------------------------
 */

const char *
em_project_get_path (EmProject *self)
{
  return self->path;
}

const char *
em_project_get_name (EmProject *self)
{
  return self->name;
}

bool
em_project_is_writable (EmProject *self)
{
  return em_store_is_writable (self->store);
}

bool
em_project_is_saved (EmProject *self)
{
  return em_store_is_saved (self->store);
}

EmStore *
em_project_get_store (EmProject *self)
{
  return self->store;
}

GListModel *
em_project_get_clips (EmProject *self)
{
  return G_LIST_MODEL (self->clips);
}

GListStore *
em_project_get_jobs (EmProject *self)
{
  return self->jobs;
}

double
em_project_get_grid_phase (EmProject *self)
{
  return self->grid_phase;
}

/* Clips -------------------------------------------------------------------------------------------
 */

static void
relisted_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmProject) self = data;
  g_autoptr (GError) error = NULL;
  Listing *listing = em_store_call_finish (EM_STORE (source), result, &error);

  if (listing && !self->is_closed) {
    mirror_clips (self, listing->clips);
    em_project_index_next (self);
  } else if (error && !self->is_closed) {
    g_signal_emit (self, signals[FAILED], 0, error->message);
  }
  g_clear_pointer (&listing, listing_free);
}

static void
find_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;
  GPtrArray *found = em_find_clips (data, cancellable, &error);

  if (found)
    g_task_return_pointer (task, found, free_array);
  else
    g_task_return_error (task, error);
}

static void
found_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  EmProject *self = EM_PROJECT (source);
  g_autoptr (GError) error = NULL;
  GPtrArray *found = g_task_propagate_pointer (G_TASK (result), &error);

  if (self->is_closed)
    g_clear_pointer (&found, g_ptr_array_unref);
  else if (found)
    em_store_call_async (self->store, list_clips, found, free_array, listing_free, relisted_cb,
                         g_object_ref (self));
  else
    g_signal_emit (self, signals[FAILED], 0, error->message);
}

void
em_project_add_media (EmProject *self, const char *path)
{
  g_autoptr (GTask) task = g_task_new (self, self->cancellable, found_cb, NULL);

  g_task_set_task_data (task, g_strdup (path), g_free);
  g_task_run_in_thread (task, find_thread);
}

EmClip *
em_project_open_clip (EmProject *self, EmQueueItem *item, GError **error)
{
  const EmDbClip *row = em_queue_item_row (item);
  g_autofree char *path = em_project_media_path (self, row);

  if (path == NULL) {
    g_set_error (error, EM_ERROR, EM_E_INPUT, _ ("%s is not there any more"), row->hint);
    return NULL;
  }
  if (row->state == EM_CLIP_PROBLEM) {
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: %s", row->name, row->problem);
    return NULL;
  }
  return em_clip_new (self->store, self->engine, self->jobs, row, path, self->grid_phase);
}

typedef struct {
  int64_t clip;
  int state; /* -1: only read */
} RowWish;

static gpointer
read_row (EmDb *db, gpointer data, GError **error)
{
  const RowWish *wish = data;

  if (wish->state >= 0
      && !em_db_set_clip_state (db, wish->clip, (EmClipState) wish->state, NULL, error))
    return NULL;
  return em_db_clip (db, wish->clip, error);
}

static void
free_row (gpointer data)
{
  em_db_clip_free (data);
}

static void
row_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmProject) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (EmDbClip) row = em_store_call_finish (EM_STORE (source), result, &error);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->clips));

  if (row == NULL) {
    if (!self->is_closed)
      g_signal_emit (self, signals[FAILED], 0, error->message);
    return;
  }
  for (guint i = 0; i < n && row; i++) {
    g_autoptr (EmQueueItem) item = g_list_model_get_item (G_LIST_MODEL (self->clips), i);

    if (em_queue_item_row (item)->id == row->id)
      em_queue_item_take_row (item, g_steal_pointer (&row));
  }
  em_project_index_next (self); /* a clip may be to be tried again */
}

static void
ask_row (EmProject *self, int64_t clip, int state)
{
  RowWish wish = { clip, state };

  if (!self->is_closed)
    em_store_call_async (self->store, read_row, g_memdup2 (&wish, sizeof wish), g_free, free_row,
                         row_cb, g_object_ref (self));
}

void
em_project_refresh (EmProject *self, int64_t clip)
{
  ask_row (self, clip, -1);
}

void
em_project_set_clip_state (EmProject *self, EmQueueItem *item, EmClipState state)
{
  ask_row (self, em_queue_item_row (item)->id, state);
}

/* Life --------------------------------------------------------------------------------------------
 */

static void
em_project_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  EmProject *self = EM_PROJECT (object);

  switch (id) {
  case PROP_SAVED:
    g_value_set_boolean (value, em_project_is_saved (self));
    break;
  case PROP_WRITABLE:
    g_value_set_boolean (value, em_project_is_writable (self));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
em_project_dispose (GObject *object)
{
  EmProject *self = EM_PROJECT (object);

  if (self->store)
    em_project_close (self);
  g_queue_clear_full (&self->thumbnails, g_object_unref);
  g_clear_object (&self->clips);
  g_clear_object (&self->jobs);
  g_clear_object (&self->engine);
  g_clear_object (&self->store);
  G_OBJECT_CLASS (em_project_parent_class)->dispose (object);
}

static void
em_project_finalize (GObject *object)
{
  EmProject *self = EM_PROJECT (object);

  g_object_unref (self->cancellable);
  g_free (self->path);
  g_free (self->name);
  g_free (self->folder);
  G_OBJECT_CLASS (em_project_parent_class)->finalize (object);
}

static void
em_project_class_init (EmProjectClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags read = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = em_project_get_property;
  object_class->dispose = em_project_dispose;
  object_class->finalize = em_project_finalize;
  props[PROP_SAVED] = g_param_spec_boolean ("saved", NULL, NULL, TRUE, read);
  props[PROP_WRITABLE] = g_param_spec_boolean ("writable", NULL, NULL, TRUE, read);
  g_object_class_install_properties (object_class, N_PROPS, props);
  signals[FAILED] = g_signal_new ("failed", EM_TYPE_PROJECT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[INDEXED] = g_signal_new ("indexed", EM_TYPE_PROJECT, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 1, EM_TYPE_QUEUE_ITEM);
}

static void
em_project_init (EmProject *self)
{
  self->clips = g_list_store_new (EM_TYPE_QUEUE_ITEM);
  self->jobs = g_list_store_new (EM_TYPE_JOB);
  self->cancellable = g_cancellable_new ();
  self->grid_phase = 0.5;
  g_queue_init (&self->thumbnails);
}
