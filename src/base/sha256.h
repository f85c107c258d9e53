/* sha256.h - SHA-256 (FIPS 180-4), for digests of packages and files.
 *
 * A state is a plain value: copy it to fork a digest. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint32_t h[8];
  uint64_t n_bytes;
  uint8_t block[64]; /* the last n_bytes % 64 */
} EmSha256;

#define EM_SHA256_HEX 65 /* 64 digits and a NUL */

void em_sha256_init (EmSha256 *s);
void em_sha256_update (EmSha256 *s, const void *bytes, size_t n);
/* Ends the digest; `hex` gets lower case. The state must be initialised again before another use.
 */
void em_sha256_finish (EmSha256 *s, char hex[EM_SHA256_HEX]);
