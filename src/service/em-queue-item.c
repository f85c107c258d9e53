/* em-queue-item.c - the row as words and a picture. */
#include "service/em-queue-item.h"
#include <glib/gi18n.h>

struct _EmQueueItem {
  GObject parent_instance;
  EmDbClip *row;
  char *detail;
  GBytes *thumbnail;
};

G_DEFINE_FINAL_TYPE (EmQueueItem, em_queue_item, G_TYPE_OBJECT)

enum {
  PROP_0,
  PROP_NAME,
  PROP_DETAIL,
  PROP_STATE,
  PROP_PROGRESS,
  PROP_THUMBNAIL,
  PROP_N_OBJECTS,
  PROP_WORDS,
  N_PROPS
};
static GParamSpec *props[N_PROPS];

static char *
describe (const EmDbClip *row)
{
  GString *text;
  int64_t s = row->duration_ns / G_GINT64_CONSTANT (1000000000);

  if (row->state == EM_CLIP_PROBLEM)
    return g_strdup (row->problem);
  if (row->n_frames == 0)
    return g_strdup (_ ("Not looked at yet"));
  text = g_string_new (NULL);
  g_string_append_printf (text, "%d:%02d", (int) (s / 60), (int) (s % 60));
  if (!row->has_sound)
    g_string_append_printf (text, " · %s", _ ("no sound"));
  if (row->n_objects > 0) {
    g_string_append (text, " · ");
    g_string_append_printf (text, ngettext ("%d object", "%d objects", row->n_objects),
                            row->n_objects);
  }
  return g_string_free (text, FALSE);
}

void
em_queue_item_take_row (EmQueueItem *self, EmDbClip *row)
{
  g_clear_pointer (&self->row, em_db_clip_free);
  g_free (self->detail);
  self->row = row;
  self->detail = describe (row);
  for (int i = 1; i < N_PROPS; i++)
    if (i != PROP_THUMBNAIL)
      g_object_notify_by_pspec (G_OBJECT (self), props[i]);
}

const EmDbClip *
em_queue_item_row (EmQueueItem *self)
{
  return self->row;
}

const char *
em_queue_item_get_name (EmQueueItem *self)
{
  return self->row->name;
}

const char *
em_queue_item_get_detail (EmQueueItem *self)
{
  return self->detail;
}

/* Per object, frames that have a mask or an absence. */
double
em_queue_item_get_progress (EmQueueItem *self)
{
  int64_t room = (int64_t) self->row->n_frames * self->row->n_objects, n = 0;

  for (int i = 0; i < EM_N_STATES; i++)
    if (i != EM_STATE_EMPTY)
      n += self->row->counts.by_state[i];
  return room > 0 ? MIN (1, (double) n / room) : 0;
}

GBytes *
em_queue_item_get_thumbnail (EmQueueItem *self)
{
  return self->thumbnail;
}

void
em_queue_item_take_thumbnail (EmQueueItem *self, GBytes *rgb)
{
  g_clear_pointer (&self->thumbnail, g_bytes_unref);
  self->thumbnail = rgb;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_THUMBNAIL]);
}

static void
em_queue_item_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  EmQueueItem *self = EM_QUEUE_ITEM (object);

  switch (id) {
  case PROP_NAME:
    g_value_set_string (value, self->row->name);
    break;
  case PROP_WORDS:
    g_value_take_string (value, g_strjoin ("\n", self->row->name, self->row->sentences, NULL));
    break;
  case PROP_DETAIL:
    g_value_set_string (value, self->detail);
    break;
  case PROP_STATE:
    g_value_set_int (value, self->row->state);
    break;
  case PROP_PROGRESS:
    g_value_set_double (value, em_queue_item_get_progress (self));
    break;
  case PROP_THUMBNAIL:
    g_value_set_boxed (value, self->thumbnail);
    break;
  case PROP_N_OBJECTS:
    g_value_set_int (value, self->row->n_objects);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
em_queue_item_finalize (GObject *object)
{
  EmQueueItem *self = EM_QUEUE_ITEM (object);

  g_clear_pointer (&self->row, em_db_clip_free);
  g_clear_pointer (&self->thumbnail, g_bytes_unref);
  g_free (self->detail);
  G_OBJECT_CLASS (em_queue_item_parent_class)->finalize (object);
}

static void
em_queue_item_class_init (EmQueueItemClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags read = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = em_queue_item_get_property;
  object_class->finalize = em_queue_item_finalize;
  props[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, "", read);
  props[PROP_DETAIL] = g_param_spec_string ("detail", NULL, NULL, "", read);
  props[PROP_STATE] = g_param_spec_int ("state", NULL, NULL, 0, EM_N_CLIP_STATES, 0, read);
  props[PROP_PROGRESS] = g_param_spec_double ("progress", NULL, NULL, 0, 1, 0, read);
  props[PROP_THUMBNAIL] = g_param_spec_boxed ("thumbnail", NULL, NULL, G_TYPE_BYTES, read);
  props[PROP_N_OBJECTS] = g_param_spec_int ("n-objects", NULL, NULL, 0, G_MAXINT, 0, read);
  props[PROP_WORDS] = g_param_spec_string ("words", NULL, NULL, "", read);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
em_queue_item_init (EmQueueItem *self)
{
}

EmQueueItem *
em_queue_item_new (EmDbClip *row)
{
  EmQueueItem *self = g_object_new (EM_TYPE_QUEUE_ITEM, NULL);

  em_queue_item_take_row (self, row);
  return self;
}
