/* em-clip.c - the clip as an object: life, playhead, what it tells. Loading is in clip_open.c,
 * steps in clip_steps.c, suggestions in clip_proposals.c and clip_suggest.c, sentences in
 * clip_expressions.c, tracking in clip_track.c. */
#include "service/clip_expressions.h"
#include "service/em-clip-private.h"

G_DEFINE_FINAL_TYPE (EmClip, em_clip, G_TYPE_OBJECT)

enum {
  PROP_0,
  PROP_STATUS,
  PROP_FRAME,
  PROP_SELECTED,
  PROP_PLAYING,
  PROP_CAN_UNDO,
  PROP_CAN_REDO,
  PROP_BUSY,
  PROP_TRACKING,
  PROP_ASKED,
  N_PROPS
};
static GParamSpec *props[N_PROPS];

enum { PICTURE, SCENE_CHANGED, LANES_CHANGED, NOTICE, FAILED, WAVEFORM, N_SIGNALS };
static guint signals[N_SIGNALS];

#define EMBED_DELAY_MS 200 /* the playhead rests this long before its frame is prepared */

/* Telling -----------------------------------------------------------------------------------------
 */

void
em_clip_notify (EmClip *self, const char *property)
{
  if (!self->is_closed)
    g_object_notify (G_OBJECT (self), property);
}

void
em_clip_scene_changed (EmClip *self)
{
  if (!self->is_closed)
    g_signal_emit (self, signals[SCENE_CHANGED], 0);
}

void
em_clip_lanes_changed (EmClip *self)
{
  if (!self->is_closed)
    g_signal_emit (self, signals[LANES_CHANGED], 0);
}

void
em_clip_notice (EmClip *self, const char *text, const char *action)
{
  if (!self->is_closed)
    g_signal_emit (self, signals[NOTICE], 0, text, action);
}

void
em_clip_fail (EmClip *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  if (!self->is_closed)
    g_signal_emit (self, signals[FAILED], 0, text);
}

/* Reading -----------------------------------------------------------------------------------------
 */

EmClipStatus
em_clip_get_status (EmClip *self)
{
  return self->status;
}

const char *
em_clip_get_error (EmClip *self)
{
  return self->error ? self->error : "";
}

int64_t
em_clip_get_id (EmClip *self)
{
  return self->id;
}

const char *
em_clip_get_name (EmClip *self)
{
  return self->name;
}

EmFrameIndex *
em_clip_get_index (EmClip *self)
{
  return self->index;
}

EmAudio *
em_clip_get_audio (EmClip *self)
{
  return self->audio;
}

int
em_clip_get_width (EmClip *self)
{
  return self->index ? em_frame_index_width (self->index) : 0;
}

int
em_clip_get_height (EmClip *self)
{
  return self->index ? em_frame_index_height (self->index) : 0;
}

int
em_clip_get_n_frames (EmClip *self)
{
  return self->index ? em_frame_index_n_frames (self->index) : 0;
}

int64_t
em_clip_get_duration (EmClip *self)
{
  return self->index ? em_frame_index_duration (self->index) : 0;
}

GBytes *
em_clip_get_picture (EmClip *self)
{
  return self->picture;
}

const int *
em_clip_get_grid (EmClip *self, int *n)
{
  *n = self->n_grid;
  return self->grid;
}

int
em_clip_second_of (EmClip *self, int frame)
{
  int second;

  if (self->n_grid < 1)
    return -1;
  second = (int) (em_frame_index_pts (self->index, frame) / G_GINT64_CONSTANT (1000000000));
  return MIN (second, self->n_grid - 1);
}

/* Playhead ----------------------------------------------------------------------------------------
 */

int
em_clip_get_frame (EmClip *self)
{
  return self->frame;
}

int64_t
em_clip_get_position (EmClip *self)
{
  if (self->index == NULL)
    return 0;
  if (em_player_is_playing (self->player))
    return em_player_get_position (self->player);
  return em_frame_index_pts (self->index, self->frame);
}

