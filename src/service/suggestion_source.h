/* suggestion_source.h - the name under which the project keeps what a model heard or read.
 *
 * Weights, settings and the sentence, if there is one, determine a suggestion; their hash is its
 * source, so that a second run finds what is there, in the window and on the command line alike. */
#pragma once
#include "service/results.h"
#include "store/db_suggest.h"

G_BEGIN_DECLS

/* image_size: 0 where pictures are seen at the size that the package names. text: what was read,
 * NULL for the sound alone. (transfer full) */
char *em_suggestion_source (const char *weights_digest, int image_size, double grid_phase,
                            double floor, const char *text);
/* Was something read? The name says so by itself, also when the sentence is no more. */
bool em_suggestion_source_is_text (const char *source);

/* Keeps an array of EmSuggestion of one clip in one commit. Store thread. */
bool em_suggestions_store (EmDb *db, int64_t clip, const char *source, const char *weights,
                           const GPtrArray *suggestions, GError **error);

G_END_DECLS
