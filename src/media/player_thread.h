/* player_thread.h - the thread that does what a player wishes.
 *
 * The owner writes down a wish (this clip, this frame, playing or not) and the newest one is made
 * so: opening, decoding a still, starting and stopping a playback all block, and only there. What
 * happens comes back as mail in a main context. Wishes are numbered and mail says which one it
 * belongs to, so that a picture on its way when somebody paused can be told from a wanted one.
 * Internal to media. */
#pragma once
#include "media/em-audio.h"
#include "media/em-decoder.h"

typedef struct {
  guint number;        /* grows with every wish */
  guint clip;          /* grows with every clip opened or closed */
  EmFrameIndex *index; /* NULL: no clip */
  char *path;
  EmAudio *audio;
  bool is_playing;
  int frame; /* where to start, or the still to show; -1: show nothing new */
  double rate;
  int loop_first, loop_last; /* -1, -1: none */
} EmWish;

typedef enum {
  EM_MAIL_STILL,   /* a frame that was asked for */
  EM_MAIL_PICTURE, /* a frame that is due */
  EM_MAIL_END,     /* played to the end */
  EM_MAIL_BROKEN,  /* a frame that cannot be decoded, or a clip that cannot be opened */
  EM_MAIL_STUCK,   /* playing stopped by a fault */
} EmMailKind;

typedef struct {
  EmMailKind kind;
  guint number, clip; /* of the wish it belongs to */
  int frame;
  GBytes *picture; /* RGBA */
  GError *error;
} EmMail;

typedef struct EmPlayerThread EmPlayerThread;
typedef void (*EmMailFn) (const EmMail *mail, void *self);

/* Mail is delivered in `context`, which must outlive the thread's owner's interest in it. */
EmPlayerThread *em_player_thread_new (GMainContext *context, EmMailFn fn, void *self);
void em_player_thread_free (EmPlayerThread *t); /* waits for what it does; no mail after it */
void em_player_thread_wish (EmPlayerThread *t, const EmWish *wish); /* copied */
int64_t em_player_thread_position (EmPlayerThread *t);              /* ns, -1 if nothing plays */
void em_player_thread_set_volume (EmPlayerThread *t, double linear, bool is_muted);
