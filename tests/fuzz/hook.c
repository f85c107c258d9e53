/* hook.c - libFuzzer's mutations, mended by the target. */
#include "fuzz.h"

size_t LLVMFuzzerMutate (uint8_t *bytes, size_t n, size_t room); /* libFuzzer's */
size_t LLVMFuzzerCustomMutator (uint8_t *bytes, size_t n, size_t room, unsigned seed);

size_t
LLVMFuzzerCustomMutator (uint8_t *bytes, size_t n, size_t room, unsigned seed)
{
  n = LLVMFuzzerMutate (bytes, n, room);
  fuzz_repair (bytes, n);
  return n;
}
