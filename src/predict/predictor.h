/* predictor.h - the masks of one clip.
 *
 * A predictor is one clip's timeline over a shared read-only model. It answers three questions:
 * what does the sound say (em_predictor_sound), what do these prompts mean on this frame
 * (em_predictor_decode), and where does this mask go (add, propagate, step). The first two depend
 * only on picture, sound, prompts and weights, and are cached; the third is SAM 2's video predictor
 * with its memory bank. One thread owns a predictor from open to close. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>
#include "base/prompt.h"
#include "base/rle.h"
#include "models/model.h"
#include "predict/thrift.h"

typedef struct EmPredictor EmPredictor;

/* Where pictures and sound come from: the app plugs in a decoder, the tests arrays. */
typedef struct {
  void *self;
  int n_frames, width, height; /* display size: prompts and masks are in its pixels */
  /* height x width x 3 bytes of RGB. */
  bool (*read) (void *self, int frame, uint8_t *rgb, EmError *err);
  /* Instead of `read`: the normalised input itself, 3 x S x S floats, channels first. */
  bool (*read_normalised) (void *self, int frame, float *chw, EmError *err);
  /* 16 kHz stereo, interleaved, from the time of the first frame; NULL with 0 for a silent clip.
   * Must stay valid while the predictor is open. */
  const float *sound;
  int64_t n_samples; /* per channel */
  /* Instead of `sound`: the spectrogram itself, [n_grid, 2, 96, 64]. */
  const float *spect;
  const int *grid; /* the frame of each second, n_grid of them, not falling */
  int n_grid;
  /* Time of every frame in nanoseconds from the first; says which second a frame belongs to. NULL:
   * the second whose grid frame is nearest. */
  const int64_t *pts_ns;
} EmClipSource;

/* SAM 2's switches. em_predictor_defaults() gives what the app uses. */
typedef struct {
  bool memory_f32;            /* keep memories in f32 instead of bf16 */
  bool corrected_become_cond; /* add_all_frames_to_correct_as_cond */
  bool binarize_prompted;     /* binarize_mask_from_pts_for_mem_enc */
  bool dynamic_multimask;     /* fall back from an unstable single mask */
  int max_cond_frames;        /* nearest conditioning frames attended, at least 2; 0: all */
  int memory_stride;          /* memory_temporal_stride_for_eval; at least 1 */
  /* clear_non_cond_mem_around_input: a conditioning frame that is settled or passed takes with it
   * what was tracked up to num_maskmem strides around it. For those who propagate again over what
   * they tracked before a correction; the app begins every stretch with an empty bank. */
  bool clear_around_prompts;
  size_t feature_cache_bytes; /* image features and audio prompts kept */
  /* Memories of tracked frames kept. Beyond it those farthest from the current frame go first; what
   * the next step attends to and frames that were clicked never do. Of given masks the runs are
   * kept, and the memories of those that were looked at last. */
  size_t bank_bytes;
  /* Of either no more than for so many frames, however much room there is: what small models keep
   * would else grow for the length of most clips. 0: no such limit. */
  int max_kept_frames;
} EmPredictorOptions;
EmPredictorOptions em_predictor_defaults (void);

/* A decoded mask. `logits` is [side, side], side = S/4, valid until the next call on the predictor;
 * `mask` belongs to the caller (em_answer_clear). */
typedef struct {
  EmRle mask; /* display size, logits > 0 after bilinear resize */
  const float *logits;
  int side;
  float iou;   /* predicted, 0..1 */
  float score; /* object score logit: absent where <= 0 */
} EmAnswer;
void em_answer_clear (EmAnswer *a);

/* `model`, `source` and what it points to must outlive the predictor. */
EmPredictor *em_predictor_open (EmModel *model, const EmClipSource *source,
                                const EmPredictorOptions *options, EmError *err);
void em_predictor_close (EmPredictor *p); /* NULL is fine */
/* What the predictor holds within its options' bounds, in bytes of host and device. */
typedef struct {
  size_t features, banks;
} EmPredictorBytes;
EmPredictorBytes em_predictor_bytes (const EmPredictor *p);
EmThrift em_predictor_thrift (const EmPredictor *p);
/* Floating-point operations asked for so far for every picture that was looked at; 0 before one. */
double em_predictor_flop_per_frame (const EmPredictor *p);
/* Polled at every op of every call; NULL for none. */
void em_predictor_set_cancel (EmPredictor *p, const atomic_bool *cancel);
void em_predictor_set_tap (EmPredictor *p, EmTapFn tap, void *self);
/* Hears of every matrix product; for benchmarks. */
void em_predictor_set_product (EmPredictor *p, EmProductFn product, void *self);

