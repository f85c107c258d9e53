/* family.c - the table of released sizes. */
#include "models/family.h"
#include <string.h>

static const EmFamily family[] = {
  { "tiny", 96, 1, { 1, 2, 7, 2 }, { 5, 7, 9 }, { 8, 4, 14, 7 } },
  { "small", 96, 1, { 1, 2, 11, 2 }, { 7, 10, 13 }, { 8, 4, 14, 7 } },
  { "base_plus", 112, 2, { 2, 3, 16, 3 }, { 12, 16, 20 }, { 8, 4, 14, 7 } },
  { "large", 144, 2, { 2, 6, 36, 4 }, { 23, 33, 43 }, { 8, 4, 16, 8 } },
};

const EmFamily *
em_family_find (int embed_dim, const int stages[EM_N_STAGES])
{
  for (size_t i = 0; i < sizeof family / sizeof *family; i++)
    if (family[i].embed_dim == embed_dim
        && memcmp (family[i].stages, stages, sizeof family[i].stages) == 0)
      return &family[i];
  return NULL;
}

const char *
em_family_name (const EmSam2Config *sam2)
{
  const EmFamily *size = em_family_find (sam2->trunk.embed_dim, sam2->trunk.stages);

  return size ? size->name : "of its own size";
}
