/* sizes.h - SAM 2's released sizes, and a small one, as the JSON that a package carries. */
#pragma once
#include <stdbool.h>

typedef struct {
  const char *size; /* "nano", "tiny", "small", "base_plus", "large" */
  const char *name; /* of the model */
  int image_size;
  bool v21;         /* SAM 2.1; else 2.0 */
  int window;       /* T of a fuser at its official widths, with VGGish; 0: neither */
  bool cond_middle; /* of the fuser */
} SizeConfig;

/* Is this one of them? */
bool size_known (const char *size);
/* The size that begins `config` by its own name or that of its official configuration
 * ("sam2.1_hiera_t at 512"); NULL: none does. */
const char *size_of_config (const char *config);
/* Caller frees. The size is known. */
char *size_json (const SizeConfig *c);
