/* prompt_json.h - the prompts of a cell as JSON.
 *
 *   {"sound": true, "mix": "joint", "base": 12, "prompts": [
 *     {"kind": "point", "x": 10.5, "y": 20, "label": 1},
 *     {"kind": "box", "x0": 1, "y0": 2, "x1": 30, "y1": 40}]}
 *
 * `base` is the step that made the mask the first decode is built on, or null. */
#pragma once
#include "store/db.h"

G_BEGIN_DECLS

char *em_prompts_to_json (const EmPromptSet *set, int64_t base_made); /* g_free; 0: no base */
/* set->base is left NULL: the caller loads the mask of *base_made. EM_E_INPUT for anything else
 * than the above. */
bool em_prompts_from_json (const char *json, EmPromptSet *set, int64_t *base_made, GError **error);

G_END_DECLS
