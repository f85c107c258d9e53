/* em-clip-private.h - the struct that the clip_*.c share. */
#pragma once
#include "media/em-player.h"
#include "service/em-clip.h"
#include "service/em-expression.h"

G_BEGIN_DECLS

/* A prompt on its way to the project. */
typedef struct {
  guint64 ticket;
  int64_t object; /* 0: the object it will make */
  int frame;
  EmPrompt prompt;
} EmDraft;

struct _EmClip {
  GObject parent_instance;
  EmStore *store;
  EmEngine *engine;
  GListStore *jobs;
  int64_t id;
  char *name, *media_path, *fingerprint;
  double grid_phase;
  GCancellable *cancellable; /* of loading and reading */
  bool is_closed;

  EmClipStatus status;
  char *error;
  bool lanes_read; /* objects and cells are here */
  bool audio_done;
  EmDelta *first; /* lanes read before the index was there */

  EmFrameIndex *index;
  EmAudio *audio;
  EmPlayer *player;
  guint engine_clip;
  int *grid;
  int n_grid;
  GBytes *picture;
  int frame, first_frame; /* on screen; where work was left */
  bool is_looping;
  int range_first, range_last; /* -1: open */
  guint embed_source;

  GListStore *objects;
  EmObject *selected;
  int64_t first_object; /* selected where work was left, 0: none */
  EmDbStep *cut_off;    /* a track that did not end */
  EmDbMove undo, redo;
  GArray *drafts; /* EmDraft */
  guint64 next_ticket;
  GPtrArray *decoding; /* of clip_steps.c: decodes that have no answer yet */
  int n_running;       /* verbs on their way */
  bool reading_masks;

  GListStore *expressions;  /* EmExpression */
  int64_t asked;            /* the expression whose proposals are on screen, 0: the sound's */
  GHashTable *heard, *read; /* frame -> EmProposal, owned: the sound's, those of `asked` */
  guint read_ticket;        /* of the read of `read` that is under way */
  bool is_read;             /* and it is done */
  enum { EM_WISH_NONE, EM_WISH_HERE, EM_WISH_RANGE, EM_WISH_CLIP } wish; /* to ask after that */
  int64_t reading; /* the expression that suggest_job is about, 0: none */
  double threshold;
  EmJob *suggest_job;
  int n_suggesting;

  EmJob *track_job;
  int64_t track_step;
  int track_written;
  GArray *track_waiting; /* EmTrackedMask, until the store takes them */
  bool track_appending, track_ended, track_undone;
  GError *track_error;
};

/* clip_open.c */
void em_clip_load (EmClip *self);
void em_clip_read_lanes (EmClip *self);
void em_clip_ask_missing_masks (EmClip *self);
/* clip_view.c */
void em_clip_take_view (EmClip *self, const char *json);
void em_clip_keep_view (EmClip *self);
void em_clip_look_for_cut_off (EmClip *self);
/* em-clip.c */
void em_clip_notify (EmClip *self, const char *property);
void em_clip_scene_changed (EmClip *self);
void em_clip_lanes_changed (EmClip *self);
void em_clip_notice (EmClip *self, const char *text, const char *action);
void em_clip_fail (EmClip *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
void em_clip_show_frame (EmClip *self, int frame, GBytes *rgba);
/* clip_steps.c: runs a verb (taken over) and mirrors its answer; `done` may be NULL. */
typedef void (*EmVerbDone) (EmClip *self, const EmVerb *verb, const EmDelta *delta, GError *error);
void em_clip_run (EmClip *self, EmVerb *verb, EmVerbDone done);
void em_clip_apply (EmClip *self, const EmDelta *delta);
/* Clicks that waited for a model. */
void em_clip_decode_waiting (EmClip *self);
/* clip_proposals.c */
void em_clip_read_suggestions (EmClip *self);
void em_clip_read_text_suggestions (EmClip *self, const char *text); /* into the empty `read` */
void em_clip_proposals_after (EmClip *self, const EmDelta *delta);
GHashTable *em_clip_proposals (EmClip *self); /* those on screen */
EmProposal *em_clip_proposal_at (EmClip *self, int frame);
void em_clip_put_proposal (GHashTable *set, EmSuggestion *suggestion, bool decided);
/* The source of suggestions by the weights that are loaded; text NULL: of the sound. */
char *em_clip_source (EmClip *self, const char *text);
void em_proposal_free (gpointer data);
/* clip_suggest.c: asks for seconds first..last; expression NULL: the sound. */
void em_clip_ask (EmClip *self, int first, int last, EmExpression *expression);
int em_clip_go_to_grid (EmClip *self);
/* clip_expressions.c */
void em_clip_mirror_expressions (EmClip *self, const EmDelta *delta);
void em_clip_text_is_read (EmClip *self); /* `read` is complete */
void em_clip_weights_changed (EmClip *self);
/* clip_track.c */
void em_clip_stop_tracking (EmClip *self);

G_END_DECLS
