/* safetensors.c - a package file: whatever opens can be read to its last byte, digested and saved.
 */
#include <string.h>
#include "fuzz.h"
#include "weights/weights.h"

static const char mixed[]
    = "{\"__metadata__\":{\"earmark.config\":\"{}\"},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
      "\"a\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[24,26]},"
      "\"none\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[26,26]}}";
static const char padded[]
    = "{\"t\":{\"dtype\":\"BF16\",\"shape\":[1,1,2,2,3],\"data_offsets\":[0,24]},"
      "\"u\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[24,26]}}   ";
static const char *const headers[] = { mixed, padded, "{}" };

unsigned long fuzz_n_accepted;

size_t
fuzz_seed (int i, uint8_t out[FUZZ_ROOM])
{
  size_t n, n_data;

  if (i >= (int) (sizeof headers / sizeof *headers))
    return 0;
  n = strlen (headers[i]);
  n_data = i < 2 ? 26 : 0;
  memset (out, 0, 8);
  out[0] = (uint8_t) n;
  out[1] = (uint8_t) (n >> 8);
  memcpy (out + 8, headers[i], n);
  memset (out + 8 + n, 0x3c, n_data);
  return 8 + n + n_data;
}

/* Half of the mutations keep a header length that is true. */
void
fuzz_repair (uint8_t *bytes, size_t n)
{
  uint8_t *end = n > 8 && bytes[n - 1] % 2 == 0 ? memrchr (bytes + 8, '}', n - 8) : NULL;
  size_t length = end ? (size_t) (end + 1 - (bytes + 8)) : 0;

  for (int i = 0; end && i < 8; i++)
    bytes[i] = (uint8_t) ((uint64_t) length >> (8 * i));
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n)
{
  EmError err = EM_ERROR_INIT;
  EmWeights *w = em_weights_open_bytes (bytes, n, "input", &err);
  volatile uint8_t sum = 0;

  FUZZ_DEMAND (w ? err.code == EM_OK : err.code == EM_E_WEIGHTS && err.text[0]);
  if (!w)
    return 0;
  fuzz_n_accepted++;
  for (int i = 0; i < em_weights_count (w); i++) {
    const char *name = em_weights_name (w, i);
    const EmTensor *t = em_weights_find (w, name);
    size_t width = em_dtype_bytes (t->dtype), n_bytes = em_numel (t) * width;

    FUZZ_DEMAND ((uintptr_t) t->data % width == 0);
    FUZZ_DEMAND (i == 0 || strcmp (em_weights_name (w, i - 1), name) < 0);
    for (size_t k = 0; k < n_bytes; k++)
      sum = (uint8_t) (sum + ((const uint8_t *) t->data)[k]);
  }
  em_weights_metadata (w, "earmark.config");
  FUZZ_DEMAND (strlen (em_weights_digest (w)) == 64);
  em_weights_close (w);
  return 0;
}
