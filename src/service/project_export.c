/* project_export.c - read in the store's reading thread, write in a worker, report to the main
 * thread. */
#include "service/project_export.h"
#include "service/em-project-private.h"
#include "service/export_media.h"
#include <glib/gi18n.h>

typedef struct {
  EmExportPlan plan;
  char *folder;
  EmJob *job;
  GListStore *jobs;
  GPtrArray *tracks; /* EmTracks */
  GPtrArray *paths;  /* char *, NULL where media are gone */
  EmExportReport report;
  GMainContext *context; /* of the caller */
} Export;

static void
export_free (gpointer data)
{
  Export *x = data;

  g_clear_object (&x->job);
  g_clear_object (&x->jobs);
  g_clear_pointer (&x->tracks, g_ptr_array_unref);
  g_clear_pointer (&x->paths, g_ptr_array_unref);
  g_clear_pointer (&x->context, g_main_context_unref);
  g_free (x->folder);
  g_free (x);
}

static void
free_tracks (gpointer data)
{
  em_tracks_free (data);
}

/* Clips that cannot be opened have no frames to speak of and stay out. */
static gpointer
read_tracks (EmDb *db, gpointer data, GError **error)
{
  Export *x = data;
  g_autoptr (GPtrArray) clips = em_db_clips (db, error);

  if (clips == NULL)
    return NULL;
  g_ptr_array_set_size (x->tracks, 0);
  g_ptr_array_set_size (x->paths, 0);
  for (guint i = 0; i < clips->len; i++) {
    const EmDbClip *clip = clips->pdata[i];
    EmTracks *tracks;

    if ((x->plan.clip && clip->id != x->plan.clip) || clip->n_frames == 0)
      continue;
    if (!(tracks = em_db_tracks (db, clip->id, x->plan.states, error)))
      return NULL;
    g_ptr_array_add (x->tracks, tracks);
    g_ptr_array_add (x->paths, em_db_clip_media_path (db, clip));
  }
  return data;
}

/* Writing -----------------------------------------------------------------------------------------
 */

typedef struct {
  EmJob *job;
  int done, total;
} Report;

static gboolean
report_cb (gpointer data)
{
  Report *r = data;

  em_job_report (r->job, r->done, r->total, 0, 0, _ ("clips"));
  g_object_unref (r->job);
  g_free (r);
  return G_SOURCE_REMOVE;
}

typedef struct {
  EmExportSource *source;
  EmExportMedia media;
  Export *x;
} Writing;

static bool
save_picture (void *self, int clip, int frame, const char *path, EmError *err)
{
  Writing *w = self;

  return w->media.save_picture (w->source, clip, frame, path, err);
}

static bool
save_sound (void *self, int clip, int64_t start_ns, int64_t end_ns, const char *path, EmError *err)
{
  Writing *w = self;

  return w->media.save_sound (w->source, clip, start_ns, end_ns, path, err);
}

static bool
progress (void *self, int done, int total)
{
  Writing *w = self;
  Report *r = g_new0 (Report, 1);

  r->job = g_object_ref (w->x->job);
  r->done = done;
  r->total = total;
  g_main_context_invoke (w->x->context, report_cb, r);
  return !g_cancellable_is_cancelled (em_job_get_cancellable (w->x->job));
}

static void
write_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Export *x = data;
  g_autoptr (EmExportSource) media = em_export_source_new (
      (const char *const *) x->paths->pdata, (int) x->paths->len, em_job_get_cancellable (x->job));
  Writing w = { .source = media, .x = x };
  EmExportMedia callbacks = {
    .self = &w, .save_picture = save_picture, .save_sound = save_sound, .progress = progress
  };
  EmError err = EM_ERROR_INIT;

  em_export_source_fill (media, &w.media);
  if (em_export (x->plan.format, (EmTracks *const *) x->tracks->pdata, (int) x->tracks->len,
                 &x->plan.options, &callbacks, x->folder, &x->report, &err))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_new_error (task, EM_ERROR, (int) err.code, "%s", err.text);
}

static void
drop_job (Export *x)
{
  guint at;

  if (g_list_store_find (x->jobs, x->job, &at))
    g_list_store_remove (x->jobs, at);
}

static void
written_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  drop_job (g_task_get_task_data (task));
  if (g_task_propagate_boolean (G_TASK (result), &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
read_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Export *x = g_task_get_task_data (task);
  g_autoptr (GTask) work = NULL;
  GError *error = NULL;

  if (em_store_call_finish (EM_STORE (source), result, &error) == NULL) {
    drop_job (x);
    g_task_return_error (task, error);
    return;
  }
  work = g_task_new (NULL, NULL, written_cb, g_object_ref (task));
  g_task_set_task_data (work, x, NULL); /* `task` outlives it */
  g_task_run_in_thread (work, write_thread);
}

void
em_project_export_async (EmProject *project, const EmExportPlan *plan, GAsyncReadyCallback callback,
                         gpointer data)
{
  GTask *task = g_task_new (project, NULL, callback, data);
  g_autofree char *title = g_strdup_printf (_ ("Exporting %s"), plan->format->title);
  Export *x = g_new0 (Export, 1);

  x->plan = *plan;
  x->folder = g_strdup (plan->folder);
  x->jobs = g_object_ref (project->jobs);
  x->job = em_job_new (title);
  x->tracks = g_ptr_array_new_with_free_func (free_tracks);
  x->paths = g_ptr_array_new_with_free_func (g_free);
  x->context = g_main_context_ref_thread_default ();
  g_task_set_task_data (task, x, export_free);
  g_list_store_append (x->jobs, x->job);
  em_store_read_async (project->store, read_tracks, x, NULL, NULL, NULL, read_cb, task);
}

bool
em_project_export_finish (GAsyncResult *result, EmExportReport *report, GError **error)
{
  const Export *x = g_task_get_task_data (G_TASK (result));

  if (report)
    *report = x->report;
  return g_task_propagate_boolean (G_TASK (result), error);
}
