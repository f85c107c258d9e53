/* torch_bytes.h - checkpoints in memory, as PyTorch writes them, for unit tests and fuzz seeds.
 *
 * Pickles are written instruction by instruction, archives member by member; what is put after the
 * other's end is a bug of the test and aborts. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  uint8_t bytes[16384];
  size_t n;
} TorchBytes;

static inline void
torch_put (TorchBytes *b, const void *bytes, size_t n)
{
  if (n > sizeof b->bytes - b->n)
    abort ();
  memcpy (b->bytes + b->n, bytes, n);
  b->n += n;
}

/* Little endian, zeros behind the eighth byte. */
static inline void
torch_put_number (TorchBytes *b, uint64_t value, int n)
{
  for (int i = 0; i < n; i++)
    torch_put (b, &(uint8_t){ i < 8 ? (uint8_t) (value >> (8 * i)) : 0 }, 1);
}

/* Instructions that are text anyway: "(", "tR", "ccollections\nOrderedDict\n" ... */
static inline void
torch_put_ops (TorchBytes *b, const char *ops)
{
  torch_put (b, ops, strlen (ops));
}

static inline void
torch_put_text (TorchBytes *b, const char *text)
{
  torch_put_ops (b, "X");
  torch_put_number (b, strlen (text), 4);
  torch_put_ops (b, text);
}

static inline void
torch_put_int (TorchBytes *b, int value)
{
  torch_put_ops (b, "J");
  torch_put_number (b, (uint32_t) value, 4);
}

static inline void
torch_put_row (TorchBytes *b, int n, const int *values)
{
  torch_put_ops (b, "(");
  for (int i = 0; i < n; i++)
    torch_put_int (b, values[i]);
  torch_put_ops (b, "t");
}

#define TORCH_BEGIN "\x80\x02" /* of a pickle; it ends with "." */
#define TORCH_DICT  "ccollections\nOrderedDict\n)R"

/* A tensor of `numel` numbers of `type` ("FloatStorage") in storage `key`. */
static inline void
torch_put_tensor (TorchBytes *b, const char *type, const char *key, int numel, int offset, int ndim,
                  const int *shape, const int *strides)
{
  torch_put_ops (b, "ctorch._utils\n_rebuild_tensor_v2\n((");
  torch_put_text (b, "storage");
  torch_put_ops (b, "ctorch\n");
  torch_put_ops (b, type);
  torch_put_ops (b, "\n");
  torch_put_text (b, key);
  torch_put_text (b, "cpu");
  torch_put_int (b, numel);
  torch_put_ops (b, "tQ");
  torch_put_int (b, offset);
  torch_put_row (b, ndim, shape);
  torch_put_row (b, ndim, strides);
  torch_put_ops (b, "\x89" TORCH_DICT "tR");
}

/* An archive: begin, members, end. */
typedef struct {
  TorchBytes *to;
  TorchBytes directory;
  int n;
} TorchArchive;

static inline void
torch_archive_add (TorchArchive *a, const char *name, const void *data, size_t n)
{
  TorchBytes *b = a->to, *d = &a->directory;
  size_t at = b->n, pad = (64 - (at + 30 + strlen (name) + 4) % 64) % 64;

  torch_put (b, "PK\3\4\0\0\10\10", 8); /* sizes and checksum follow the data */
  torch_put_number (b, 0, 18);
  torch_put_number (b, strlen (name), 2);
  torch_put_number (b, pad + 4, 2);
  torch_put_ops (b, name);
  torch_put_ops (b, "FB");
  torch_put_number (b, pad, 2);
  for (size_t i = 0; i < pad; i++)
    torch_put_ops (b, "Z");
  torch_put (b, data, n);
  torch_put (d, "PK\1\2\0\0\0\0\10\10", 10);
  torch_put_number (d, 0, 10);
  torch_put_number (d, n, 4);
  torch_put_number (d, n, 4);
  torch_put_number (d, strlen (name), 2);
  torch_put_number (d, 0, 12);
  torch_put_number (d, at, 4);
  torch_put_ops (d, name);
  a->n++;
}

static inline void
torch_archive_end (TorchArchive *a, int zip64)
{
  TorchBytes *b = a->to;
  size_t begin = b->n, n = a->directory.n, end64;

  torch_put (b, a->directory.bytes, n);
  if (zip64) {
    end64 = b->n;
    torch_put (b, "PK\6\6", 4);
    torch_put_number (b, 44, 8);
    torch_put_number (b, 0, 12);
    torch_put_number (b, a->n, 8);
    torch_put_number (b, a->n, 8);
    torch_put_number (b, n, 8);
    torch_put_number (b, begin, 8);
    torch_put (b, "PK\6\7", 4);
    torch_put_number (b, 0, 4);
    torch_put_number (b, end64, 8);
    torch_put_number (b, 1, 4);
  }
  torch_put (b, "PK\5\6\0\0\0\0", 8);
  torch_put_number (b, a->n, 2);
  torch_put_number (b, a->n, 2);
  torch_put_number (b, n, 4);
  torch_put_number (b, begin, 4);
  torch_put_number (b, 0, 2);
}
