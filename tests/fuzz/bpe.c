/* bpe.c - a tokenizer's two files and a text, each ended by a NUL: what is accepted reads the text
 * in any room alike. */
#include "models/bpe.h"
#include <string.h>
#include "../unit/vocab.h"
#include "fuzz.h"

enum { N_IDS = 300, ROOM = EM_MAX_TEXT_BYTES + 2 };

unsigned long fuzz_n_accepted;

size_t
fuzz_seed (int i, uint8_t out[FUZZ_ROOM])
{
  static const char *const merges[] = { "t h", "th e",          "\u0120 the",    "a a", "aa a",
                                        "' s", "\u0120 \u0120", "\u00c3 \u00a9", NULL };
  static const char *const texts[]
      = { "the aaaaa's  caf\u00e9 12", " \n\t it's \u4f60\u597d \U0001f600!" };
  char *vocab, *list;
  size_t n = 0;

  if (i >= 2)
    return 0;
  vocab_make (merges + 3 * i, &vocab, &list);
  memcpy (out, vocab, strlen (vocab) + 1);
  n += strlen (vocab) + 1;
  memcpy (out + n, list, strlen (list) + 1);
  n += strlen (list) + 1;
  for (int k = 0; k < 80; k++) { /* so long that half of all mutations change the text */
    memcpy (out + n, texts[i], strlen (texts[i]));
    n += strlen (texts[i]);
  }
  free (vocab);
  free (list);
  return n;
}

void
fuzz_repair (uint8_t *bytes, size_t n)
{
}

static void
read_text (const EmBpe *b, const char *text)
{
  static int32_t all[ROOM];
  EmError err = EM_ERROR_INIT;
  int32_t few[25];
  int n_all = em_bpe_encode (b, text, all, ROOM, &err), n;

  if (!n_all) {
    FUZZ_DEMAND (err.code == EM_E_USAGE && err.text[0]);
    return;
  }
  fuzz_n_accepted++;
  FUZZ_DEMAND (n_all <= (int) strlen (text) + 2 && all[0] == 0 && all[n_all - 1] == 2);
  for (int i = 0; i < n_all; i++)
    FUZZ_DEMAND (all[i] >= 0 && all[i] < N_IDS);
  n = em_bpe_encode (b, text, few, 25, &err);
  FUZZ_DEMAND (n == (n_all < 25 ? n_all : 25) && few[n - 1] == 2);
  FUZZ_DEMAND (memcmp (few, all, (size_t) (n - 1) * sizeof *few) == 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n)
{
  const uint8_t *end = memchr (bytes, 0, n), *merges, *merges_end;
  EmError err = EM_ERROR_INIT;
  EmBpe *b;
  char *text;

  if (!end)
    return 0;
  merges = end + 1;
  merges_end = memchr (merges, 0, n - (size_t) (merges - bytes));
  if (!merges_end)
    return 0;
  b = em_bpe_new (bytes, (size_t) (end - bytes), merges, (size_t) (merges_end - merges), N_IDS,
                  "input", &err);
  if (!b) {
    FUZZ_DEMAND (err.code == EM_E_WEIGHTS && err.text[0]);
    return 0;
  }
  text = strndup ((const char *) merges_end + 1, n - (size_t) (merges_end + 1 - bytes));
  read_text (b, text);
  free (text);
  em_bpe_free (b);
  return 0;
}
