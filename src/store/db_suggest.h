/* db_suggest.h - what the sound proposes, until a person decides.
 *
 * A suggestion keeps the model's logits as a byte each. Candidates are always cut from these stored
 * values, so what the threshold slider shows and what is accepted agree to the bit. Suggestions are
 * no steps; decisions are (em_edit_decide). */
#pragma once
#include "store/db_step.h"

G_BEGIN_DECLS

typedef struct {
  int frame;
  char *source;     /* digest of weights and settings */
  char *weights;    /* digest, or NULL */
  float iou, score; /* NAN: none */
  int side;         /* 0: the second is silent, nothing was asked */
  int8_t *logits;   /* [side, side], in steps of 1/16; NULL where silent, or dropped for room */
  bool is_decided;
  EmDecision decision; /* where is_decided */
  int64_t at_us;
} EmDbSuggestion;
void em_db_suggestion_free (EmDbSuggestion *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmDbSuggestion, em_db_suggestion_free)

/* Several frames in one commit: `logits` is [side, side] of floats, NULL for a silent second. What
 * is there by (frame, source) stays as it is, unless its logits were dropped for room. *written:
 * how many were new. May be NULL. */
typedef struct {
  int frame;
  const float *logits;
  float iou, score;
} EmSuggestionRow;
bool em_db_put_suggestions (EmDb *db, int64_t clip, const char *source, const char *weights,
                            int side, const EmSuggestionRow *rows, int n, int *written,
                            GError **error);
EmDbSuggestion *
em_db_suggestion (EmDb *db, int64_t clip, int frame, const char *source,
                  GError **error); /* source NULL: the newest; NULL without error: none */
GPtrArray *em_db_suggestions (EmDb *db, int64_t clip, bool with_logits,
                              GError **error); /* by frame */
bool em_db_drop_suggestions (EmDb *db, int64_t clip, const char *source,
                             GError **error); /* NULL: all */

/* The sounding region of a suggestion at display size: where the stored logits, resized bilinearly,
 * exceed the logit of `threshold` (0..1). */
EmRle em_db_suggestion_region (const EmDbSuggestion *s, double threshold, int width, int height);

G_END_DECLS
