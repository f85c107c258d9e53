/* csv.c - tables: every row has every cell, and a number is one. */
#include "formats/csv.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fuzz.h"

static const char seed[] = "object,start_ns,end_ns\r\n1,0,5\n\"2\",\"7\"\"\",\"a, b\"\n\n3,-1,x\n";

unsigned long fuzz_n_accepted;

size_t
fuzz_seed (int i, uint8_t out[FUZZ_ROOM])
{
  if (i > 0)
    return 0;
  memcpy (out, seed, strlen (seed));
  return strlen (seed);
}

void
fuzz_repair (uint8_t *bytes, size_t n)
{
  memcpy (bytes, seed, n < 22 ? n : 22); /* the header, or nothing gets past it */
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n)
{
  EmError err = EM_ERROR_INIT;
  int fd = memfd_create ("fuzz", 0);
  char path[64];
  EmCsv csv;

  FUZZ_DEMAND (fd >= 0 && write (fd, bytes, n) == (ssize_t) n);
  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  if (em_csv_read (&csv, path, "object,start_ns,end_ns", &err)) {
    size_t cells = 0;

    fuzz_n_accepted++;
    for (int r = 0; r < csv.n_rows; r++)
      for (int c = 0; c < 3; c++) {
        EmError why = EM_ERROR_INIT;
        int64_t x;

        cells += strlen (em_csv_cell (&csv, r, c)) + 1;
        FUZZ_DEMAND (em_csv_int (&csv, r, c, -5, 5, &x, &why) ? x >= -5 && x <= 5
                                                              : why.code == EM_E_INPUT);
      }
    FUZZ_DEMAND (cells <= n + 1);
  } else {
    FUZZ_DEMAND (err.code == EM_E_INPUT && err.text[0]);
  }
  em_csv_clear (&csv);
  close (fd);
  return 0;
}
