/* em-engine.h - the one place where masks are computed.
 *
 * An EmEngine owns backend, model and predictors on a thread of its own; callers (the main thread,
 * or the command line's) hand in copies and get immutable answers in the main context they asked
 * from. No call blocks. Jobs wait in one sorted queue: a click goes before all else, a newer click
 * on the same object and frame replaces the waiting one, tracking and long suggestion runs give way
 * after every frame or window. Cancelling reaches a running job at its next op; what it had
 * finished was already told and stays. Errors are EM_ERROR with EmStatus codes: EM_E_CANCELLED for
 * what was cancelled, replaced or whose clip was closed, EM_E_WEIGHTS without a model.
 *
 * Properties, read only, with notify on the thread that made the engine: "loaded", "busy",
 * "reads", "model-name", "model-digest", "device" (for people), "waiting" (jobs not yet done),
 * "thrift". Memory that is out makes the predictors do with less, which "thrift" tells; where that
 * is not enough, or the device fails, a job ends with EM_E_MEMORY or EM_E_DEVICE, and the signal
 * "device-failed" (int status, const char *text) says so once more, so that somebody can ask
 * whether to go on with the processor. */
#pragma once
#include <gio/gio.h>
#include "base/prompt.h"
#include "media/em-audio.h"
#include "media/em-frame-index.h"
#include "predict/thrift.h"
#include "service/results.h"

G_BEGIN_DECLS

#define EM_TYPE_ENGINE (em_engine_get_type ())
G_DECLARE_FINAL_TYPE (EmEngine, em_engine, EM, ENGINE, GObject)

/* Starts the thread. Whatever waits for an answer holds a reference, so whoever wants the engine to
 * end calls em_engine_cancel (engine, 0) first; the last reference waits for the thread. Must not
 * be dropped on another thread than the one that made the engine. */
EmEngine *em_engine_new (void);

/* Loads a package; NULL: the demo model inside the program. `device` as em_backend_open takes it,
 * NULL is "auto". If it fails the model loaded before stays. Memories and cached answers of the
 * model before are gone; clips stay open. */
