/* clip_track.c - filling frames from the masks a person decided.
 *
 * Tracking is one step, however long: it is opened in the project first, every finished frame is
 * appended to it, frames that come while an append runs share the next one, and it is closed at the
 * end. The store leaves out what is protected at that moment and refuses when the step was undone,
 * which ends the job. What is on screen is what came back from the store. */
#include "service/em-clip-private.h"
#include "service/track_stretch.h"
#include <glib/gi18n.h>

bool
em_clip_is_tracking (EmClip *self)
{
  return self->track_job != NULL;
}

const char *
em_clip_track_problem (EmClip *self)
{
  if (self->status != EM_CLIP_READY)
    return _ ("The clip is still loading");
  if (self->track_job)
    return _ ("Tracking already runs");
  if (!em_engine_is_loaded (self->engine))
    return _ ("No model is loaded");
  if (self->selected == NULL)
    return _ ("Select an object first");
  if (em_object_is_locked (self->selected))
    return _ ("The object is locked");
  if (!em_lane_has_seed (self->selected))
    return _ ("The object has no mask to start from");
  return NULL;
}

/* The end -----------------------------------------------------------------------------------------
 */

static void
finish (EmClip *self)
{
  EmVerb *verb;
  g_autofree char *text = NULL;
  bool cancelled = self->track_error && self->track_error->code == EM_E_CANCELLED;
  guint at;

  if (self->track_step > 0 && !self->track_undone) {
    verb = em_verb_new (EM_VERB_TRACK_END, self->id, 0, self->frame);
    verb->step = self->track_step;
    em_clip_run (self, verb, NULL);
  }
  if (self->track_error && !cancelled)
    em_clip_fail (self, _ ("Tracking stopped: %s"), self->track_error->message);
  else if (self->track_undone)
    text = NULL;
  else if (cancelled)
    text = g_strdup_printf (ngettext ("Tracking stopped. %d frame kept",
                                      "Tracking stopped. %d frames kept", self->track_written),
                            self->track_written);
  else
    text = g_strdup_printf (ngettext ("Tracking finished, %d frame", "Tracking finished, %d frames",
                                      self->track_written),
                            self->track_written);
  if (text)
    em_clip_notice (self, text, self->track_written > 0 ? "undo" : NULL);
  if (g_list_store_find (self->jobs, self->track_job, &at))
    g_list_store_remove (self->jobs, at);
  g_clear_object (&self->track_job);
  g_clear_error (&self->track_error);
  self->track_step = 0;
  em_clip_notify (self, "tracking");
  em_clip_scene_changed (self);
}

static void
maybe_finish (EmClip *self)
{
  if (self->track_ended && !self->track_appending && self->track_waiting->len == 0)
    finish (self);
}

/* Frames ------------------------------------------------------------------------------------------
 */

static void append (EmClip *self);

static void
appended_cb (EmClip *self, const EmVerb *verb, const EmDelta *delta, GError *error)
{
  self->track_appending = false;
  if (delta) {
    self->track_written += delta->written;
  } else {
    self->track_undone = error->code == EM_E_CANCELLED; /* the step is gone */
    if (!self->track_undone && self->track_error == NULL)
      self->track_error = g_error_copy (error);
    g_array_set_size (self->track_waiting, 0);
    em_job_cancel (self->track_job);
  }
  append (self);
}

static void
append (EmClip *self)
{
  EmVerb *verb;

  if (self->track_appending || self->track_waiting->len == 0) {
    maybe_finish (self);
    return;
  }
  verb = em_verb_new (EM_VERB_TRACK_APPEND, self->id, 0, self->frame);
  verb->step = self->track_step;
  verb->weights = g_strdup (em_engine_model_digest (self->engine));
  for (guint i = 0; i < self->track_waiting->len; i++) {
    const EmTrackedMask *t = &g_array_index (self->track_waiting, EmTrackedMask, i);

    em_verb_add_tracked (verb, t->object, t->frame, &t->mask, t->iou, t->score);
  }
  g_array_set_size (self->track_waiting, 0);
  self->track_appending = true;
  em_clip_run (self, verb, appended_cb);
}

