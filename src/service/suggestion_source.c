/* suggestion_source.c - from the engine's answers to rows of the project. */
#include "service/suggestion_source.h"

#define TEXT_PREFIX "text "

char *
em_suggestion_source (const char *weights_digest, int image_size, double grid_phase, double floor,
                      const char *text)
{
  char phase[G_ASCII_DTOSTR_BUF_SIZE], quiet[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *words = NULL, *sum = NULL;

  g_ascii_dtostr (phase, sizeof phase, grid_phase);
  g_ascii_dtostr (quiet, sizeof quiet, floor);
  words = g_strdup_printf ("sound 1\n%s\n%s\n%s\n", weights_digest, phase, quiet);
  if (image_size) {
    g_autofree char *usual = g_steal_pointer (&words);

    words = g_strdup_printf ("%ssize %d\n", usual, image_size);
  }
  if (text) {
    g_autofree char *unread = g_steal_pointer (&words);

    words = g_strdup_printf ("%stext %s\n", unread, text);
  }
  sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, words, -1);
  return text ? g_strconcat (TEXT_PREFIX, sum, NULL) : g_steal_pointer (&sum);
}

bool
em_suggestion_source_is_text (const char *source)
{
  return g_str_has_prefix (source, TEXT_PREFIX);
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
