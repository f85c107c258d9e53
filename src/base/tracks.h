/* tracks.h - one labelled clip in memory: frames, objects, masks, sounding intervals, expressions.
 *
 * What the store hands out, formats write and read, and metrics compare. Everything is owned by the
 * EmTracks and freed with it. Frames are numbered from 0 in presentation order; times are
 * nanoseconds on the media clock from the clip's first frame. */
#pragma once
#include <stdint.h>
#include "base/rle.h"

/* In the order of the NPZ export; names as everywhere ("empty", "propagated" ...). */
typedef enum {
  EM_STATE_EMPTY,
  EM_STATE_PROPAGATED,
  EM_STATE_IMPORTED,
  EM_STATE_KEYFRAME,
  EM_STATE_CORRECTED,
  EM_STATE_ABSENT,
  EM_STATE_APPROVED,
  EM_N_STATES,
} EmState;

const char *em_state_name (EmState state);
bool em_state_from_name (const char *name, EmState *state);
/* Keyframe, corrected, approved, absent: no automatic step may change it. */
bool em_state_is_protected (EmState state);

typedef struct {
  int frame;
  EmState state;
  bool stale;
  EmRle mask;       /* of the clip's display size; empty where absent */
  float iou, score; /* predicted IoU and object score logit; NAN if none */
} EmTrackMask;

typedef struct {
  int64_t id;
  char *name;
  char *class_name; /* "" if none */
  int64_t class_id; /* 0 if none */
  uint32_t color;   /* 0xRRGGBB */
  int n_masks, masks_room;
  EmTrackMask *masks; /* by frame */
} EmTrackObject;

typedef struct {
  int64_t object;
  int64_t start_ns, end_ns; /* half open */
} EmTrackInterval;

/* A sentence that refers to objects of the clip. One that means nothing in this clip is null: its
 * mask is empty by definition. One that is not null and has no objects is yet to be linked. */
typedef struct {
  int64_t number; /* within the clip, from 1 */
  char *text;
  char *language, *split; /* "en", "test_s"; "" if none */
  bool is_null;
  int n_objects;
  int64_t *objects; /* ids */
} EmTrackExpression;

typedef struct {
  char *name;  /* unique in its project, usable as a file name */
  char *media; /* path of the clip, or NULL */
  int width, height;
  int n_frames;
  int64_t *pts_ns; /* n_frames, rising, from the first frame's 0 */
  int64_t duration_ns;
  bool has_sound;
  int n_objects, objects_room;
  EmTrackObject *objects; /* in list order: the first is on top where formats cannot overlap */
  int n_intervals, intervals_room;
  EmTrackInterval *intervals;
  int n_expressions, expressions_room;
  EmTrackExpression *expressions; /* by number */
} EmTracks;

EmTracks *em_tracks_new (const char *name, int width, int height, int n_frames,
                         const int64_t *pts_ns, int64_t duration_ns);
void em_tracks_free (EmTracks *t); /* NULL is fine */
EmTrackObject *em_tracks_add_object (EmTracks *t, int64_t id, const char *name,
                                     const char *class_name, int64_t class_id, uint32_t color);
EmTrackObject *em_tracks_object (const EmTracks *t, int64_t id); /* NULL if not there */
/* Inserts by frame, replacing what was there; takes over `mask`. */
EmTrackMask *em_track_object_set (EmTrackObject *o, int frame, EmState state, EmRle mask);
EmTrackMask *em_track_object_at (const EmTrackObject *o, int frame); /* NULL if not there */
void em_tracks_add_interval (EmTracks *t, int64_t object, int64_t start_ns, int64_t end_ns);
/* Copies everything; language and split NULL: "". A null one has no objects. */
void em_tracks_add_expression (EmTracks *t, int64_t number, const char *text, const char *language,
                               const char *split, bool is_null, const int64_t *objects,
                               int n_objects);

/* How much of [start, end) the object sounds, in nanoseconds. */
int64_t em_tracks_sounding (const EmTracks *t, int64_t object, int64_t start_ns, int64_t end_ns);
/* The frame on screen at `t_ns`: the last whose PTS is not later; 0 before the first. */
int em_frame_at (const int64_t *pts_ns, int n_frames, int64_t t_ns);

/* The grid: second k is [k, k+1) s; its frame is the one on screen at k + phase, or the last. A
 * last second of under half a second is none, but a clip has at least one. Returns how many, at
 * most `room` written. */
int em_grid_frames (const int64_t *pts_ns, int n_frames, int64_t duration_ns, double phase_s,
                    int *frames, int room);