void em_engine_load_async (EmEngine *self, const char *path, const char *device,
                           GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
bool em_engine_load_finish (EmEngine *self, GAsyncResult *result, GError **error);

bool em_engine_is_loaded (EmEngine *self);
bool em_engine_has_sound (EmEngine *self);           /* the model has a fuser */
bool em_engine_reads (EmEngine *self);               /* and takes expressions beside sound */
const char *em_engine_model_name (EmEngine *self);   /* "" without a model */
const char *em_engine_model_digest (EmEngine *self); /* 64 hex digits, "" without a model */
const char *em_engine_device (EmEngine *self);       /* "CPU, 8 threads, avx512" */
int em_engine_window_size (EmEngine *self);          /* T, grid points that are asked together */
/* EmThrift: what the model's predictors went without so far because memory was out. */
int em_engine_thrift (EmEngine *self);
/* The package in use as it was asked for; NULL: the demo model, or none. */
const char *em_engine_model_path (EmEngine *self);
/* About how long the processor would take for a tracked frame; 0: not known. Measures it for some
 * milliseconds. */
double em_engine_cpu_seconds (EmEngine *self);

/* Makes a clip known and returns its number, > 0. Nothing is computed: decoder and predictor are
 * made by the first job that needs them, and the engine keeps at most two predictors (a tracking
 * one always), least recently used first to go. `audio` NULL: not loaded yet or none. */
guint em_engine_open_clip (EmEngine *self, EmFrameIndex *index, const char *path, EmAudio *audio,
                           double grid_phase);
/* Sound loaded later, or another phase. Answers from before are forgotten. */
void em_engine_set_clip_audio (EmEngine *self, guint clip, EmAudio *audio);
void em_engine_set_clip_phase (EmEngine *self, guint clip, double grid_phase);
/* Cancels the clip's jobs and forgets it. 0 is fine. */
void em_engine_close_clip (EmEngine *self, guint clip);

/* Computes the image features of a frame so that a click there is answered fast. Lowest priority,
 * newest first; no answer. At most the newest 32 asked for wait. */
void em_engine_embed (EmEngine *self, guint clip, int frame);

/* Asks the sound for seconds first..last, clamped to the clip. Whole windows are computed, asked
 * seconds are answered: `progress` (may be NULL) once per window with an array of EmSuggestion,
 * then `callback`. Seconds whose RMS is below `floor` (1e-3 is -60 dBFS) come back silent. A
 * request for one second goes before tracking, a longer one after it. EM_E_USAGE without sound or
 * fuser. With `text` (UTF-8, NULL: none) the answers are what that expression refers to; it may
 * refer to what is silent just then, so no second is left out. EM_E_USAGE as em_predictor_set_text
 * says. */
typedef void (*EmSuggestFn) (GPtrArray *suggestions, int done, int total, gpointer data);
void em_engine_suggest_async (EmEngine *self, guint clip, int first, int last, double floor,
                              const char *text, EmSuggestFn progress, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer data);
/* All suggestions, in order (transfer full). */
GPtrArray *em_engine_suggest_finish (EmEngine *self, GAsyncResult *result, GError **error);

/* The mask that a frame's ordered prompts mean. With `is_preview` it is a hover preview: after
 * clicks, before all else, the newest of its clip replaces the one waiting. */
void em_engine_decode_async (EmEngine *self, guint clip, int64_t object, int frame,
                             const EmPromptSet *set, bool is_preview, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer data);
EmDecoded *em_engine_decode_finish (EmEngine *self, GAsyncResult *result, GError **error);

/* Tracking. A request is a list of seeds, the masks that condition the tracker (an empty mask says:
 * not here), and a list of spans, run one after the other: each begins a fresh memory, takes the
 * seeds of its objects that lie in seed_first..seed_last and goes from `from` to `to`, both
 * included and either way. Of seeds outside a span only those nearest to it are looked at, as many
 * as the tracker attends to. Frames that must not be overwritten are told as well: the caller
 * leaves them out. A frame that cannot be decoded is left out. */
typedef struct {
  int64_t object;
  int frame;
  EmRle mask;      /* display size */
  bool is_tracked; /* reached by tracking before: remembered, not conditioning */
} EmTrackSeed;

typedef struct {
  int from, to;
  int seed_first, seed_last;
  int n_objects;
  int64_t *objects;
} EmTrackSpan;

typedef struct {
  GArray *seeds; /* EmTrackSeed */
  GArray *spans; /* EmTrackSpan */
} EmTrackRequest;
EmTrackRequest *em_track_request_new (void);
void em_track_request_free (EmTrackRequest *request);
/* Both copy what they are given. */
void em_track_request_add_seed (EmTrackRequest *request, int64_t object, int frame,
                                const EmRle *mask);
/* A mask that tracking reached before: with the last few before `from` a track is taken up again
 * as if it had not stopped. */
void em_track_request_add_memory (EmTrackRequest *request, int64_t object, int frame,
                                  const EmRle *mask);
void em_track_request_add_span (EmTrackRequest *request, int from, int to, int seed_first,
                                int seed_last, const int64_t *objects, int n_objects);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmTrackRequest, em_track_request_free)

typedef struct {
  int done, total; /* frames over all spans */
  double fps, eta; /* from the last 20 frames; seconds */
} EmTrackProgress;

/* Called once per finished frame, in order, in the caller's context, and not after `callback`.
 * `frame` is (transfer none). */
typedef void (*EmTrackFn) (EmTrackedFrame *frame, const EmTrackProgress *progress, gpointer data);
/* Takes over `request`. */
void em_engine_track_async (EmEngine *self, guint clip, EmTrackRequest *request, EmTrackFn progress,
                            GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
/* True if it ran to the end. *n_done (may be NULL) frames were told of, also when it did not. */
bool em_engine_track_finish (EmEngine *self, GAsyncResult *result, int *n_done, GError **error);

/* Cancels all jobs of a clip, or of all clips (0). */
void em_engine_cancel (EmEngine *self, guint clip);

/* Where EmError becomes GError: true and untouched if `err` holds none, else false with *error set
 * and `err` emptied. */
bool em_engine_take_error (EmError *err, GError **error);

G_END_DECLS
