/* results.h - what the engine answers with.
 *
 * Plain immutable values, counted, so that an answer may go to the canvas, the store and a model at
 * once and cross threads without a copy. Nobody writes to one after the engine handed it out. */
#pragma once
#include <glib-object.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/rle.h"

G_BEGIN_DECLS

/* A mask decoded from prompts, sound or both. */
typedef struct {
  int64_t object;
  int frame;
  EmRle mask;     /* display size */
  float iou;      /* predicted, 0..1 */
  float score;    /* object score logit: absent where <= 0 */
  double seconds; /* from the start of the decode to its end, waiting not counted */
} EmDecoded;

#define EM_TYPE_DECODED (em_decoded_get_type ())
GType em_decoded_get_type (void);
EmDecoded *em_decoded_new (void);
EmDecoded *em_decoded_ref (EmDecoded *d);
void em_decoded_unref (EmDecoded *d);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmDecoded, em_decoded_unref)

/* What the sound of one second says about its grid frame. Logits are a byte each: 128 + 16 x logit,
 * clamped to +-8, as the store keeps them; every mask cut from a suggestion is cut from these
 * bytes, so that slider, stored value and accepted mask agree to the bit. */
typedef struct {
  int second, frame;
  bool is_silent; /* the second is below the floor: no logits, nothing is proposed */
  double rms;     /* of the second, 0..1 */
  float iou, score;
  int side;          /* logits are side x side over the whole picture; 0 if silent */
  GBytes *logits;    /* NULL if silent */
  int width, height; /* display size */
} EmSuggestion;

#define EM_TYPE_SUGGESTION (em_suggestion_get_type ())
GType em_suggestion_get_type (void);
EmSuggestion *em_suggestion_new (void);
EmSuggestion *em_suggestion_ref (EmSuggestion *s);
void em_suggestion_unref (EmSuggestion *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmSuggestion, em_suggestion_unref)

/* A connected part of the sounding region. */
typedef struct {
  EmRle mask;
  EmBox box;
  int64_t area;
  float score; /* mean probability over its pixels, 0..1 */
} EmCandidate;
void em_candidate_clear (EmCandidate *c);

/* The region where the probability is above `threshold` (0..1 exclusive; 0.5 is logit 0), and its
 * parts, largest first; EmCandidate each, at most 32, none smaller than `min_area` pixels. Pure
 * functions of the bytes, milliseconds, any thread. */
EmRle em_suggestion_region (const EmSuggestion *s, double threshold);
GArray *em_suggestion_cut (const EmSuggestion *s, double threshold, int64_t min_area);
uint8_t em_logit_to_byte (float logit);
float em_logit_from_byte (uint8_t byte);

/* One frame reached by the tracker: a mask per object. */
typedef struct {
  int frame;
  int n;
  EmDecoded **masks;
} EmTrackedFrame;

#define EM_TYPE_TRACKED_FRAME (em_tracked_frame_get_type ())
GType em_tracked_frame_get_type (void);
EmTrackedFrame *em_tracked_frame_new (int frame, int n);
EmTrackedFrame *em_tracked_frame_ref (EmTrackedFrame *f);
void em_tracked_frame_unref (EmTrackedFrame *f);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmTrackedFrame, em_tracked_frame_unref)

G_END_DECLS
