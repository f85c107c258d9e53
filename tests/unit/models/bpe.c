/* bpe.c - pieces and merges on a vocabulary made by hand; the reference's own numbers are in the
 * golden text. */
#include "models/bpe.h"
#include "check.h"
#include "models/unicode.h"
#include "vocab.h"

/* What a blank becomes. */
#define B "\u0120"

static const char *const merges[]
    = { "t h", "th e", B " the", "o g",  B " d", B "d og", "d og", "a a",  "aa a", "' s",
        "l l", "' t",  "r e",    "' re", "v e",  "' ve",   "' m",  "' ll", "' d",  NULL };

static char *vocab_json, *merges_txt;
static int n_ids;
static EmBpe *bpe;

static EmBpe *
make (const char *vocab, const char *list, EmError *err)
{
  *err = (EmError) EM_ERROR_INIT;
  return em_bpe_new (vocab, strlen (vocab), list, strlen (list), n_ids, "test", err);
}

static void
begin (void)
{
  EmError err;

  n_ids = vocab_make (merges, &vocab_json, &merges_txt);
  bpe = make (vocab_json, merges_txt, &err);
  CHECK (bpe);
  CHECK_TEXT (err.text, "");
}

/* The token of merge i, of a byte. */
static int
merged (int i)
{
  return VOCAB_BYTES + 256 + i;
}

static int
byte (int c)
{
  return VOCAB_BYTES + (c - 33 + 256) % 256;
}

#define CHECK_TOKENS(text, ...) check_tokens (__LINE__, text, (int[]){ __VA_ARGS__, -1 })

static void
check_tokens (int line, const char *text, const int *want)
{
  int32_t ids[EM_MAX_TEXT_BYTES + 2];
  EmError err = EM_ERROR_INIT;
  int n = em_bpe_encode (bpe, text, ids, EM_MAX_TEXT_BYTES + 2, &err), i = 0;
  bool same = n >= 2 && ids[0] == 0 && ids[n - 1] == 2;

  for (; same && want[i] >= 0; i++)
    same = i + 2 < n && ids[i + 1] == want[i];
  if (same && i + 2 == n)
    return;
  fprintf (stderr, "line %d: \"%s\" is", line, text);
  for (int k = 0; k < n; k++)
    fprintf (stderr, " %d", ids[k]);
  fprintf (stderr, " %s\n", err.text);
  check_failures++;
}

static void
joins_by_rank (void)
{
  CHECK_TOKENS ("the", merged (1));
  CHECK_TOKENS (" the dog", merged (2), merged (5));
  CHECK_TOKENS ("dog", merged (6)); /* without a blank it is another token */
  CHECK_TOKENS ("aaa", merged (8));
  CHECK_TOKENS ("aaaaa", merged (7), merged (8)); /* aa aa a, from left to right, then aa aaa */
  CHECK_TOKENS ("aaaa", merged (7), merged (7));  /* aa aa: no a is left to join */
  CHECK_TOKENS ("The", byte ('T'), byte ('h'), byte ('e'));
  CHECK_TOKENS ("th\u00e9", merged (0), byte (0xc3), byte (0xa9));
}

static void
splits_into_pieces (void)
{
  CHECK_TOKENS ("dog's", merged (6), merged (9));
  CHECK_TOKENS ("dog'S", merged (6), byte ('\''), byte ('S'));
  CHECK_TOKENS ("!'s", byte ('!'), byte ('\''),
                byte ('s')); /* a run of signs ends before letters */
  CHECK_TOKENS ("'t're've'm'll'd", merged (11), merged (13), merged (15), merged (16), merged (17),
                merged (18));
  CHECK_TOKENS ("'x'", byte ('\''), byte ('x'), byte ('\''));
  CHECK_TOKENS (" 's", byte (' '), byte ('\''), byte ('s'));
  CHECK_TOKENS ("the  dog", merged (1), byte (' '), merged (5));
  CHECK_TOKENS ("the \ndog", merged (1), byte (' '), byte ('\n'), merged (6));
  CHECK_TOKENS ("the ", merged (1), byte (' '));
  CHECK_TOKENS ("aa1aa", merged (7), byte ('1'), merged (7));
  /* A no-break space is white space, but not the blank that a word takes with it. */
  CHECK_TOKENS ("a\u00a0dog", byte ('a'), byte (0xc2), byte (0xa0), merged (6));
  CHECK_TOKENS ("<mask>", byte ('<'), byte ('m'), byte ('a'), byte ('s'), byte ('k'), byte ('>'));
}

static void
knows_its_characters (void)
{
  static const struct {
    uint32_t c;
    EmCharClass class;
  } known[]
      = { { 0, EM_CHAR_OTHER },        { '\t', EM_CHAR_SPACE },     { 0x1c, EM_CHAR_OTHER },
          { ' ', EM_CHAR_SPACE },      { '0', EM_CHAR_NUMBER },     { 'z', EM_CHAR_LETTER },
          { '{', EM_CHAR_OTHER },      { 0x85, EM_CHAR_SPACE },     { 0xa0, EM_CHAR_SPACE },
          { 0xaa, EM_CHAR_LETTER },    { 0xbd, EM_CHAR_NUMBER },    { 0xd7, EM_CHAR_OTHER },
          { 0x301, EM_CHAR_OTHER },    { 0x660, EM_CHAR_NUMBER },   { 0x200b, EM_CHAR_OTHER },
          { 0x3000, EM_CHAR_SPACE },   { 0x4e00, EM_CHAR_LETTER },  { 0xd7a3, EM_CHAR_LETTER },
          { 0xd800, EM_CHAR_OTHER },   { 0x1f600, EM_CHAR_OTHER },  { 0x1d7d8, EM_CHAR_NUMBER },
          { 0x105c0, EM_CHAR_LETTER }, { 0x323af, EM_CHAR_LETTER }, { 0x323b0, EM_CHAR_OTHER },
          { 0x10ffff, EM_CHAR_OTHER } };

  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (em_char_class (known[i].c) != known[i].class) {
      fprintf (stderr, "U+%04X is of class %d\n", known[i].c, em_char_class (known[i].c));
      check_failures++;
    }
}

