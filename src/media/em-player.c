/* em-player.c - a clip, played with its sound.
 *
 * The face towards the owner: it keeps what is asked for and what is on screen, writes wishes for
 * the player's thread and reads its mail. Mail of an older wish is thrown away, so a picture that
 * was on its way when somebody paused never shows up late. */
#include "media/em-player.h"
#include "media/player_thread.h"

struct _EmPlayer {
  GObject parent_instance;
  EmPlayerThread *thread;
  EmWish wish;
  int frame;  /* on screen; -1 before the first */
  int target; /* asked for and not there yet; -1: none */
  bool is_playing;
  bool has_audio_answer; /* playing waits for it */
  double volume;
  bool is_muted;
};

enum { PROP_PLAYING = 1, PROP_FRAME, PROP_SEEKING, PROP_RATE, PROP_VOLUME, PROP_MUTED, N_PROPS };
enum { SIGNAL_FRAME, SIGNAL_EOS, SIGNAL_ERROR, N_SIGNALS };
static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (EmPlayer, em_player, G_TYPE_OBJECT)

static void
notify (EmPlayer *self, int prop)
{
  g_object_notify_by_pspec (G_OBJECT (self), props[prop]);
}

static void
set_playing (EmPlayer *self, bool is_playing)
{
  if (self->is_playing == is_playing)
    return;
  self->is_playing = is_playing;
  notify (self, PROP_PLAYING);
}

static void
set_target (EmPlayer *self, int target)
{
  bool was_seeking = self->target >= 0;

  self->target = target;
  if (was_seeking != (target >= 0))
    notify (self, PROP_SEEKING);
}

/* Sends what is wished now: playing from `frame`, or paused and showing it. */
static void
send_wish (EmPlayer *self, int frame)
{
  self->wish.number++;
  self->wish.is_playing = self->is_playing && self->has_audio_answer;
  self->wish.frame = frame;
  em_player_thread_wish (self->thread, &self->wish);
}

static int
last_frame (EmPlayer *self)
{
  return em_frame_index_n_frames (self->wish.index) - 1;
}

static int
where (EmPlayer *self)
{
  return self->target >= 0 ? self->target : MAX (self->frame, 0);
}

static void
show (EmPlayer *self, int frame, GBytes *picture)
{
  bool is_other = self->frame != frame;

  self->frame = frame;
  if (frame == self->target)
    set_target (self, -1);
  g_signal_emit (self, signals[SIGNAL_FRAME], 0, frame, picture);
  if (is_other)
    notify (self, PROP_FRAME);
}

static void
mail_cb (const EmMail *mail, void *data)
{
  g_autoptr (EmPlayer) self = g_object_ref (EM_PLAYER (data)); /* a handler may drop the last one */

  if (mail->clip != self->wish.clip)
    return;
  switch (mail->kind) {
  case EM_MAIL_STILL: /* while scrubbing an older one is better than none */
    if (!self->wish.is_playing)
      show (self, mail->frame, mail->picture);
    break;
  case EM_MAIL_PICTURE:
    if (mail->number == self->wish.number)
      show (self, mail->frame, mail->picture);
    break;
  case EM_MAIL_END:
    if (mail->number != self->wish.number)
      break;
    set_playing (self, false);
    /* The last pictures may have been left out for being late. */
    if (self->frame != last_frame (self))
      set_target (self, last_frame (self));
    send_wish (self, self->target);
    g_signal_emit (self, signals[SIGNAL_EOS], 0);
    break;
  case EM_MAIL_STUCK:
    if (mail->number != self->wish.number)
      break;
    set_playing (self, false);
    send_wish (self, -1);
    g_signal_emit (self, signals[SIGNAL_ERROR], 0, mail->error);
    break;
  case EM_MAIL_BROKEN:
    if (mail->number != self->wish.number && mail->frame >= 0)
      break;
    set_target (self, -1);
    set_playing (self, false);
    g_signal_emit (self, signals[SIGNAL_ERROR], 0, mail->error);
    break;
  }
}

