/* held.c - ranges and forms in short lists: a model has a few hundred weights. */
#include "engine/cpu/held.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/error.h"

static const EmHeldRange *
range_of (const EmHeld *h, const void *data)
{
  for (int i = 0; i < h->n_ranges; i++)
    if ((const char *) data >= h->ranges[i].data && (const char *) data < h->ranges[i].end)
      return &h->ranges[i];
  return NULL;
}

void
em_held_range (EmHeld *h, const void *data, size_t bytes, bool of_file)
{
  h->ranges = realloc (h->ranges, (size_t) (h->n_ranges + 1) * sizeof *h->ranges);
  EM_BUG_UNLESS (h->ranges);
  h->ranges[h->n_ranges++] = (EmHeldRange){ data, (const char *) data + bytes, of_file };
}

void
em_held_drop (EmHeld *h, const void *data, size_t bytes)
{
  const char *end = (const char *) data + bytes;
  int n = 0;

  for (int i = 0; i < h->n_forms; i++)
    if ((const char *) h->forms[i].data >= (const char *) data
        && (const char *) h->forms[i].data < end)
      free (h->forms[i].packed);
    else
      h->forms[n++] = h->forms[i];
  h->n_forms = n;
  n = 0;
  for (int i = 0; i < h->n_ranges; i++)
    if (h->ranges[i].data != data || h->ranges[i].end != end)
      h->ranges[n++] = h->ranges[i];
  h->n_ranges = n;
}

void
em_held_clear (EmHeld *h)
{
  for (int i = 0; i < h->n_forms; i++)
    free (h->forms[i].packed);
  free (h->forms);
  free (h->ranges);
  *h = (EmHeld){ 0 };
}

bool
em_held_holds (const EmHeld *h, const void *data)
{
  return range_of (h, data);
}

void *
em_held_find (EmHeld *h, const void *data, int64_t n, int form)
{
  for (int i = 0; i < h->n_forms; i++) {
    int at = (h->next + i) % h->n_forms;
    const EmHeldForm *f = &h->forms[at];

    if (f->data == data && f->n == n && f->form == form) {
      h->next = at + 1;
      return f->packed;
    }
  }
  return NULL;
}

void *
em_held_add (EmHeld *h, const void *data, int64_t n, int form, size_t bytes)
{
  EmHeldForm f = { .data = data, .n = n, .form = form };

  EM_BUG_UNLESS (em_held_holds (h, data));
  h->forms = realloc (h->forms, (size_t) (h->n_forms + 1) * sizeof *h->forms);
  EM_BUG_UNLESS (h->forms && posix_memalign (&f.packed, 64, bytes) == 0);
  h->forms[h->n_forms++] = f;
  return f.packed;
}

/* Whole pages inside only: neighbours' pages are theirs. */
void
em_held_used (EmHeld *h, const void *data, size_t bytes)
{
  const EmHeldRange *range = range_of (h, data);
  uintptr_t page = (uintptr_t) sysconf (_SC_PAGESIZE);
  uintptr_t from = ((uintptr_t) data + page - 1) / page * page;
  uintptr_t to = ((uintptr_t) data + bytes) / page * page;

  if (range && range->of_file && from < to)
    madvise ((void *) from, to - from, MADV_DONTNEED);
}
