/* family.h - the sizes in which SAM 2 and 2.1 were released.
 *
 * A checkpoint says how wide and how deep it is, but not how many heads share a width, which
 * windows they see and which blocks see everything: those come from here. */
#pragma once
#include "models/config.h"

typedef struct {
  const char *name;         /* "tiny", "small", "base_plus", "large" */
  int embed_dim, num_heads; /* of stage 1 */
  int stages[EM_N_STAGES];
  int global_att_blocks[3];
  int window_spec[EM_N_STAGES];
} EmFamily;

/* The released size of this width and depth; NULL if there is none. */
const EmFamily *em_family_find (int embed_dim, const int stages[EM_N_STAGES]);
/* The name of that size; "of its own size" if there is none. */
const char *em_family_name (const EmSam2Config *sam2);
