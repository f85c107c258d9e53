/* config.h - the model configurations that goldens name.
 *
 * All as the JSON that a package carries, built from the golden's metadata alone. */
#pragma once
#include "golden.h"

/* SAM 2 as `config` says (nano or an official size, 2.0 or 2.1) at `image_size`; with_sound adds
 * VGGish and the fuser at their official widths, clips of T frames. Caller frees; NULL with *err if
 * the metadata names no configuration we know. */
char *golden_config (const Golden *g, bool with_sound, EmError *err);
