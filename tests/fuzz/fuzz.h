/* fuzz.h - what a fuzz target offers: libFuzzer's entry and its own seeds.
 *
 * A target reads bytes as a stranger's file and uses all of what it got; wrong answers abort
 * (FUZZ_DEMAND), crashes show by themselves. The same object links with libFuzzer and with
 * mutate.c. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n);

/* Seed number `i` into `out`; its length, 0 where there is none. */
#define FUZZ_ROOM 8192
size_t fuzz_seed (int i, uint8_t out[FUZZ_ROOM]);
/* Mends what a mutation would break for certain (checksums), so that more than the outermost check
 * is reached. */
void fuzz_repair (uint8_t *bytes, size_t n);

/* Inputs that were read to their end: a fuzzer whose every input is refused at the door tests the
 * door. */
extern unsigned long fuzz_n_accepted;

#define FUZZ_DEMAND(claim)                                                                         \
  do {                                                                                             \
    if (!(claim)) {                                                                                \
      fprintf (stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #claim);                       \
      abort ();                                                                                    \
    }                                                                                              \
  } while (0)