static void
frame_cb (EmTrackedFrame *frame, const EmTrackProgress *progress, gpointer data)
{
  EmClip *self = data;
  int first, last;

  if (self->track_job == NULL
      || g_cancellable_is_cancelled (em_job_get_cancellable (self->track_job)))
    return;
  em_job_report (self->track_job, progress->done, progress->total, progress->fps, progress->eta,
                 _ ("frames"));
  em_clip_get_range (self, &first, &last);
  for (int i = 0; i < frame->n && frame->frame >= first && frame->frame <= last; i++) {
    const EmDecoded *d = frame->masks[i];
    EmTrackedMask t = { d->object, frame->frame, em_rle_copy (&d->mask), d->iou, d->score };

    g_array_append_val (self->track_waiting, t);
  }
  append (self);
}

static void
tracked_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmClip) self = data;
  g_autoptr (GError) error = NULL;

  if (!em_engine_track_finish (EM_ENGINE (source), result, NULL, &error)
      && self->track_error == NULL)
    self->track_error = g_steal_pointer (&error);
  self->track_ended = true;
  maybe_finish (self);
}

/* The beginning -----------------------------------------------------------------------------------
 */

static void
begun_cb (EmClip *self, const EmVerb *verb, const EmDelta *delta, GError *error)
{
  int direction = verb->index, first, last;
  EmObject *object = em_clip_get_object (self, verb->object);
  EmTrackRequest *request;

  if (error || object == NULL || self->is_closed
      || g_cancellable_is_cancelled (em_job_get_cancellable (self->track_job))) {
    self->track_step = delta ? delta->step : 0;
    self->track_error = error ? g_error_copy (error) : NULL;
    finish (self);
    return;
  }
  self->track_step = delta->step;
  em_clip_get_range (self, &first, &last);
  request = em_lane_track_request (object, first, last, direction,
                                   em_engine_model_digest (self->engine));
  em_engine_track_async (self->engine, self->engine_clip, request, frame_cb,
                         em_job_get_cancellable (self->track_job), tracked_cb, g_object_ref (self));
  em_clip_notify (self, "tracking");
}

void
em_clip_track (EmClip *self, int direction)
{
  const char *problem = em_clip_track_problem (self);
  g_autofree char *title = NULL;
  EmTrackRequest *request;
  EmVerb *verb;
  int first, last;
  guint n_spans;

  if (problem) {
    em_clip_notice (self, problem, NULL);
    return;
  }
  em_clip_get_range (self, &first, &last);
  request = em_lane_track_request (self->selected, first, last, direction,
                                   em_engine_model_digest (self->engine));
  n_spans = request->spans->len;
  em_track_request_free (request);
  if (n_spans == 0) {
    em_clip_notice (self, _ ("Nothing to track: every frame in reach has its mask"), NULL);
    return;
  }
  title = g_strdup_printf (_ ("Tracking %s"), em_object_get_name (self->selected));
  self->track_job = em_job_new (title);
  self->track_written = 0;
  self->track_ended = self->track_undone = self->track_appending = false;
  g_list_store_append (self->jobs, self->track_job);
  verb
      = em_verb_new (EM_VERB_TRACK_BEGIN, self->id, em_object_get_id (self->selected), self->frame);
  verb->index = direction;
  verb->request = g_strdup_printf ("{\"from\": %d, \"to\": %d, \"direction\": %d, "
                                   "\"objects\": [%" G_GINT64_FORMAT "], \"weights\": \"%s\"}",
                                   first, last, direction, verb->object,
                                   em_engine_model_digest (self->engine));
  em_clip_run (self, verb, begun_cb);
  em_clip_notify (self, "tracking");
}

/* What was finished is kept; the frames not yet in the project are few and belong to it too. */
void
em_clip_stop_tracking (EmClip *self)
{
  if (self->track_job)
    em_job_cancel (self->track_job);
}

void
em_clip_cancel (EmClip *self)
{
  em_clip_stop_tracking (self);
  if (self->suggest_job)
    em_job_cancel (self->suggest_job);
}
