/* em-clip.h - one open clip: everything the window shows of it and can do to it.
 *
 * Joins player, sound, engine and store around one playhead. What it shows is what the project
 * holds: every verb is committed first and mirrored here when the commit is back; only a prompt
 * that was just set is shown before, as a hollow mark. No call waits for anything. Main thread.
 *
 * Signals:
 *   "picture" ()                    em_clip_get_picture() is another one
 *   "scene-changed" ()              masks, candidates or marks of the frame on screen changed
 *   "lanes-changed" ()              some lane, the grid's decisions or the objects changed
 *   "notice" (const char *text, const char *action)   for a toast; action is "undo",
 *                                  "redo", "resume" or NULL
 *   "failed" (const char *text)     something went wrong; the text says what and what to do
 *   "waveform" ()                   sound is loaded (or there is none)
 * Properties with notify, read only: "status", "frame", "selected", "playing", "can-undo",
 * "can-redo", "busy" (a suggestion or a decode is being computed), "tracking", "asked" (the
 * expression whose suggestions are on screen: clip_expressions.h). */
#pragma once
#include "media/em-audio.h"
#include "media/em-frame-index.h"
#include "service/clip_verbs.h"
#include "service/em-engine.h"
#include "service/em-job.h"
#include "store/em-store.h"

G_BEGIN_DECLS

/* A second whose sound stays below this is silent: -60 dBFS. */
#define EM_SOUND_FLOOR 1e-3

#define EM_TYPE_CLIP (em_clip_get_type ())
G_DECLARE_FINAL_TYPE (EmClip, em_clip, EM, CLIP, GObject)

typedef enum { EM_CLIP_LOADING, EM_CLIP_READY, EM_CLIP_FAILED } EmClipStatus;

/* Loads at once, answers by "status". `jobs` is the list that running jobs are put into; row->view
 * says where work was left, frame and object are taken up again. */
EmClip *em_clip_new (EmStore *store, EmEngine *engine, GListStore *jobs, const EmDbClip *row,
                     const char *media_path, double grid_phase);
/* Cancels what runs and lets go of media and engine; nothing is emitted afterwards. */
void em_clip_close (EmClip *self);

EmClipStatus em_clip_get_status (EmClip *self);
const char *em_clip_get_error (EmClip *self); /* why it failed; "" else */
int64_t em_clip_get_id (EmClip *self);
const char *em_clip_get_name (EmClip *self);

/* Media. Sizes and counts are 0 while loading. */
EmFrameIndex *em_clip_get_index (EmClip *self); /* NULL while loading */
EmAudio *em_clip_get_audio (EmClip *self);      /* NULL until "waveform" */
int em_clip_get_width (EmClip *self);
int em_clip_get_height (EmClip *self);
int em_clip_get_n_frames (EmClip *self);
int64_t em_clip_get_duration (EmClip *self);
GBytes *em_clip_get_picture (EmClip *self); /* RGBA, NULL before the first (transfer none) */
const int *em_clip_get_grid (EmClip *self, int *n); /* the frame of each second */
int em_clip_second_of (EmClip *self, int frame);    /* -1: none */

/* Playhead and transport. */
int em_clip_get_frame (EmClip *self);        /* the one on screen */
int64_t em_clip_get_position (EmClip *self); /* what is heard, ns */
void em_clip_seek (EmClip *self, int frame);
bool em_clip_is_playing (EmClip *self);
void em_clip_play (EmClip *self);
void em_clip_pause (EmClip *self);
void em_clip_set_rate (EmClip *self, double rate);
double em_clip_get_rate (EmClip *self);
void em_clip_set_muted (EmClip *self, bool muted);
void em_clip_set_looping (EmClip *self, bool looping); /* the range, else one second */
bool em_clip_is_looping (EmClip *self);
/* In and out; -1 for open ends. */
void em_clip_set_range (EmClip *self, int first, int last);
bool em_clip_get_range (EmClip *self, int *first, int *last); /* false: none, whole clip given */

