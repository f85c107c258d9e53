/* player_thread.c - the thread that does what a player wishes. */
#include "media/player_thread.h"
#include "media/decoder_private.h"
#include "media/picture.h"
#include "media/playback.h"

struct EmPlayerThread {
  GThread *thread;
  GMainContext *context;
  GSource *source;
  EmMailFn fn;
  void *self;

  GMutex lock; /* this block */
  GCond wake;
  bool is_quitting, has_wish, has_ended;
  EmWish wish;
  GCancellable *next_cancel; /* of the wish's clip */
  GError *fault;             /* of the playback */
  GQueue mail;
  int last_picture;
  EmPlayback *shared; /* the playback, while position and volume may touch it */
  double volume;
  bool is_muted;

  /* The thread only. */
  EmWish now;
  guint opened;         /* which clip */
  GCancellable *cancel; /* of it */
  char *name;
  EmDecoder *decoder;
  EmPlayback *playback;
  EmAudio *audio; /* of the playback */
  bool is_mute;   /* the sound device failed */

  EmPictureMaker maker; /* the thread on which pictures fall due */
};

typedef struct {
  GSource base;
  EmPlayerThread *owner;
} MailSource;

static void
clear_wish (EmWish *w)
{
  g_clear_object (&w->index);
  g_clear_object (&w->audio);
  g_clear_pointer (&w->path, g_free);
}

static void
copy_wish (EmWish *to, const EmWish *from)
{
  EmWish old = *to;

  *to = *from;
  if (to->index)
    g_object_ref (to->index);
  if (to->audio)
    g_object_ref (to->audio);
  to->path = g_strdup (from->path);
  clear_wish (&old);
}

static void
free_mail (gpointer data)
{
  EmMail *mail = data;

  g_clear_pointer (&mail->picture, g_bytes_unref);
  g_clear_error (&mail->error);
  g_free (mail);
}

static gboolean
deliver (GSource *source, GSourceFunc callback, gpointer data)
{
  EmPlayerThread *t = ((MailSource *) source)->owner;
  GQueue mail;

  g_mutex_lock (&t->lock);
  mail = t->mail;
  g_queue_init (&t->mail);
  g_source_set_ready_time (source, -1);
  g_mutex_unlock (&t->lock);
  /* Whoever reads it may let go of the owner; the source says so. */
  for (EmMail *m; (m = g_queue_pop_head (&mail));) {
    if (!g_source_is_destroyed (source))
      t->fn (m, t->self);
    free_mail (m);
  }
  return G_SOURCE_CONTINUE;
}

static void
post (EmPlayerThread *t, EmMailKind kind, guint number, guint clip, int frame, GBytes *picture,
      GError *error)
{
  EmMail *m = g_new (EmMail, 1);

  *m = (EmMail){ kind, number, clip, frame, picture, error };
  g_mutex_lock (&t->lock);
  /* A picture nobody has looked at yet is of no use beside a newer one. */
  for (GList *l = t->mail.head, *next; l; l = next) {
    EmMail *old = l->data;
    next = l->next;
    if (picture && old->picture) {
      free_mail (old);
      g_queue_delete_link (&t->mail, l);
    }
  }
  g_queue_push_tail (&t->mail, m);
  g_source_set_ready_time (t->source, 0);
  g_mutex_unlock (&t->lock);
}

static void
picture_cb (void *self, guint run, int frame, GstSample *sample)
{
  EmPlayerThread *t = self;
  EmFrameIndex *index;
  GBytes *picture;

  g_mutex_lock (&t->lock);
  t->last_picture = frame;
  g_mutex_unlock (&t->lock);
  /* Decoder and clip do not change while a playback is open. */
  index = em_decoder_index (t->decoder);
  picture
      = em_picture_make (&t->maker, sample, em_units_orientation (em_decoder_units (t->decoder)),
                         em_frame_index_width (index), em_frame_index_height (index), NULL);
  gst_sample_unref (sample);
  if (picture)
    post (t, EM_MAIL_PICTURE, run, t->opened, frame, picture, NULL);
}

