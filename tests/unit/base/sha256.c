/* sha256.c - the standard's examples, and every way to cut a message into pieces. */
#include "base/sha256.h"
#include "check.h"

static void
digest (const void *bytes, size_t n, char hex[EM_SHA256_HEX])
{
  EmSha256 s;

  em_sha256_init (&s);
  em_sha256_update (&s, bytes, n);
  em_sha256_finish (&s, hex);
}

static void
standard_examples (void)
{
  const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  char hex[EM_SHA256_HEX];

  digest ("", 0, hex);
  CHECK_TEXT (hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  digest ("abc", 3, hex);
  CHECK_TEXT (hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  digest (two_blocks, strlen (two_blocks), hex);
  CHECK_TEXT (hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");

  char *million = malloc (1000000);
  memset (million, 'a', 1000000);
  digest (million, 1000000, hex);
  CHECK_TEXT (hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  free (million);
}

/* Lengths around the block and the padding, in one piece and in two at every place. */
static void
pieces_do_not_matter (void)
{
  uint8_t bytes[200];
  char whole[EM_SHA256_HEX], cut[EM_SHA256_HEX];
  uint64_t seed = 7;

  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t) check_random (&seed);
  for (size_t n = 0; n <= sizeof bytes; n++) {
    digest (bytes, n, whole);
    for (size_t at = 0; at <= n; at++) {
      EmSha256 s;

      em_sha256_init (&s);
      em_sha256_update (&s, bytes, at);
      em_sha256_update (&s, bytes + at, n - at);
      em_sha256_finish (&s, cut);
      CHECK (strcmp (cut, whole) == 0);
    }
  }
}

CHECK_MAIN (standard_examples, pieces_do_not_matter)