/* Objects. */
GListModel *em_clip_get_objects (EmClip *self); /* of EmObject, the first on top */
EmObject *em_clip_get_object (EmClip *self, int64_t id);
EmObject *em_clip_get_selected (EmClip *self); /* NULL: the next prompt makes a new one */
void em_clip_select (EmClip *self, EmObject *object);

/* A prompt on the frame on screen, as it is to be drawn; hollow until it is in the project. */
typedef struct {
  EmPrompt prompt;
  bool hollow;
} EmShownPrompt;
GArray *em_clip_shown_prompts (EmClip *self); /* of the selected object (transfer full) */
/* Whether sound takes part on the frame on screen: as stored, else what a first prompt would do.
 * NULL: an object that is yet to be made. */
bool em_clip_uses_sound (EmClip *self, EmObject *object);
/* Why sound cannot be asked here, or NULL. */
const char *em_clip_sound_problem (EmClip *self);

/* Verbs on the selected object and the frame on screen. */
void em_clip_add_prompt (EmClip *self, const EmPrompt *prompt);
void em_clip_remove_prompt (EmClip *self, int index);
void em_clip_move_prompt (EmClip *self, int index, const EmPrompt *prompt);
void em_clip_set_use_sound (EmClip *self, bool sound);
void em_clip_mark_absent (EmClip *self, bool over_range);
void em_clip_approve (EmClip *self, bool over_range);
void em_clip_clear_mask (EmClip *self);
void em_clip_paste (EmClip *self, const EmRle *mask);
void em_clip_new_object (EmClip *self);
void em_clip_rename (EmClip *self, EmObject *object, const char *name);
void em_clip_set_class (EmClip *self, EmObject *object, const char *name);
void em_clip_set_locked (EmClip *self, EmObject *object, bool locked);
void em_clip_delete_object (EmClip *self, EmObject *object);
bool em_clip_can_undo (EmClip *self);
bool em_clip_can_redo (EmClip *self);
void em_clip_undo (EmClip *self);
void em_clip_redo (EmClip *self);

/* Suggestions. */
typedef struct {
  EmSuggestion *suggestion;
  GArray *candidates; /* EmCandidate, cut at the threshold */
  int64_t *assigned;  /* beside them: 0 open, else the object it went to */
  bool decided;       /* in the project */
  bool aside;         /* put away undecided, by Esc */
} EmProposal;
/* The suggestion at the frame on screen that waits for a decision, or NULL. */
const EmProposal *em_clip_get_proposal (EmClip *self);
/* Of grid second k: 0 not asked, 1 silent, 2 waiting, 3 decided. */
int em_clip_proposal_state (EmClip *self, int second);
void em_clip_suggest_here (EmClip *self);             /* moves to the second's grid frame */
void em_clip_suggest (EmClip *self, bool over_range); /* the range, or the whole clip */
double em_clip_get_threshold (EmClip *self);
void em_clip_set_threshold (EmClip *self, double threshold); /* cuts again, no step */
void em_clip_accept (EmClip *self);                          /* all open candidates as one object */
void em_clip_accept_one (EmClip *self, int candidate, bool as_new);
void em_clip_refuse (EmClip *self);
void em_clip_put_aside (EmClip *self);

/* Tracking the selected object: both ways (0), forward (1), backward (-1). */
void em_clip_track (EmClip *self, int direction);
bool em_clip_is_tracking (EmClip *self);
const char *em_clip_track_problem (EmClip *self); /* why Track cannot run now, or NULL */
void em_clip_cancel (EmClip *self);               /* whatever runs */
/* A job that a crash or a closed window cut off; offered once, by "notice" with action "resume". */
void em_clip_resume (EmClip *self);
/* Every verb given so far is in the project and mirrored, no cell waits for its mask. */
bool em_clip_is_settled (EmClip *self);

G_END_DECLS