static void
end_cb (void *self, guint run)
{
  EmPlayerThread *t = self;

  g_mutex_lock (&t->lock);
  t->has_ended |= run == t->wish.number;
  g_cond_signal (&t->wake);
  g_mutex_unlock (&t->lock);
}

static void
fault_cb (void *self, guint run, GError *error)
{
  EmPlayerThread *t = self;

  g_mutex_lock (&t->lock);
  if (t->fault)
    g_error_free (error); /* the first is the cause */
  else
    t->fault = error;
  g_cond_signal (&t->wake);
  g_mutex_unlock (&t->lock);
}

static void
share (EmPlayerThread *t, EmPlayback *playback)
{
  g_mutex_lock (&t->lock);
  t->shared = playback;
  if (playback)
    em_playback_set_volume (playback, t->volume, t->is_muted);
  g_mutex_unlock (&t->lock);
}

static void
close_playback (EmPlayerThread *t)
{
  share (t, NULL);
  g_clear_pointer (&t->playback, em_playback_close);
  g_clear_object (&t->audio);
  em_picture_maker_clear (&t->maker);
  g_mutex_lock (&t->lock);
  g_clear_error (&t->fault);
  t->has_ended = false;
  g_mutex_unlock (&t->lock);
}

static void
close_clip (EmPlayerThread *t)
{
  close_playback (t);
  g_clear_object (&t->decoder);
  g_clear_pointer (&t->name, g_free);
}

static void
open_clip (EmPlayerThread *t)
{
  GError *error = NULL;

  t->opened = t->now.clip;
  if (!t->now.index)
    return;
  t->name = em_media_name (t->now.path);
  t->decoder = em_decoder_open (t->now.index, t->now.path, t->cancel, &error);
  if (!t->decoder)
    post (t, EM_MAIL_BROKEN, t->now.number, t->now.clip, -1, NULL, error);
}

static void
start (EmPlayerThread *t, int frame)
{
  EmPlaybackEvents events = { t, picture_cb, end_cb, fault_cb };
  bool is_loop = t->now.loop_first >= 0;
  int last = is_loop ? t->now.loop_last : em_frame_index_n_frames (t->now.index) - 1;
  GError *error = NULL;

  if (t->playback && t->audio != t->now.audio)
    close_playback (t);
  if (!t->playback) {
    t->playback = em_playback_open (t->now.index, em_decoder_units (t->decoder), t->now.audio,
                                    t->is_mute, t->name, &events);
    g_set_object (&t->audio, t->now.audio);
    share (t, t->playback);
  }
  g_mutex_lock (&t->lock);
  t->has_ended = false;
  t->last_picture = frame;
  g_mutex_unlock (&t->lock);
  if (!em_playback_start (t->playback, t->now.number, frame, last, t->now.rate, &error)) {
    g_mutex_lock (&t->lock);
    if (!t->fault)
      t->fault = g_steal_pointer (&error);
    g_mutex_unlock (&t->lock);
    g_clear_error (&error);
  }
}

static void
show_still (EmPlayerThread *t, int frame)
{
  GError *error = NULL;
  GBytes *picture = em_decoder_read (t->decoder, frame, t->cancel, &error);

  post (t, picture ? EM_MAIL_STILL : EM_MAIL_BROKEN, t->now.number, t->now.clip, frame, picture,
        error);
}

static void
obey (EmPlayerThread *t)
{
  if (t->opened != t->now.clip) {
    close_clip (t);
    open_clip (t);
  }
  if (!t->decoder)
    return;
  if (t->now.is_playing) {
    start (t, t->now.frame);
  } else {
    if (t->playback)
      em_playback_stop (t->playback);
    if (t->now.frame >= 0)
      show_still (t, t->now.frame);
  }
}

/* A sound device that fails must not stop the pictures: once, the sound goes into the void. */
static void
mend (EmPlayerThread *t, GError *fault)
{
  bool can_mend = t->playback && em_playback_has_sound (t->playback) && !t->is_mute;
  int frame;

  g_mutex_lock (&t->lock);
  frame = t->last_picture;
  g_mutex_unlock (&t->lock);
  close_playback (t);
  if (!t->now.is_playing) {
    g_error_free (fault);
  } else if (can_mend) {
    g_message ("%s; playing without sound", fault->message);
    g_error_free (fault);
    t->is_mute = true;
    start (t, frame);
  } else {
    post (t, EM_MAIL_STUCK, t->now.number, t->now.clip, frame, NULL, fault);
  }
}

