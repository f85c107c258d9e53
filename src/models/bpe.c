/* bpe.c - splits text into pieces and joins their bytes by the merges.
 *
 * The files speak of bytes as printable characters: those that have a sign of their own in Latin-1
 * stand for themselves, the others in turn for U+0100 and on, so that a blank is U+0120. Symbols
 * are numbers of the vocabulary from the beginning; a merge is then two numbers and a third, found
 * by bisection. */
#include "models/bpe.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "models/unicode.h"

#define MAX_FILE  ((size_t) 16 << 20) /* of either; the public ones have less than 1 MB */
#define MAX_TOKEN 1024                /* bytes of a token's name */

typedef struct {
  int32_t left, right;
  int32_t rank; /* the line it comes from */
  int32_t joined;
} Merge;

struct EmBpe {
  int32_t bytes[256]; /* the symbol of every byte */
  int n;
  Merge *merges; /* by left, right */
};

/* Reading the files -------------------------------------------------------------------------------
 */

static bool
read_vocab (const json_t *vocab, int n_ids, const char *source, EmError *err)
{
  const char *token;
  json_t *value;

  if (!json_is_object (vocab))
    return em_fail (err, EM_E_WEIGHTS, "%.160s: vocab.json is no object of tokens", source);
  json_object_foreach ((json_t *) vocab, token, value)
  {
    json_int_t id = json_is_integer (value) ? json_integer_value (value) : -1;

    if (id < 0 || id >= n_ids)
      return em_fail (err, EM_E_WEIGHTS,
                      "%.160s: vocab.json gives token %.80s no number from 0 to %d", source, token,
                      n_ids - 1);
  }
  return true;
}

static int32_t
id_of (const json_t *vocab, const char *token, size_t n)
{
  const json_t *value = json_object_getn (vocab, token, n);

  return value ? (int32_t) json_integer_value (value) : -1;
}

static bool
check_special (const json_t *vocab, const char *source, EmError *err)
{
  static const struct {
    const char *token;
    int32_t id;
  } known[] = { { "<s>", EM_TOKEN_BEGIN }, { "<pad>", EM_TOKEN_PAD }, { "</s>", EM_TOKEN_END } };

  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (id_of (vocab, known[i].token, strlen (known[i].token)) != known[i].id)
      return em_fail (err, EM_E_WEIGHTS,
                      "%.160s: vocab.json does not give %s the number %d: it is not RoBERTa's",
                      source, known[i].token, known[i].id);
  return true;
}

/* The character that stands for a byte, as UTF-8; returns its length. */
static size_t
sign_of (int byte, int *n_other, char out[2])
{
  bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
  int sign = printable ? byte : 256 + (*n_other)++;

  if (sign < 0x80) {
    out[0] = (char) sign;
    return 1;
  }
  out[0] = (char) (0xc0 | sign >> 6);
  out[1] = (char) (0x80 | (sign & 0x3f));
  return 2;
}

static bool
read_bytes (EmBpe *b, const json_t *vocab, const char *source, EmError *err)
{
  int n_other = 0;

  for (int byte = 0; byte < 256; byte++) {
    char sign[2];
    size_t n = sign_of (byte, &n_other, sign);

    if ((b->bytes[byte] = id_of (vocab, sign, n)) < 0)
      return em_fail (err, EM_E_WEIGHTS,
                      "%.160s: vocab.json has no token for the byte %d: it is not a byte-level one",
                      source, byte);
  }
  return true;
}

/* "left right" */
static bool
read_merge (Merge *m, const json_t *vocab, const char *line, size_t n, int number,
            const char *source, EmError *err)
{
  const char *blank = memchr (line, ' ', n);
  size_t n_left = blank ? (size_t) (blank - line) : 0, n_right = blank ? n - n_left - 1 : 0;
  char joined[MAX_TOKEN];

  if (!n_left || !n_right || n > MAX_TOKEN || memchr (blank + 1, ' ', n_right))
    return em_fail (err, EM_E_WEIGHTS, "%.160s: merges.txt, line %d: no two symbols", source,
                    number);
  memcpy (joined, line, n_left);
  memcpy (joined + n_left, blank + 1, n_right);
  *m = (Merge){ .left = id_of (vocab, line, n_left),
                .right = id_of (vocab, blank + 1, n_right),
                .rank = number,
                .joined = id_of (vocab, joined, n_left + n_right) };
  if (m->left < 0 || m->right < 0 || m->joined < 0)
    return em_fail (err, EM_E_WEIGHTS,
                    "%.160s: merges.txt, line %d: a symbol that vocab.json has not: the two files "
                    "do not belong together",
                    source, number);
  return true;
}

