/* suggestion_source.c - from the engine's answers to rows of the project. */
#include "service/suggestion_source.h"

char *
em_suggestion_source (const char *weights_digest, int image_size, double grid_phase, double floor)
{
  char phase[G_ASCII_DTOSTR_BUF_SIZE], quiet[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *text = NULL;

  g_ascii_dtostr (phase, sizeof phase, grid_phase);
  g_ascii_dtostr (quiet, sizeof quiet, floor);
  text = g_strdup_printf ("sound 1\n%s\n%s\n%s\n", weights_digest, phase, quiet);
  if (image_size) {
    g_autofree char *usual = g_steal_pointer (&text);

    text = g_strdup_printf ("%ssize %d\n", usual, image_size);
  }
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
}

bool
em_suggestions_store (EmDb *db, int64_t clip, const char *source, const char *weights,
                      const GPtrArray *suggestions, GError **error)
{
  g_autofree EmSuggestionRow *rows = g_new0 (EmSuggestionRow, suggestions->len + 1);
  int side = 0;

  for (guint i = 0; i < suggestions->len; i++) {
    const EmSuggestion *s = suggestions->pdata[i];

    rows[i].frame = s->frame;
    rows[i].iou = s->iou;
    rows[i].score = s->score;
    if (s->logits) {
      rows[i].logit_bytes = g_bytes_get_data (s->logits, NULL);
      side = s->side;
    }
  }
  return em_db_put_suggestions (db, clip, source, weights, side, rows, (int) suggestions->len, NULL,
                                error);
}