/* What is read beside what is heard, in every later answer of em_predictor_sound and of
 * em_predictor_decode with sound: an expression such as "the dog on the left", UTF-8; NULL, as at
 * first, for nothing. Answers to recent expressions are kept apart, so changing to and fro is
 * cheap. EM_E_USAGE, with what was read before still in force, if the model cannot read or the text
 * is empty, not UTF-8 or too long to be an expression. */
bool em_predictor_set_text (EmPredictor *p, const char *utf8, EmError *err);

/* Sound. Grid points come in windows of T (the fuser hears T at once): window w answers seconds
 * w T .. w T + T - 1. */
int em_predictor_n_windows (const EmPredictor *p);   /* 0 without sound or fuser */
int em_predictor_window_size (const EmPredictor *p); /* T */
/* Root mean square of second k's samples, both channels, 0..1. */
double em_predictor_rms (const EmPredictor *p, int second);
/* The answers of a window's grid points, in order, as clip tracking decodes them; *n of them, at
 * most T (the padding of a short last window is left out). The masks are not gated by the score.
 * EM_E_USAGE where there is no such window. */
bool em_predictor_sound (EmPredictor *p, int window, EmAnswer *answers, int *n, EmError *err);

/* Makes sure that the image features of `frame` are cached: what comes before a click. */
bool em_predictor_embed (EmPredictor *p, int frame, EmError *err);

/* A mask from prompts alone (no memory of tracking), each prompt on the logits of those before it;
 * a box counts wherever it stands in the order. Without sound this is what em_predictor_add_points
 * answers on an untracked frame, bit for bit.
 * With set->sound the frame is decoded with the audio prompts of its second; the fuser hears this
 * frame in the place of that second's grid frame. Such masks are not gated by the score.
 * EM_MIX_JOINT is one decode of both; EM_MIX_ENSEMBLE the mean of two, clicks alone and sound
 * alone, the latter being em_predictor_sound's answer on grid frames. In a clip without sound the
 * switch does nothing. Neither prompts nor sound is EM_E_USAGE, a frame or mask that does not fit
 * the clip as well. */
bool em_predictor_decode (EmPredictor *p, int frame, const EmPromptSet *set, EmAnswer *answer,
                          EmError *err);

/* Tracking: SAM 2's video predictor. Objects are named by any positive id. */
void em_predictor_reset (EmPredictor *p); /* forgets objects and memories, keeps features */
/* labels 0 negative, 1 positive; box NULL or x0, y0, x1, y1, which needs `clear_old`. Points given
 * before on that frame and object are dropped if `clear_old`; a mask given there is in any case.
 * *answer (may be NULL) is the object's mask on that frame. A prompt ends a propagation. */
bool em_predictor_add_points (EmPredictor *p, int frame, int object, const float *xy,
                              const int *labels, int n, const float *box, bool clear_old,
                              EmAnswer *answer, EmError *err);
/* Without *answer this costs a copy of the mask: a frame that looks at it makes the rest. */
bool em_predictor_add_mask (EmPredictor *p, int frame, int object, const EmRle *mask,
                            EmAnswer *answer, EmError *err);
/* A mask that tracking reached before, from the project: remembered as tracked, not as
 * conditioning; a frame whose prompt has taken its place keeps that. How a track is taken up again:
 * first the keyframes by add_mask, then the last few frames. */
bool em_predictor_remember (EmPredictor *p, int frame, int object, const EmRle *mask, EmError *err);
/* Takes back what was prompted on a frame: its mask, if it has taken its place already, stays as a
 * tracked one, and the next prompt there is a first one. An object without any prompt left cannot
 * be propagated. */
bool em_predictor_clear_frame (EmPredictor *p, int frame, int object, EmError *err);
bool em_predictor_remove_object (EmPredictor *p, int object, EmError *err);
/* What is held for an object on a frame, prompted or tracked: true with *answer. False with
 * err->code EM_OK where nothing is. */
bool em_predictor_at (EmPredictor *p, int frame, int object, EmAnswer *answer, EmError *err);

/* From `start` to `end`, both included, in `direction`: +1 forward, -1 backward. Every object must
 * have been prompted somewhere. Frames with a conditioning mask keep it and are answered with it.
 */
bool em_predictor_propagate (EmPredictor *p, int start, int end, int direction, EmError *err);
/* The next frame of that: true with *frame and one answer per object, in the order they were added
 * (room for em_predictor_n_objects). At the end false with err->code EM_OK. A step that failed or
 * was cancelled has changed nothing and may be asked again. */
bool em_predictor_step (EmPredictor *p, int *frame, EmAnswer *answers, EmError *err);
int em_predictor_n_objects (const EmPredictor *p);
int em_predictor_object (const EmPredictor *p, int i); /* id of the i-th */
