/* rle.c - the compressed string of a mask: 4 bytes of size, then the string. Whatever is accepted
 * survives pixels and string, and counts as many pixels as it has. */
#include <string.h>
#include "base/rle.h"
#include "fuzz.h"

unsigned long fuzz_n_accepted;

size_t
fuzz_seed (int i, uint8_t out[FUZZ_ROOM])
{
  static const uint8_t pixels[3][12]
      = { { 0 }, { 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 1 }, { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 } };
  EmRle a;
  char *text;
  size_t n;

  if (i >= 4)
    return 0;
  a = i < 3 ? em_rle_encode (pixels[i], 4, 3) : em_rle_new (255, 200);
  text = em_rle_to_string (&a);
  n = strlen (text);
  out[0] = (uint8_t) a.width;
  out[1] = 0;
  out[2] = (uint8_t) a.height;
  out[3] = 0;
  memcpy (out + 4, text, n);
  free (text);
  em_rle_clear (&a);
  return n + 4;
}

void
fuzz_repair (uint8_t *bytes, size_t n)
{
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n)
{
  EmRle a = { 0 };
  EmError err = EM_ERROR_INIT;

  if (n < 4)
    return 0;

  int width = bytes[0] + 256 * (bytes[1] % 8), height = bytes[2] + 256 * (bytes[3] % 8);
  if (!em_rle_from_string (&a, (const char *) bytes + 4, n - 4, width, height, &err)) {
    FUZZ_DEMAND (err.code != EM_OK && err.text[0]);
    return 0;
  }
  fuzz_n_accepted++;
  FUZZ_DEMAND (a.width == width && a.height == height);

  uint8_t *pixels = malloc ((size_t) width * height + 1);
  int64_t area = 0;
  char *text = em_rle_to_string (&a);
  EmRle again = { 0 }, encoded;

  em_rle_decode (&a, pixels, 1);
  for (int64_t i = 0; i < (int64_t) width * height; i++)
    area += pixels[i];
  FUZZ_DEMAND (area == em_rle_area (&a));
  encoded = em_rle_encode (pixels, width, height);
  FUZZ_DEMAND (em_rle_equal (&a, &encoded));
  FUZZ_DEMAND (em_rle_from_string (&again, text, strlen (text), width, height, &err));
  FUZZ_DEMAND (em_rle_equal (&a, &again));
  em_rle_clear (&again);
  em_rle_clear (&encoded);
  em_rle_clear (&a);
  free (text);
  free (pixels);
  return 0;
}
