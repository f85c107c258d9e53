/* json.c - jansson with sentences. */
#include "base/json.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

json_t *
em_json_parse (const char *text, size_t bytes, const char *what, EmStatus code, EmError *err)
{
  json_error_t where;
  json_t *value = json_loadb (text, bytes, JSON_REJECT_DUPLICATES, &where);

  if (!value)
    em_fail (err, code, "%s is not valid JSON: line %d, column %d: %s", what, where.line,
             where.column, where.text);
  return value;
}

json_t *
em_json_read_file (const char *path, EmStatus code, EmError *err)
{
  const long limit = 64l << 20;
  FILE *file = fopen (path, "rb");
  json_t *value = NULL;
  char *text = NULL;
  long size;

  if (!file) {
    em_fail (err, EM_E_INPUT, "cannot open %s: %s", path, strerror (errno));
    return NULL;
  }
  if (fseek (file, 0, SEEK_END) != 0 || (size = ftell (file)) < 0 || size > limit
      || fseek (file, 0, SEEK_SET) != 0 || !(text = malloc ((size_t) size + 1))
      || fread (text, 1, (size_t) size, file) != (size_t) size)
    em_fail (err, EM_E_INPUT, "cannot read %s: it is not a file of at most 64 MiB", path);
  else
    value = em_json_parse (text, (size_t) size, path, code, err);
  free (text);
  fclose (file);
  return value;
}

bool
em_json_write_file (const char *path, const json_t *value, EmError *err)
{
  char temporary[4096];

  if (snprintf (temporary, sizeof temporary, "%s.part", path) >= (int) sizeof temporary)
    return em_fail (err, EM_E_INPUT, "the path %.60s... is too long", path);
  if (json_dump_file (value, temporary, JSON_INDENT (1) | JSON_REAL_PRECISION (9)) != 0
      || rename (temporary, path) != 0) {
    int cause = errno;

    unlink (temporary);
    return em_fail (err, EM_E_INPUT, "cannot write %s: %s", path, strerror (cause));
  }
  return true;
}

bool
em_json_int (const json_t *object, const char *key, long long low, long long high, long long *out,
             EmStatus code, EmError *err)
{
  const json_t *v = json_object_get (object, key);

  if (!json_is_integer (v))
    return em_fail (err, code, "\"%s\" is %s, expected an integer", key,
                    v ? "of another type" : "missing");
  *out = json_integer_value (v);
  if (*out < low || *out > high)
    return em_fail (err, code, "\"%s\" is %lld, expected %lld to %lld", key, *out, low, high);
  return true;
}

bool
em_json_number (const json_t *object, const char *key, double *out, EmStatus code, EmError *err)
{
  const json_t *v = json_object_get (object, key);

  if (!json_is_number (v) || !isfinite (json_number_value (v)))
    return em_fail (err, code, "\"%s\" is %s, expected a number", key,
                    v ? "of another type" : "missing");
  *out = json_number_value (v);
  return true;
}

bool
em_json_string (const json_t *object, const char *key, const char **out, EmStatus code,
                EmError *err)
{
  const json_t *v = json_object_get (object, key);

  if (!json_is_string (v))
    return em_fail (err, code, "\"%s\" is %s, expected text", key,
                    v ? "of another type" : "missing");
  *out = json_string_value (v);
  return true;
}
