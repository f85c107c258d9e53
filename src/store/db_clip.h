/* db_clip.h - the clips of a project: where they are, what their media hold, how far work is.
 *
 * A clip row exists as soon as its file was found; the index fills in what the media say. Media are
 * linked by a path relative to the project's folder, with the absolute one as a hint. */
#pragma once
#include "store/db.h"

G_BEGIN_DECLS

typedef enum {
  EM_CLIP_TO_DO,
  EM_CLIP_IN_PROGRESS,
  EM_CLIP_TO_REVIEW,
  EM_CLIP_DONE,
  EM_CLIP_PROBLEM, /* the media could not be read; `problem` says why */
  EM_N_CLIP_STATES,
} EmClipState;
const char *em_clip_state_name (EmClipState state); /* "to do", "in progress" ... */

/* How many frames of a clip or object are in each state. */
typedef struct {
  int by_state[EM_N_STATES];
  int stale, rejected, pending;
} EmDbCounts;

typedef struct {
  int64_t id;
  char *name;        /* unique in the project, usable as a file name */
  char *path;        /* relative to the project's folder where it can be */
  char *hint;        /* absolute, as last seen */
  char *sound_path;  /* of a folder of frames; or NULL */
  char *fingerprint; /* "" until indexed */
  int64_t bytes, mtime_ms;
  int width, height; /* display size; 0 until indexed */
  int n_frames;
  int64_t duration_ns, start_ns; /* start_ns: the container's time of frame 0 */
  int video_track, audio_track;  /* -1: none */
  bool has_sound;
  int64_t av_offset_ns;
  EmClipState state;
  char *problem, *notes, *view; /* "" if none; view is JSON, the app's business */
  int64_t changed_us;
  int64_t head; /* the newest step that counts; 0: the start */
  int n_objects;
  EmDbCounts counts; /* kept with each step, for the queue; open steps are counted when closed */
  int n_expressions;
  char *sentences; /* the texts of its expressions, a line each; NULL without any */
} EmDbClip;
void em_db_clip_free (EmDbClip *clip);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmDbClip, em_db_clip_free)

/* `path` is where the media are now, absolute or from the working directory. A path that is there
 * already gives the id of its clip. 0 on failure. */
int64_t em_db_add_clip (EmDb *db, const char *path, const char *sound_path, GError **error);
GPtrArray *em_db_clips (EmDb *db, GError **error);                    /* of EmDbClip, by name */
EmDbClip *em_db_clip (EmDb *db, int64_t id, GError **error);          /* EM_E_USAGE if unknown */
int64_t em_db_find_clip (EmDb *db, const char *name, GError **error); /* 0 without error: none */
/* The file to open: relative path, else the hint. NULL if neither is there. */
char *em_db_clip_media_path (EmDb *db, const EmDbClip *clip);

typedef struct {
  int64_t pts_ns, duration_ns; /* from frame 0's time */
  bool is_key;
} EmDbFrame;

typedef struct {
  const char *fingerprint;
  int64_t bytes, mtime_ms;
  int width, height;
  int64_t duration_ns, start_ns;
  int video_track, audio_track;
  bool has_sound;
  int64_t av_offset_ns;
  const EmDbFrame *frames;
  int n_frames;
  GBytes *index; /* the index as media keeps it (em_frame_index_to_bytes), or NULL */
} EmDbMedia;
/* What the index found. Refused with EM_E_CHECK when masks exist and size or frame times differ. */
bool em_db_set_media (EmDb *db, int64_t clip, const EmDbMedia *media, GError **error);
GArray *em_db_frames (EmDb *db, int64_t clip, GError **error); /* of EmDbFrame; may be empty */
/* EmDbMedia.index again; NULL without error: there was none. */
GBytes *em_db_media_index (EmDb *db, int64_t clip, GError **error);
/* The media moved: a new place for the same content. */
bool em_db_relocate (EmDb *db, int64_t clip, const char *path, GError **error);
/* `problem` NULL or "" unless the state is EM_CLIP_PROBLEM. */
bool em_db_set_clip_state (EmDb *db, int64_t clip, EmClipState state, const char *problem,
                           GError **error);
bool em_db_set_clip_notes (EmDb *db, int64_t clip, const char *notes, GError **error);
bool em_db_set_clip_view (EmDb *db, int64_t clip, const char *json, GError **error);

G_END_DECLS
