/* db_suggest.h - what the sound proposes, until a person decides.
 *
 * A suggestion keeps the model's logits as a byte each, as service/results.h makes them: 128 + 16 x
 * logit, clamped. Candidates are always cut from these bytes, so what the threshold slider shows
 * and what is accepted agree to the bit. Suggestions are no steps; decisions are (em_edit_decide).
 */
#pragma once
#include "store/db_step.h"

G_BEGIN_DECLS

typedef struct {
  int frame;
  char *source;         /* digest of weights and settings */
  char *weights;        /* digest, or NULL */
  float iou, score;     /* NAN: none */
  int side;             /* 0: the second is silent, nothing was asked */
  uint8_t *logit_bytes; /* [side, side]; NULL where silent, or dropped for room */
  bool is_dropped;      /* its logits had to make room */
  bool is_decided;
  EmDecision decision; /* where is_decided */
  int64_t at_us;
} EmDbSuggestion;
void em_db_suggestion_free (EmDbSuggestion *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmDbSuggestion, em_db_suggestion_free)

/* Several frames in one commit. What is there by (frame, source) stays as it is, unless its logits
 * were dropped for room. *written (may be NULL): how many were new. */
typedef struct {
  int frame;
  const uint8_t *logit_bytes; /* [side, side]; NULL for a silent second */
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

G_END_DECLS
