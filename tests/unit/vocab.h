/* vocab.h - a byte-level vocabulary for tests: the four special tokens, 256 bytes, and what the
 * merges make, in this order. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VOCAB_BYTES 4 /* the number of byte 33; the other bytes follow in the files' own order */

/* The sign of every byte, as the files write it: bytes without a sign of their own get U+0100 on.
 */
static inline void
vocab_sign (int byte, char out[3])
{
  int other = byte < 33 ? byte : byte < 161 ? byte - 127 + 33 : 67;
  int sign = (byte >= 33 && byte < 127) || (byte > 160 && byte != 173) ? byte : 256 + other;

  snprintf (out, 3, sign < 128 ? "%c" : "%c%c", sign < 128 ? sign : 0xc0 | sign >> 6,
            0x80 | (sign & 0x3f));
}

/* vocab.json and merges.txt with these merges ("t h", a blank in a word is "\u0120"), NULL at the
 * end; both are the caller's. Returns how many tokens there are. */
static inline int
vocab_make (const char *const *list, char **vocab, char **merges)
{
  size_t n_vocab, n_merges;
  FILE *v = open_memstream (vocab, &n_vocab), *m = open_memstream (merges, &n_merges);
  int n = VOCAB_BYTES;

  fprintf (v, "{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3");
  for (int i = 0; i < 256; i++) {
    int byte = (i + 33) % 256;
    char sign[3];

    vocab_sign (byte, sign);
    fprintf (v, ",\"%s%s\":%d", byte == '"' || byte == '\\' ? "\\" : "", sign, n++);
  }
  fprintf (m, "#version: 0.2\n");
  for (; list && *list; list++) {
    const char *blank = strchr (*list, ' ');

    fprintf (v, ",\"%.*s%s\":%d", (int) (blank - *list), *list, blank + 1, n++);
    fprintf (m, "%s\n", *list);
  }
  fprintf (v, "}");
  fclose (v);
  fclose (m);
  return n;
}
