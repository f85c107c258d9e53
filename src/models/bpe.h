/* bpe.h - byte-level BPE, as RoBERTa's tokenizer does it: an expression to numbers of a vocabulary.
 *
 * Text is split into words, numbers, other signs and white space, each with at most one blank
 * before it; the bytes of a piece are symbols, and neighbours are joined in the order in which the
 * merges were learned. Nothing is lower-cased or normalised, and what looks like a special token
 * ("<mask>") is text like any other. Read-only once made. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define EM_MAX_TEXT_BYTES 4096 /* of an expression; the model reads some twenty words of it */

enum { EM_TOKEN_BEGIN = 0, EM_TOKEN_PAD = 1, EM_TOKEN_END = 2 };

typedef struct EmBpe EmBpe;

/* The bytes of vocab.json, a JSON object of tokens and their numbers 0 .. n_ids - 1, and of
 * merges.txt, a merge a line, best first; neither is kept. `source` names them in messages.
 * EM_E_WEIGHTS if they are not those of a byte-level BPE with RoBERTa's ends and padding. */
EmBpe *em_bpe_new (const void *vocab, size_t n_vocab, const void *merges, size_t n_merges,
                   int n_ids, const char *source, EmError *err);
void em_bpe_free (EmBpe *b); /* NULL is fine */

/* The numbers of `utf8` between EM_TOKEN_BEGIN and EM_TOKEN_END, cut to `room` (2 at least) in all.
 * Returns how many, padding is the caller's; 0 with EM_E_USAGE for what is empty, longer than
 * EM_MAX_TEXT_BYTES or not UTF-8. */
int em_bpe_encode (const EmBpe *b, const char *utf8, int32_t *ids, int room, EmError *err);