static gpointer
run (gpointer data)
{
  EmPlayerThread *t = data;

  for (;;) {
    bool has_wish, has_ended;
    GError *fault;

    g_mutex_lock (&t->lock);
    while (!t->is_quitting && !t->has_wish && !t->has_ended && !t->fault)
      g_cond_wait (&t->wake, &t->lock);
    if (t->is_quitting) {
      g_mutex_unlock (&t->lock);
      break;
    }
    has_wish = t->has_wish;
    has_ended = t->has_ended;
    fault = g_steal_pointer (&t->fault);
    t->has_wish = t->has_ended = false;
    if (has_wish) {
      copy_wish (&t->now, &t->wish);
      if (t->opened != t->now.clip)
        g_set_object (&t->cancel, t->next_cancel);
    }
    g_mutex_unlock (&t->lock);

    if (fault)
      mend (t, fault);
    if (has_wish)
      obey (t);
    else if (has_ended && t->now.is_playing && t->now.loop_first >= 0)
      start (t, t->now.loop_first);
    else if (has_ended && t->now.is_playing)
      post (t, EM_MAIL_END, t->now.number, t->now.clip, -1, NULL, NULL);
  }
  close_clip (t);
  clear_wish (&t->now);
  g_clear_object (&t->cancel);
  return NULL;
}

EmPlayerThread *
em_player_thread_new (GMainContext *context, EmMailFn fn, void *self)
{
  static GSourceFuncs funcs = { .dispatch = deliver };
  EmPlayerThread *t = g_new0 (EmPlayerThread, 1);

  g_mutex_init (&t->lock);
  g_cond_init (&t->wake);
  g_queue_init (&t->mail);
  t->context = g_main_context_ref (context);
  t->fn = fn;
  t->self = self;
  t->volume = 1;
  t->source = g_source_new (&funcs, sizeof (MailSource));
  ((MailSource *) t->source)->owner = t;
  g_source_attach (t->source, context);
  t->thread = g_thread_new ("player", run, t);
  return t;
}

void
em_player_thread_free (EmPlayerThread *t)
{
  g_source_destroy (t->source);
  g_mutex_lock (&t->lock);
  t->is_quitting = true;
  if (t->next_cancel)
    g_cancellable_cancel (t->next_cancel);
  g_cond_signal (&t->wake);
  g_mutex_unlock (&t->lock);
  g_thread_join (t->thread);
  g_source_unref (t->source);
  g_queue_clear_full (&t->mail, free_mail);
  clear_wish (&t->wish);
  g_clear_object (&t->next_cancel);
  g_main_context_unref (t->context);
  g_cond_clear (&t->wake);
  g_mutex_clear (&t->lock);
  g_free (t);
}

void
em_player_thread_wish (EmPlayerThread *t, const EmWish *wish)
{
  g_mutex_lock (&t->lock);
  if (wish->clip != t->wish.clip) {
    if (t->next_cancel)
      g_cancellable_cancel (t->next_cancel);
    g_clear_object (&t->next_cancel);
    t->next_cancel = g_cancellable_new ();
  }
  copy_wish (&t->wish, wish);
  t->has_wish = true;
  g_cond_signal (&t->wake);
  g_mutex_unlock (&t->lock);
}

int64_t
em_player_thread_position (EmPlayerThread *t)
{
  int64_t position = -1;

  g_mutex_lock (&t->lock);
  if (t->shared && t->wish.is_playing)
    position = em_playback_position (t->shared);
  g_mutex_unlock (&t->lock);
  return position;
}

void
em_player_thread_set_volume (EmPlayerThread *t, double linear, bool is_muted)
{
  g_mutex_lock (&t->lock);
  t->volume = linear;
  t->is_muted = is_muted;
  if (t->shared)
    em_playback_set_volume (t->shared, linear, is_muted);
  g_mutex_unlock (&t->lock);
}