static void
em_player_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  EmPlayer *self = EM_PLAYER (object);

  switch (id) {
  case PROP_PLAYING:
    g_value_set_boolean (value, self->is_playing);
    break;
  case PROP_FRAME:
    g_value_set_int (value, self->frame);
    break;
  case PROP_SEEKING:
    g_value_set_boolean (value, self->target >= 0);
    break;
  case PROP_RATE:
    g_value_set_double (value, self->wish.rate);
    break;
  case PROP_VOLUME:
    g_value_set_double (value, self->volume);
    break;
  case PROP_MUTED:
    g_value_set_boolean (value, self->is_muted);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
em_player_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  EmPlayer *self = EM_PLAYER (object);

  switch (id) {
  case PROP_RATE:
    em_player_set_rate (self, g_value_get_double (value));
    break;
  case PROP_VOLUME:
    em_player_set_volume (self, g_value_get_double (value));
    break;
  case PROP_MUTED:
    em_player_set_muted (self, g_value_get_boolean (value));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
em_player_dispose (GObject *object)
{
  EmPlayer *self = EM_PLAYER (object);

  g_clear_pointer (&self->thread, em_player_thread_free);
  g_clear_object (&self->wish.index);
  g_clear_object (&self->wish.audio);
  g_clear_pointer (&self->wish.path, g_free);
  G_OBJECT_CLASS (em_player_parent_class)->dispose (object);
}

static void
em_player_class_init (EmPlayerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags read = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GParamFlags both = read | G_PARAM_WRITABLE;

  object_class->get_property = em_player_get_property;
  object_class->set_property = em_player_set_property;
  object_class->dispose = em_player_dispose;
  props[PROP_PLAYING] = g_param_spec_boolean ("playing", NULL, NULL, FALSE, read);
  props[PROP_FRAME] = g_param_spec_int ("frame", NULL, NULL, -1, G_MAXINT, -1, read);
  props[PROP_SEEKING] = g_param_spec_boolean ("seeking", NULL, NULL, FALSE, read);
  props[PROP_RATE] = g_param_spec_double ("rate", NULL, NULL, 0.25, 2, 1, both);
  props[PROP_VOLUME] = g_param_spec_double ("volume", NULL, NULL, 0, 1, 1, both);
  props[PROP_MUTED] = g_param_spec_boolean ("muted", NULL, NULL, FALSE, both);
  g_object_class_install_properties (object_class, N_PROPS, props);
  signals[SIGNAL_FRAME] = g_signal_new ("frame", EM_TYPE_PLAYER, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                        NULL, G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_BYTES);
  signals[SIGNAL_EOS] = g_signal_new ("eos", EM_TYPE_PLAYER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                      G_TYPE_NONE, 0);
  signals[SIGNAL_ERROR] = g_signal_new ("error", EM_TYPE_PLAYER, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                        NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
em_player_init (EmPlayer *self)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  self->frame = self->target = -1;
  self->volume = 1;
  self->wish.rate = 1;
  self->wish.loop_first = self->wish.loop_last = -1;
  self->thread = em_player_thread_new (context, mail_cb, self);
}

EmPlayer *
em_player_new (void)
{
  return g_object_new (EM_TYPE_PLAYER, NULL);
}

static void
change_clip (EmPlayer *self, EmFrameIndex *index, const char *path)
{
  set_playing (self, false);
  set_target (self, -1);
  g_set_object (&self->wish.index, index);
  g_clear_object (&self->wish.audio);
  g_free (self->wish.path);
  self->wish.path = g_strdup (path);
  self->wish.clip++;
  self->wish.loop_first = self->wish.loop_last = -1;
  self->has_audio_answer = false;
  self->frame = -1;
  notify (self, PROP_FRAME);
}

void
em_player_open (EmPlayer *self, EmFrameIndex *index, const char *path, int frame)
{
  change_clip (self, index, path);
  self->has_audio_answer = em_frame_index_n_audio (index) == 0;
  set_target (self, CLAMP (frame, 0, last_frame (self)));
  send_wish (self, self->target);
}

void
em_player_close (EmPlayer *self)
{
  change_clip (self, NULL, NULL);
  send_wish (self, -1);
}

void
em_player_set_audio (EmPlayer *self, EmAudio *audio)
{
  g_set_object (&self->wish.audio, audio);
  self->has_audio_answer = true;
  if (self->is_playing)
    send_wish (self, where (self));
}

void
em_player_play (EmPlayer *self)
{
  int from;

  if (!self->wish.index || self->is_playing)
    return;
  from = where (self);
  if (self->wish.loop_first >= 0 && (from < self->wish.loop_first || from >= self->wish.loop_last))
    from = self->wish.loop_first;
  else if (from == last_frame (self))
    from = 0;
  set_playing (self, true);
  set_target (self, -1);
  send_wish (self, from);
}

void
em_player_pause (EmPlayer *self)
{
  if (!self->is_playing)
    return;
  set_playing (self, false);
  send_wish (self, -1);
}

bool
em_player_is_playing (EmPlayer *self)
{
  return self->is_playing;
}

void
em_player_seek (EmPlayer *self, int frame)
{
  if (!self->wish.index)
    return;
  frame = CLAMP (frame, 0, last_frame (self));
  set_target (self, frame);
  send_wish (self, frame);
}

int
em_player_get_frame (EmPlayer *self)
{
  return self->frame;
}

int64_t
em_player_get_position (EmPlayer *self)
{
  int64_t position = self->wish.is_playing ? em_player_thread_position (self->thread) : -1;

  if (!self->wish.index || self->frame < 0)
    return 0;
  if (position < 0)
    return em_frame_index_pts (self->wish.index, self->frame);
  return MIN (position, em_frame_index_duration (self->wish.index));
}

void
em_player_set_rate (EmPlayer *self, double rate)
{
  rate = CLAMP (rate, 0.25, 2);
  if (rate == self->wish.rate)
    return;
  self->wish.rate = rate;
  if (self->is_playing)
    send_wish (self, where (self));
  notify (self, PROP_RATE);
}

double
em_player_get_rate (EmPlayer *self)
{
  return self->wish.rate;
}

void
em_player_set_loop (EmPlayer *self, int first, int last)
{
  int from = where (self);

  if (!self->wish.index)
    return;
  if (first < 0 || last < first)
    first = last = -1;
  else
    last = MIN (last, last_frame (self)), first = MIN (first, last);
  if (first == self->wish.loop_first && last == self->wish.loop_last)
    return;
  self->wish.loop_first = first;
  self->wish.loop_last = last;
  if (self->is_playing)
    send_wish (self, first >= 0 && (from < first || from > last) ? first : from);
}

bool
em_player_get_loop (EmPlayer *self, int *first, int *last)
{
  *first = self->wish.loop_first;
  *last = self->wish.loop_last;
  return *first >= 0;
}

static void
send_volume (EmPlayer *self)
{
  em_player_thread_set_volume (self->thread, self->volume * self->volume * self->volume,
                               self->is_muted);
}

void
em_player_set_volume (EmPlayer *self, double volume)
{
  self->volume = CLAMP (volume, 0, 1);
  send_volume (self);
  notify (self, PROP_VOLUME);
}

void
em_player_set_muted (EmPlayer *self, bool is_muted)
{
  self->is_muted = is_muted;
  send_volume (self);
  notify (self, PROP_MUTED);
}
