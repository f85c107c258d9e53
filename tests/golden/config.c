/* config.c - the model configurations that goldens name. */
#include "config.h"
#include <string.h>
#include "sizes.h"

char *
golden_config (const Golden *g, bool with_sound, EmError *err)
{
  const char *config = golden_meta (g, "config");
  SizeConfig c = { .size = "nano",
                   .name = golden_name (g),
                   .image_size = (int) golden_meta_int (g, "image_size", 256) };

  /* AuralSAM2 is always the nano trunk with 2.0; the modules' own file names no trunk. */
  bool aural
      = !strncmp (golden_name (g), "auralsam2", 9) || !strncmp (golden_name (g), "auralfuser", 10);
  bool modules = !strncmp (golden_name (g), "sam2-modules", 12);

  c.v21 = !aural && !(config && strstr (config, "(2.0)"));
  if (!aural && !modules && !(c.size = config ? size_of_config (config) : NULL)) {
    em_fail (err, EM_E_INPUT, "%s: metadata config \"%s\" names no model that is known",
             golden_name (g), config ? config : "");
    return NULL;
  }
  if (with_sound) {
    c.window = (int) golden_meta_int (g, "T", 5);
    c.cond_middle = golden_meta_int (g, "cond_frame", 0) != 0;
  }
  return size_json (&c);
}