static gboolean
embed_cb (gpointer data)
{
  EmClip *self = data;

  self->embed_source = 0;
  if (self->engine_clip && em_engine_is_loaded (self->engine)
      && !em_player_is_playing (self->player))
    em_engine_embed (self->engine, self->engine_clip, self->frame);
  return G_SOURCE_REMOVE;
}

/* Called with what the player shows. */
void
em_clip_show_frame (EmClip *self, int frame, GBytes *rgba)
{
  gboolean moved = frame != self->frame;

  g_clear_pointer (&self->picture, g_bytes_unref);
  self->picture = g_bytes_ref (rgba);
  self->frame = frame;
  g_clear_handle_id (&self->embed_source, g_source_remove);
  if (!em_player_is_playing (self->player))
    self->embed_source = g_timeout_add (EMBED_DELAY_MS, embed_cb, self);
  if (moved)
    em_clip_notify (self, "frame");
  g_signal_emit (self, signals[PICTURE], 0);
}

void
em_clip_seek (EmClip *self, int frame)
{
  if (self->index)
    em_player_seek (self->player, CLAMP (frame, 0, em_clip_get_n_frames (self) - 1));
}

bool
em_clip_is_playing (EmClip *self)
{
  return self->player && em_player_is_playing (self->player);
}

void
em_clip_play (EmClip *self)
{
  if (self->index)
    em_player_play (self->player);
}

void
em_clip_pause (EmClip *self)
{
  if (self->index)
    em_player_pause (self->player);
}

void
em_clip_set_rate (EmClip *self, double rate)
{
  em_player_set_rate (self->player, CLAMP (rate, 0.25, 2));
}

double
em_clip_get_rate (EmClip *self)
{
  return em_player_get_rate (self->player);
}

void
em_clip_set_muted (EmClip *self, bool muted)
{
  em_player_set_muted (self->player, muted);
}

static void
set_loop (EmClip *self)
{
  int first, last;

  if (!self->index)
    return;
  if (!self->is_looping) {
    em_player_set_loop (self->player, -1, -1);
    return;
  }
  if (!em_clip_get_range (self, &first, &last)) { /* the second around the playhead */
    int64_t now = em_frame_index_pts (self->index, self->frame);

    first = em_frame_index_at (self->index, MAX (now - 500000000, 0));
    last = em_frame_index_at (self->index, now + 500000000);
  }
  em_player_set_loop (self->player, first, last);
}

void
em_clip_set_looping (EmClip *self, bool looping)
{
  self->is_looping = looping;
  set_loop (self);
}

bool
em_clip_is_looping (EmClip *self)
{
  return self->is_looping;
}

void
em_clip_set_range (EmClip *self, int first, int last)
{
  int n = em_clip_get_n_frames (self);

  if (first >= 0 && last >= 0 && first > last) {
    int swap = first;

    first = last;
    last = swap;
  }
  self->range_first = MIN (first, n - 1);
  self->range_last = MIN (last, n - 1);
  set_loop (self);
  em_clip_lanes_changed (self);
}

bool
em_clip_get_range (EmClip *self, int *first, int *last)
{
  *first = self->range_first >= 0 ? self->range_first : 0;
  *last = self->range_last >= 0 ? self->range_last : MAX (em_clip_get_n_frames (self) - 1, 0);
  return self->range_first >= 0 || self->range_last >= 0;
}

/* Objects -----------------------------------------------------------------------------------------
 */

GListModel *
em_clip_get_objects (EmClip *self)
{
  return G_LIST_MODEL (self->objects);
}

EmObject *
em_clip_get_object (EmClip *self, int64_t id)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->objects));

  for (guint i = 0; i < n; i++) {
    g_autoptr (EmObject) object = g_list_model_get_item (G_LIST_MODEL (self->objects), i);

    if (em_object_get_id (object) == id)
      return object; /* the list keeps it alive */
  }
  return NULL;
}

EmObject *
em_clip_get_selected (EmClip *self)
{
  return self->selected;
}

void
em_clip_select (EmClip *self, EmObject *object)
{
  if (self->selected == object)
    return;
  g_set_object (&self->selected, object);
  em_clip_notify (self, "selected");
  em_clip_scene_changed (self);
}

