/* png.c - a label or picture file: whatever is accepted has as many pixels as it says. */
#include <string.h>
#include <unistd.h>
#include "base/png.h"
#include "fuzz.h"

unsigned long fuzz_n_accepted;

size_t
fuzz_seed (int i, uint8_t out[FUZZ_ROOM])
{
  static const EmPngKind kinds[] = { EM_PNG_GRAY, EM_PNG_PALETTE, EM_PNG_RGB };
  char path[] = "/tmp/earmark-fuzz-XXXXXX";
  uint8_t pixels[7 * 5 * 3];
  EmError err = EM_ERROR_INIT;
  size_t n = 0;
  int fd;

  if (i >= 3 || (fd = mkstemp (path)) < 0)
    return 0;
  for (size_t k = 0; k < sizeof pixels; k++)
    pixels[k] = (uint8_t) (37 * k);
  if (em_png_write (path, kinds[i], pixels, 7, 5, &err))
    n = read (fd, out, FUZZ_ROOM);
  close (fd);
  unlink (path);
  return n;
}

static uint32_t
crc32_of (const uint8_t *bytes, size_t n)
{
  uint32_t c = 0xffffffff;

  for (size_t i = 0; i < n; i++) {
    c ^= bytes[i];
    for (int k = 0; k < 8; k++)
      c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
  }
  return ~c;
}

/* The checksum of every chunk whose length still fits. */
void
fuzz_repair (uint8_t *bytes, size_t n)
{
  for (size_t at = 8; at + 12 <= n;) {
    uint32_t length = (uint32_t) bytes[at] << 24 | (uint32_t) bytes[at + 1] << 16
                      | (uint32_t) bytes[at + 2] << 8 | bytes[at + 3];

    if (length > n - at - 12)
      return;
    uint32_t crc = crc32_of (bytes + at + 4, length + 4);
    for (int i = 0; i < 4; i++)
      bytes[at + 8 + length + i] = (uint8_t) (crc >> (24 - 8 * i));
    at += 12 + length;
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n)
{
  EmError err = EM_ERROR_INIT;
  volatile uint8_t sum = 0;
  EmPng png;

  if (!em_png_read_bytes (bytes, n, "input", &png, &err)) {
    FUZZ_DEMAND (err.code != EM_OK && err.text[0] && !png.pixels);
    return 0;
  }
  fuzz_n_accepted++;
  FUZZ_DEMAND (png.width > 0 && png.height > 0);
  for (size_t i = 0; i < (size_t) png.width * png.height * (png.kind == EM_PNG_RGB ? 3 : 1); i++)
    sum = (uint8_t) (sum + png.pixels[i]);
  free (png.pixels);
  return 0;
}
