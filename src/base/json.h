/* json.h - a thin face on jansson: parse with a clear error, read with types checked.
 *
 * The values are jansson's own (json_t, counted references); what is here is what every reader of a
 * stranger's file needs: a size and depth limit, the place of an error, and getters that say what
 * is missing instead of returning NULL. */
#pragma once
#include <jansson.h>
#include <stddef.h>
#include "base/error.h"

/* `what` names the text in messages ("prompts.json"). NULL with *err of `code`. */
json_t *em_json_parse (const char *text, size_t bytes, const char *what, EmStatus code,
                       EmError *err);
json_t *em_json_read_file (const char *path, EmStatus code, EmError *err);
/* Written beside `path` and renamed. */
bool em_json_write_file (const char *path, const json_t *value, EmError *err);

/* A member of an object with its type checked; false with a sentence that names `key`. Integers
 * must lie in [low, high], numbers must be finite. */
bool em_json_int (const json_t *object, const char *key, long long low, long long high,
                  long long *out, EmStatus code, EmError *err);
bool em_json_number (const json_t *object, const char *key, double *out, EmStatus code,
                     EmError *err);
bool em_json_string (const json_t *object, const char *key, const char **out, EmStatus code,
                     EmError *err);
