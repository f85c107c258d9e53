/* em-clip-private.h - the struct that the clip_*.c share. */
#pragma once
#include "media/em-player.h"
#include "service/em-clip.h"

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

  GHashTable *proposals; /* frame -> EmProposal, owned */
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
/* clip_suggest.c */
void em_clip_read_suggestions (EmClip *self);
void em_clip_proposals_after (EmClip *self, const EmDelta *delta);
void em_proposal_free (gpointer data);
/* clip_track.c */
void em_clip_stop_tracking (EmClip *self);

G_END_DECLS