static int
by_pair (const void *a, const void *b)
{
  const Merge *x = a, *y = b;

  if (x->left != y->left)
    return x->left < y->left ? -1 : 1;
  return x->right < y->right ? -1 : x->right > y->right;
}

static int
by_pair_then_rank (const void *a, const void *b)
{
  int order = by_pair (a, b);

  return order ? order : ((const Merge *) a)->rank - ((const Merge *) b)->rank;
}

/* Of a pair that comes twice the last counts, as in the reference. */
static void
sort_merges (EmBpe *b)
{
  int n = 0;

  if (b->n)
    qsort (b->merges, (size_t) b->n, sizeof *b->merges, by_pair_then_rank);
  for (int i = 0; i < b->n; i++)
    if (i + 1 == b->n || by_pair (&b->merges[i], &b->merges[i + 1]) != 0)
      b->merges[n++] = b->merges[i];
  b->n = n;
}

static bool
read_merges (EmBpe *b, const json_t *vocab, const char *text, size_t n, const char *source,
             EmError *err)
{
  size_t room = 0;
  int number = 0;

  for (size_t at = 0; at < n; at++)
    room += text[at] == '\n';
  if (!(b->merges = malloc ((room + 1) * sizeof *b->merges)))
    return em_fail (err, EM_E_MEMORY, "out of memory");
  for (size_t at = 0; at < n;) {
    const char *line = text + at, *end = memchr (line, '\n', n - at);
    size_t length = end ? (size_t) (end - line) : n - at;

    at += length + 1;
    number++;
    if (length && line[length - 1] == '\r')
      length--;
    if (length >= 8 && memcmp (line, "#version", 8) == 0)
      continue;
    if (length == 0 && at >= n) /* the last line may be empty */
      break;
    if (!read_merge (&b->merges[b->n], vocab, line, length, number, source, err))
      return false;
    b->n++;
  }
  sort_merges (b);
  return true;
}

EmBpe *
em_bpe_new (const void *vocab, size_t n_vocab, const void *merges, size_t n_merges, int n_ids,
            const char *source, EmError *err)
{
  EmBpe *b = calloc (1, sizeof *b);
  json_t *tokens = NULL;
  char what[256];
  bool ok = b || em_fail (err, EM_E_MEMORY, "out of memory");

  snprintf (what, sizeof what, "vocab.json of %.160s", source);
  if (ok && (n_vocab > MAX_FILE || n_merges > MAX_FILE))
    ok = em_fail (err, EM_E_WEIGHTS, "%.160s: %s has more than 16 MiB", source,
                  n_vocab > MAX_FILE ? "vocab.json" : "merges.txt");
  ok = ok && (tokens = em_json_parse (vocab, n_vocab, what, EM_E_WEIGHTS, err))
       && read_vocab (tokens, n_ids, source, err) && check_special (tokens, source, err)
       && read_bytes (b, tokens, source, err)
       && read_merges (b, tokens, merges, n_merges, source, err);
  json_decref (tokens);
  if (ok)
    return b;
  em_bpe_free (b);
  return NULL;
}

void
em_bpe_free (EmBpe *b)
{
  if (!b)
    return;
  free (b->merges);
  free (b);
}

/* Splitting ---------------------------------------------------------------------------------------
 */

typedef struct {
  int n;
  uint16_t at[EM_MAX_TEXT_BYTES + 1]; /* where each begins, then the end */
  uint8_t class[EM_MAX_TEXT_BYTES];   /* EmCharClass */
} Characters;

/* The length of the character that `s` begins with, 0 if it is none: no surrogates, nothing beyond
 * U+10FFFF, nothing longer than it need be. */
static int
read_character (const char *s, uint32_t *c)
{
  static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
  uint8_t first = (uint8_t) s[0];
  int n = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

  if (n == 0 || first >= 0xf8)
    return 0;
  *c = n == 1 ? first : first & (0x7fu >> n);
  for (int i = 1; i < n; i++) {
    if (((uint8_t) s[i] & 0xc0) != 0x80) /* so does the end of the text */
      return 0;
    *c = *c << 6 | ((uint8_t) s[i] & 0x3f);
  }
  return *c >= least[n] && *c <= 0x10ffff && (*c < 0xd800 || *c > 0xdfff) ? n : 0;
}

