/* held.h - weights in a second form, made once.
 *
 * Which memory holds still the owner has said (hold, let_go of EmBackend). A copy of the loops asks
 * for the form of a weight that its products read; what it packed stays until the owner lets go.
 * Of pages of a file only one form stays in memory: once a weight is packed its pages may leave. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *data, *end;
  bool of_file;
} EmHeldRange;

typedef struct {
  const void *data; /* a weight, in a range */
  int64_t n;        /* of its rows, which may be a part of the tensor's */
  int form;
  void *packed;
} EmHeldForm;

typedef struct {
  int n_ranges, n_forms, next; /* next: where the last search ended, since passes repeat */
  EmHeldRange *ranges;
  EmHeldForm *forms;
} EmHeld;

void em_held_range (EmHeld *h, const void *data, size_t bytes, bool of_file);
/* Forgets the range and frees what was made of it. */
void em_held_drop (EmHeld *h, const void *data, size_t bytes);
void em_held_clear (EmHeld *h);

bool em_held_holds (const EmHeld *h, const void *data);
/* NULL if there is none yet. */
void *em_held_find (EmHeld *h, const void *data, int64_t n, int form);
/* Room for one, 64-byte aligned, of memory that holds still; aborts when memory is out. */
void *em_held_add (EmHeld *h, const void *data, int64_t n, int form, size_t bytes);
/* `bytes` at `data` were packed. */
void em_held_used (EmHeld *h, const void *data, size_t bytes);