/* Life --------------------------------------------------------------------------------------------
 */

static void
playing_cb (EmClip *self)
{
  em_clip_notify (self, "playing");
  if (!em_player_is_playing (self->player))
    em_clip_scene_changed (self);
}

static void
player_error_cb (EmClip *self, GError *error)
{
  em_clip_fail (self, "%s", error->message);
}

static void
engine_loaded_cb (EmClip *self)
{
  if (self->is_closed || self->status != EM_CLIP_READY)
    return;
  if (em_engine_is_loaded (self->engine))
    em_clip_decode_waiting (self);
  em_clip_weights_changed (self);
  em_clip_scene_changed (self);
}

/* Another process wrote to this clip: what it shows is read anew. */
static void
store_changed_cb (EmClip *self, GArray *clips)
{
  for (guint i = 0; i < clips->len; i++)
    if (g_array_index (clips, int64_t, i) == self->id && self->status == EM_CLIP_READY)
      em_clip_read_lanes (self);
}

EmClip *
em_clip_new (EmStore *store, EmEngine *engine, GListStore *jobs, const EmDbClip *row,
             const char *media_path, double grid_phase)
{
  EmClip *self = g_object_new (EM_TYPE_CLIP, NULL);

  self->store = g_object_ref (store);
  self->engine = g_object_ref (engine);
  self->jobs = g_object_ref (jobs);
  self->id = row->id;
  self->name = g_strdup (row->name);
  self->fingerprint = g_strdup (row->fingerprint);
  self->media_path = g_strdup (media_path);
  self->grid_phase = grid_phase;
  em_clip_take_view (self, row->view);
  g_signal_connect_object (store, "changed", G_CALLBACK (store_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (engine, "notify::loaded", G_CALLBACK (engine_loaded_cb), self,
                           G_CONNECT_SWAPPED);
  em_clip_load (self);
  return self;
}

void
em_clip_close (EmClip *self)
{
  if (self->is_closed)
    return;
  em_clip_stop_tracking (self);
  if (self->suggest_job)
    em_job_cancel (self->suggest_job);
  em_clip_keep_view (self);
  self->is_closed = true;
  g_cancellable_cancel (self->cancellable);
  g_clear_handle_id (&self->embed_source, g_source_remove);
  g_signal_handlers_disconnect_by_data (self->player, self);
  em_player_close (self->player);
  em_engine_close_clip (self->engine, self->engine_clip);
  self->engine_clip = 0;
}

static void
em_clip_dispose (GObject *object)
{
  EmClip *self = EM_CLIP (object);

  if (self->store)
    em_clip_close (self);
  g_clear_object (&self->player);
  g_clear_object (&self->index);
  g_clear_object (&self->audio);
  g_clear_object (&self->selected);
  g_clear_object (&self->objects);
  g_clear_object (&self->expressions);
  g_clear_object (&self->jobs);
  g_clear_object (&self->engine);
  g_clear_object (&self->store);
  G_OBJECT_CLASS (em_clip_parent_class)->dispose (object);
}

static void
em_clip_finalize (GObject *object)
{
  EmClip *self = EM_CLIP (object);

  g_object_unref (self->cancellable);
  g_clear_pointer (&self->picture, g_bytes_unref);
  g_clear_pointer (&self->first, em_delta_free);
  g_clear_pointer (&self->cut_off, em_db_step_free);
  g_clear_error (&self->track_error);
  g_array_unref (self->drafts);
  g_ptr_array_unref (self->decoding);
  g_array_unref (self->track_waiting);
  g_hash_table_unref (self->heard);
  g_hash_table_unref (self->read);
  g_free (self->grid);
  g_free (self->error);
  g_free (self->name);
  g_free (self->media_path);
  g_free (self->fingerprint);
  G_OBJECT_CLASS (em_clip_parent_class)->finalize (object);
}

static void
em_clip_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  EmClip *self = EM_CLIP (object);

  switch (id) {
  case PROP_STATUS:
    g_value_set_int (value, self->status);
    break;
  case PROP_FRAME:
    g_value_set_int (value, self->frame);
    break;
  case PROP_SELECTED:
    g_value_set_object (value, self->selected);
    break;
  case PROP_PLAYING:
    g_value_set_boolean (value, em_clip_is_playing (self));
    break;
  case PROP_CAN_UNDO:
    g_value_set_boolean (value, em_clip_can_undo (self));
    break;
  case PROP_CAN_REDO:
    g_value_set_boolean (value, em_clip_can_redo (self));
    break;
  case PROP_BUSY:
    g_value_set_boolean (value, self->decoding->len > 0 || self->n_suggesting > 0);
    break;
  case PROP_TRACKING:
    g_value_set_boolean (value, em_clip_is_tracking (self));
    break;
  case PROP_ASKED:
    g_value_set_object (value, em_clip_get_asked (self));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
em_clip_class_init (EmClipClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags read = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GType type = G_TYPE_FROM_CLASS (klass);

  object_class->get_property = em_clip_get_property;
  object_class->dispose = em_clip_dispose;
  object_class->finalize = em_clip_finalize;
  props[PROP_STATUS] = g_param_spec_int ("status", NULL, NULL, 0, 2, 0, read);
  props[PROP_FRAME] = g_param_spec_int ("frame", NULL, NULL, 0, G_MAXINT, 0, read);
  props[PROP_SELECTED] = g_param_spec_object ("selected", NULL, NULL, EM_TYPE_OBJECT, read);
  props[PROP_PLAYING] = g_param_spec_boolean ("playing", NULL, NULL, FALSE, read);
  props[PROP_CAN_UNDO] = g_param_spec_boolean ("can-undo", NULL, NULL, FALSE, read);
  props[PROP_CAN_REDO] = g_param_spec_boolean ("can-redo", NULL, NULL, FALSE, read);
  props[PROP_BUSY] = g_param_spec_boolean ("busy", NULL, NULL, FALSE, read);
  props[PROP_TRACKING] = g_param_spec_boolean ("tracking", NULL, NULL, FALSE, read);
  props[PROP_ASKED] = g_param_spec_object ("asked", NULL, NULL, EM_TYPE_EXPRESSION, read);
  g_object_class_install_properties (object_class, N_PROPS, props);
#define SIGNAL(name, ...)                                                                          \
  g_signal_new (name, type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, __VA_ARGS__)
  signals[PICTURE] = SIGNAL ("picture", 0);
  signals[SCENE_CHANGED] = SIGNAL ("scene-changed", 0);
  signals[LANES_CHANGED] = SIGNAL ("lanes-changed", 0);
  signals[NOTICE] = SIGNAL ("notice", 2, G_TYPE_STRING, G_TYPE_STRING);
  signals[FAILED] = SIGNAL ("failed", 1, G_TYPE_STRING);
  signals[WAVEFORM] = SIGNAL ("waveform", 0);
#undef SIGNAL
}

static void
clear_tracked (gpointer data)
{
  em_rle_clear (&((EmTrackedMask *) data)->mask);
}

static void
em_clip_init (EmClip *self)
{
  self->cancellable = g_cancellable_new ();
  self->objects = g_list_store_new (EM_TYPE_OBJECT);
  self->decoding = g_ptr_array_new ();
  self->drafts = g_array_new (FALSE, FALSE, sizeof (EmDraft));
  self->track_waiting = g_array_new (FALSE, FALSE, sizeof (EmTrackedMask));
  g_array_set_clear_func (self->track_waiting, clear_tracked);
  self->expressions = g_list_store_new (EM_TYPE_EXPRESSION);
  self->heard = g_hash_table_new_full (NULL, NULL, NULL, em_proposal_free);
  self->read = g_hash_table_new_full (NULL, NULL, NULL, em_proposal_free);
  self->threshold = 0.5;
  self->range_first = self->range_last = -1;
  self->player = em_player_new ();
  g_signal_connect_swapped (self->player, "frame", G_CALLBACK (em_clip_show_frame), self);
  g_signal_connect_swapped (self->player, "notify::playing", G_CALLBACK (playing_cb), self);
  g_signal_connect_swapped (self->player, "error", G_CALLBACK (player_error_cb), self);
}
