/* clip_view.c - where work was left, in the project: the frame, the object, and a job that was cut
 * off by a crash or a closed window. */
#include "service/em-clip-private.h"
#include <glib/gi18n.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIEW "{\"frame\": %d, \"object\": %" G_GINT64_FORMAT "}"

/* What this program wrote; anything else leaves the beginning. */
void
em_clip_take_view (EmClip *self, const char *json)
{
  int frame = 0;
  gint64 object = 0;

  if (json && sscanf (json, VIEW, &frame, &object) == 2) {
    self->first_frame = MAX (frame, 0);
    self->first_object = object;
  }
}

typedef struct {
  int64_t clip;
  char *view;
} View;

static void
view_free (gpointer data)
{
  View *view = data;

  g_free (view->view);
  g_free (view);
}

static gpointer
write_view (EmDb *db, gpointer data, GError **error)
{
  const View *view = data;

  return em_db_set_clip_view (db, view->clip, view->view, error) ? data : NULL;
}

void
em_clip_keep_view (EmClip *self)
{
  View *view;

  if (self->status != EM_CLIP_READY || !em_store_is_writable (self->store))
    return;
  view = g_new0 (View, 1);
  view->clip = self->id;
  view->view
      = g_strdup_printf (VIEW, self->frame, self->selected ? em_object_get_id (self->selected) : 0);
  em_store_call_async (self->store, write_view, view, view_free, NULL, NULL, NULL);
}

/* Jobs that did not end ---------------------------------------------------------------------------
 */

static gpointer
read_open_steps (EmDb *db, gpointer data, GError **error)
{
  return em_db_open_steps (db, error);
}

static void
free_array (gpointer data)
{
  g_ptr_array_unref (data);
}

static void
steps_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmClip) self = data;
  g_autoptr (GPtrArray) steps = em_store_call_finish (EM_STORE (source), result, NULL);
  EmObject *object;

  for (guint i = 0; steps && !self->is_closed && i < steps->len; i++) {
    EmDbStep *step = steps->pdata[i];
    g_autofree char *text = NULL;

    if (step->clip != self->id || step->kind != EM_STEP_TRACK || step->step == self->track_step
        || !(object = em_clip_get_object (self, step->object)))
      continue;
    g_clear_pointer (&self->cut_off, em_db_step_free);
    self->cut_off = g_ptr_array_steal_index (steps, i);
    text = g_strdup_printf (_ ("Tracking %s was cut off. What was finished is kept"),
                            em_object_get_name (object));
    em_clip_notice (self, text, "resume");
    return;
  }
}

void
em_clip_look_for_cut_off (EmClip *self)
{
  if (em_store_is_writable (self->store))
    em_store_call_async (self->store, read_open_steps, NULL, NULL, free_array, steps_cb,
                         g_object_ref (self));
}

/* The old step is closed; what is missing becomes a step of its own. */
void
em_clip_resume (EmClip *self)
{
  const EmDbStep *step = self->cut_off;
  EmObject *object = step ? em_clip_get_object (self, step->object) : NULL;
  const char *at = step && step->request ? strstr (step->request, "\"direction\": ") : NULL;
  EmVerb *verb;

  if (object == NULL)
    return;
  verb = em_verb_new (EM_VERB_TRACK_END, self->id, 0, self->frame);
  verb->step = step->step;
  em_clip_run (self, verb, NULL);
  em_clip_select (self, object);
  em_clip_track (self, at ? atoi (at + strlen ("\"direction\": ")) : 0);
  g_clear_pointer (&self->cut_off, em_db_step_free);
}
