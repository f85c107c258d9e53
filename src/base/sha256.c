/* sha256.c - SHA-256 as the standard states it, one 64-byte block at a time. */
#include "base/sha256.h"
#include <stdio.h>
#include <string.h>

/* Fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t
rotate (uint32_t x, int n)
{
  return x >> n | x << (32 - n);
}

static void
compress (uint32_t h[8], const uint8_t *block)
{
  uint32_t w[64], s[8];

  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t) block[4 * i] << 24 | (uint32_t) block[4 * i + 1] << 16
           | (uint32_t) block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    uint32_t a = rotate (w[i - 15], 7) ^ rotate (w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t b = rotate (w[i - 2], 17) ^ rotate (w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + a + w[i - 7] + b;
  }
  memcpy (s, h, sizeof s);
  for (int i = 0; i < 64; i++) {
    uint32_t e = s[4], a = s[0];
    uint32_t t1 = s[7] + (rotate (e, 6) ^ rotate (e, 11) ^ rotate (e, 25))
                  + ((e & s[5]) ^ (~e & s[6])) + round_constants[i] + w[i];
    uint32_t t2 = (rotate (a, 2) ^ rotate (a, 13) ^ rotate (a, 22))
                  + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
    memmove (s + 1, s, 7 * sizeof *s);
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++)
    h[i] += s[i];
}

void
em_sha256_init (EmSha256 *s)
{
  /* Fractional parts of the square roots of the first 8 primes. */
  static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

  memset (s, 0, sizeof *s);
  memcpy (s->h, start, sizeof start);
}

void
em_sha256_update (EmSha256 *s, const void *bytes, size_t n)
{
  const uint8_t *in = bytes;
  size_t filled = s->n_bytes % 64;

  s->n_bytes += n;
  if (filled) {
    size_t take = n < 64 - filled ? n : 64 - filled;

    memcpy (s->block + filled, in, take);
    if (filled + take < 64)
      return;
    compress (s->h, s->block);
    in += take;
    n -= take;
  }
  for (; n >= 64; in += 64, n -= 64)
    compress (s->h, in);
  if (n)
    memcpy (s->block, in, n);
}

void
em_sha256_finish (EmSha256 *s, char hex[EM_SHA256_HEX])
{
  uint64_t n_bits = s->n_bytes * 8;
  uint8_t tail[72] = { 0x80 };
  size_t padding = 64 - (s->n_bytes + 8) % 64; /* 1..64, so that the length ends a block */

  for (int i = 0; i < 8; i++)
    tail[padding + i] = (uint8_t) (n_bits >> (56 - 8 * i));
  em_sha256_update (s, tail, padding + 8);
  for (int i = 0; i < 8; i++)
    snprintf (hex + 8 * i, 9, "%08x", s->h[i]);
}
