/* torch.c - a checkpoint: whatever opens can be read to its last byte and digested.
 *
 * What begins like an archive is one, and a pickle behind the old format's magic is read as that;
 * any other input is a pickle that gets an archive and two storages around it, so that the machine
 * is reached without a directory that fits. */
#include "fuzz.h"
#include "torch_bytes.h"
#include "weights/weights.h"

static const uint8_t old_magic[]
    = { 0x80, 2,    0x8a, 10,  0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a,
        0xa8, 0x50, 0x19, '.', 0x80, 2,    'M',  0xe9, 3,    '.' };

unsigned long fuzz_n_accepted;

/* Two tensors of one storage, one of them turned, one of another under "model". */
static void
put_state (TorchBytes *b, int nested)
{
  torch_put_ops (b, TORCH_BEGIN);
  if (nested) {
    torch_put_ops (b, "}(");
    torch_put_text (b, "epoch");
    torch_put_ops (b, "K\3");
    torch_put_text (b, "model");
  }
  torch_put_ops (b, TORCH_DICT "q\1(");
  torch_put_text (b, "plain");
  torch_put_tensor (b, "FloatStorage", "0", 6, 0, 2, (int[]){ 2, 3 }, (int[]){ 3, 1 });
  torch_put_text (b, "turned");
  torch_put_tensor (b, "FloatStorage", "0", 6, 0, 2, (int[]){ 3, 2 }, (int[]){ 1, 3 });
  torch_put_text (b, "half");
  torch_put_tensor (b, "HalfStorage", "1", 4, 1, 1, (int[]){ 3 }, (int[]){ 1 });
  torch_put_ops (b, nested ? "uu." : "u.");
}

static void
put_archive (TorchBytes *b, const void *pickle, size_t n, int zip64)
{
  static const uint8_t numbers[32] = { 0, 0, 0x80, 0x3f };
  static TorchArchive a;

  a = (TorchArchive){ .to = b };
  torch_archive_add (&a, "x/data.pkl", pickle, n);
  torch_archive_add (&a, "x/byteorder", "little", 6);
  torch_archive_add (&a, "x/data/0", numbers, 24);
  torch_archive_add (&a, "x/data/1", numbers, 8);
  torch_archive_end (&a, zip64);
}

static void
put_old (TorchBytes *b)
{
  static const uint8_t numbers[32];
  static TorchBytes state;

  torch_put (b, old_magic, sizeof old_magic);
  torch_put_ops (b, TORCH_BEGIN "}(");
  torch_put_text (b, "little_endian");
  torch_put_ops (b, "\x88u.");
  state.n = 0;
  put_state (&state, 0);
  torch_put (b, state.bytes, state.n);
  torch_put_ops (b, TORCH_BEGIN "](");
  torch_put_text (b, "0");
  torch_put_text (b, "1");
  torch_put_ops (b, "e.");
  torch_put_number (b, 6, 8);
  torch_put (b, numbers, 24);
  torch_put_number (b, 4, 8);
  torch_put (b, numbers, 8);
}

size_t
fuzz_seed (int i, uint8_t out[FUZZ_ROOM])
{
  static TorchBytes pickle, file;

  pickle.n = file.n = 0;
  put_state (&pickle, i % 2);
  if (i < 2)
    put_archive (&file, pickle.bytes, pickle.n, i);
  else if (i < 4)
    torch_put (&file, pickle.bytes, pickle.n);
  else if (i == 4)
    put_old (&file);
  if (file.n)
    memcpy (out, file.bytes, file.n);
  return file.n;
}

/* Half of the archives keep an end that tells the truth of where their directory is. */
void
fuzz_repair (uint8_t *bytes, size_t n)
{
  uint8_t *end = n > 64 && bytes[30] % 2 == 0 ? memmem (bytes + n - 22, 22, "PK\5\6", 4) : NULL;
  uint8_t *directory = end ? memmem (bytes, n, "PK\1\2", 4) : NULL;

  for (int i = 0; directory && i < 4; i++)
    end[16 + i] = (uint8_t) ((directory - bytes) >> (8 * i));
}

static void
check (const uint8_t *bytes, size_t n)
{
  EmError err = EM_ERROR_INIT;
  EmWeights *w = em_weights_open_bytes (bytes, n, "input", &err);
  volatile uint8_t sum = 0;

  FUZZ_DEMAND (w ? err.code == EM_OK : err.code == EM_E_WEIGHTS && err.text[0]);
  FUZZ_DEMAND (!strchr (err.text, '\n') && !strchr (err.text, '\x1b'));
  if (!w)
    return;
  fuzz_n_accepted++;
  FUZZ_DEMAND (em_weights_count (w) > 0);
  for (int i = 0; i < em_weights_count (w); i++) {
    const EmTensor *t = em_weights_find (w, em_weights_name (w, i));
    size_t width = em_dtype_bytes (t->dtype), n_bytes = em_numel (t) * width;

    FUZZ_DEMAND ((uintptr_t) t->data % width == 0);
    FUZZ_DEMAND (n_bytes <= n);
    for (size_t k = 0; k < n_bytes; k++)
      sum = (uint8_t) (sum + ((const uint8_t *) t->data)[k]);
  }
  FUZZ_DEMAND (strlen (em_weights_digest (w)) == 64);
  em_weights_close (w);
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n)
{
  static TorchBytes file;

  if ((n >= 2 && memcmp (bytes, "PK", 2) == 0)
      || (n >= sizeof old_magic && memcmp (bytes, old_magic, sizeof old_magic) == 0)) {
    check (bytes, n);
  } else if (n <= FUZZ_ROOM) {
    uint8_t *copy;

    file.n = 0;
    put_archive (&file, bytes, n, 1);
    copy = malloc (file.n); /* so that a sanitizer sees one byte too many */
    memcpy (copy, file.bytes, file.n);
    check (copy, file.n);
    free (copy);
  }
  return 0;
}