static bool
read_characters (Characters *c, const char *text, EmError *err)
{
  size_t n = strlen (text), at = 0;

  c->n = 0;
  if (n == 0)
    return em_fail (err, EM_E_USAGE, "the expression is empty");
  if (n > EM_MAX_TEXT_BYTES)
    return em_fail (err, EM_E_USAGE, "an expression of %zu bytes is too long: at most %d", n,
                    EM_MAX_TEXT_BYTES);
  for (; at < n; c->n++) {
    uint32_t character;
    int length = read_character (text + at, &character);

    if (!length)
      return em_fail (err, EM_E_USAGE, "the expression is not UTF-8: byte %zu is 0x%02x", at + 1,
                      (uint8_t) text[at]);
    c->at[c->n] = (uint16_t) at;
    c->class[c->n] = (uint8_t) em_char_class (character);
    at += (size_t) length;
  }
  c->at[c->n] = (uint16_t) at;
  return true;
}

/* Where the piece that begins with character i ends: an English ending; or a run of letters, of
 * numbers or of other signs, with a blank before it if there is one; or white space, which leaves
 * its last character to the word that follows. */
static int
piece_end (const char *text, const Characters *c, int i)
{
  static const char *const endings[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };
  const char *here = text + c->at[i];
  int first = i + (*here == ' '), end;

  for (size_t k = 0; k < sizeof endings / sizeof *endings; k++)
    if (strncmp (here, endings[k], strlen (endings[k])) == 0)
      return i + (int) strlen (endings[k]);
  if (first < c->n && c->class[first] != EM_CHAR_SPACE) {
    for (end = first + 1; end < c->n && c->class[end] == c->class[first];)
      end++;
    return end;
  }
  for (end = i; end < c->n && c->class[end] == EM_CHAR_SPACE;)
    end++;
  return end < c->n && end - i > 1 ? end - 1 : end;
}

/* Joining -----------------------------------------------------------------------------------------
 */

static const Merge *
find_merge (const EmBpe *b, int32_t left, int32_t right)
{
  const Merge key = { .left = left, .right = right };

  return b->n ? bsearch (&key, b->merges, (size_t) b->n, sizeof key, by_pair) : NULL;
}

/* Joins neighbours until no merge is left: the best of all pairs, everywhere it stands, from left
 * to right. What is known of pairs that did not change is kept. Returns how many symbols remain. */
static int
join (const EmBpe *b, int32_t *symbols, int n)
{
  const Merge *pairs[EM_MAX_TEXT_BYTES]; /* of a symbol and the next */

  for (int i = 0; i + 1 < n; i++)
    pairs[i] = find_merge (b, symbols[i], symbols[i + 1]);
  for (;;) {
    const Merge *best = NULL;
    int k = 0;

    for (int i = 0; i + 1 < n; i++)
      if (pairs[i] && (!best || pairs[i]->rank < best->rank))
        best = pairs[i];
    if (!best)
      return n;
    for (int i = 0; i < n; i++, k++) {
      bool joined = i + 1 < n && pairs[i] == best;

      symbols[k] = joined ? best->joined : symbols[i];
      i += joined;
      if (i + 1 < n)
        pairs[k] = pairs[i];
    }
    n = k;
    for (int i = 0; i + 1 < n; i++)
      if (symbols[i] == best->joined || symbols[i + 1] == best->joined)
        pairs[i] = find_merge (b, symbols[i], symbols[i + 1]);
  }
}

int
em_bpe_encode (const EmBpe *b, const char *utf8, int32_t *ids, int room, EmError *err)
{
  Characters c;
  int32_t symbols[EM_MAX_TEXT_BYTES];
  int n = 0;

  EM_BUG_UNLESS (room >= 2);
  if (!read_characters (&c, utf8, err))
    return 0;
  ids[n++] = EM_TOKEN_BEGIN;
  for (int i = 0, end; i < c.n && n < room - 1; i = end) {
    int n_symbols = 0;

    end = piece_end (utf8, &c, i);
    for (int at = c.at[i]; at < c.at[end]; at++)
      symbols[n_symbols++] = b->bytes[(uint8_t) utf8[at]];
    n_symbols = join (b, symbols, n_symbols);
    for (int k = 0; k < n_symbols && n < room - 1; k++)
      ids[n++] = symbols[k];
  }
  ids[n++] = EM_TOKEN_END;
  return n;
}