static void
keeps_what_there_is_room_for (void)
{
  EmError err = EM_ERROR_INIT;
  int32_t ids[25];

  CHECK_INT (em_bpe_encode (bpe, "the dog the dog the dog", ids, 5, &err), 5);
  CHECK (ids[3] == merged (2) && ids[4] == EM_TOKEN_END);
  CHECK_INT (em_bpe_encode (bpe, "the dog", ids, 2, &err), 2);
  CHECK (ids[0] == EM_TOKEN_BEGIN && ids[1] == EM_TOKEN_END);
  CHECK_INT (em_bpe_encode (bpe, "xyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxy", ids, 25, &err), 25);
  CHECK (ids[23] == byte ('x') && ids[24] == EM_TOKEN_END);
}

static void
check_unread (const char *text, const char *word)
{
  EmError err = EM_ERROR_INIT;
  int32_t ids[25];

  CHECK_INT (em_bpe_encode (bpe, text, ids, 25, &err), 0);
  CHECK_INT (err.code, EM_E_USAGE);
  if (!strstr (err.text, word)) {
    fprintf (stderr, "\"%s\" lacks \"%s\"\n", err.text, word);
    check_failures++;
  }
}

static void
refuses_what_is_no_expression (void)
{
  static char most[EM_MAX_TEXT_BYTES + 2];
  EmError err = EM_ERROR_INIT;
  int32_t ids[25];

  check_unread ("", "empty");
  check_unread ("dog \x80", "byte 5 is 0x80");
  check_unread ("\xc3", "byte 1");             /* cut off */
  check_unread ("a\xc0\xaf", "byte 2");        /* longer than need be */
  check_unread ("\xe0\x80\xaf", "byte 1");     /* the same of three */
  check_unread ("\xed\xa0\x80", "byte 1");     /* a surrogate */
  check_unread ("\xf4\x90\x80\x80", "byte 1"); /* beyond the last */
  check_unread ("\xf8\x88\x80\x80\x80", "byte 1");
  memset (most, 'x', EM_MAX_TEXT_BYTES + 1);
  check_unread (most, "too long");
  most[EM_MAX_TEXT_BYTES] = 0;
  CHECK_INT (em_bpe_encode (bpe, most, ids, 25, &err), 25);
}

static void
check_refused (const char *vocab, const char *list, const char *word)
{
  EmError err;

  CHECK (!make (vocab, list, &err));
  CHECK_INT (err.code, EM_E_WEIGHTS);
  if (!strstr (err.text, word)) {
    fprintf (stderr, "\"%s\" lacks \"%s\"\n", err.text, word);
    check_failures++;
  }
}

/* The vocabulary with `from` replaced once. */
static void
check_vocab_refused (const char *from, const char *to, const char *word)
{
  const char *at = strstr (vocab_json, from);
  char *changed;

  CHECK (at);
  changed = malloc (strlen (vocab_json) + strlen (to) + 1);
  sprintf (changed, "%.*s%s%s", (int) (at - vocab_json), vocab_json, to, at + strlen (from));
  check_refused (changed, merges_txt, word);
  free (changed);
}

static void
refuses_foreign_files (void)
{
  EmError err;

  check_refused ("", merges_txt, "JSON");
  check_refused ("[]", merges_txt, "object");
  check_vocab_refused ("\"<s>\":0", "\"<t>\":0", "<s>");
  check_vocab_refused ("\"<pad>\":1", "\"<pad>\":3", "<pad>");
  check_vocab_refused ("\"x\":", "\"xx\":", "byte 120");
  check_vocab_refused ("\"<unk>\":3", "\"<unk>\":999", "<unk>");
  check_vocab_refused ("\"<unk>\":3", "\"<unk>\":-1", "<unk>");
  check_vocab_refused ("\"<unk>\":3", "\"<unk>\":\"3\"", "<unk>");
  check_refused (vocab_json, "t h e\n", "line 1");
  check_refused (vocab_json, "t h\nth\n", "line 2");
  check_refused (vocab_json, "t h\n th\n", "line 2");
  check_refused (vocab_json, "t h\n\nth e\n", "line 2");
  check_refused (vocab_json, "#version: 0.2\nt h\nx y\n", "line 3");
  for (int i = 0; i < 3; i++) { /* no merges at all, no last line break, those of Windows */
    EmBpe *b = make (vocab_json, (const char *[]){ "", "t h", "t h\r\nth e\r\n" }[i], &err);

    CHECK (b);
    em_bpe_free (b);
  }
}

static void
end (void)
{
  em_bpe_free (bpe);
  free (vocab_json);
  free (merges_txt);
}

CHECK_MAIN (begin, joins_by_rank, splits_into_pieces, knows_its_characters,
            keeps_what_there_is_room_for, refuses_what_is_no_expression, refuses_foreign_files, end)
