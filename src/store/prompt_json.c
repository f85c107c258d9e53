/* prompt_json.c - the prompts of a cell as JSON. */
#include "store/prompt_json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "store/db_private.h"

static const char *const mix_names[] = { "joint", "ensemble" };

/* The double whose nine digits are the float's shortest ones: 0.1f is written 0.1. */
static json_t *
number (float v)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (v == (float) (int) v)
    return json_integer ((json_int_t) v);
  g_ascii_formatd (text, sizeof text, "%.7g", v);
  if (strtof (text, NULL) != v)
    g_ascii_formatd (text, sizeof text, "%.9g", v);
  return json_real (g_ascii_strtod (text, NULL));
}

char *
em_prompts_to_json (const EmPromptSet *set, int64_t base_made)
{
  json_t *prompts = json_array (), *all;
  char *text, *copy;

  for (int i = 0; i < set->n; i++) {
    const EmPrompt *p = &set->items[i];

    json_array_append_new (
        prompts, p->kind == EM_PROMPT_BOX
                     ? json_pack ("{sssosososo}", "kind", "box", "x0", number (p->x0), "y0",
                                  number (p->y0), "x1", number (p->x1), "y1", number (p->y1))
                     : json_pack ("{sssososi}", "kind", "point", "x", number (p->x0), "y",
                                  number (p->y0), "label", p->kind == EM_PROMPT_POSITIVE ? 1 : 0));
  }
  all = json_pack ("{sbsssoso}", "sound", set->sound, "mix", mix_names[set->mix], "prompts",
                   prompts, "base", base_made ? json_integer (base_made) : json_null ());
  text = json_dumps (all, JSON_COMPACT | JSON_REAL_PRECISION (9));
  copy = g_strdup (text);
  free (text);
  json_decref (all);
  return copy;
}

static bool
read_number (const json_t *object, const char *key, float *out, EmError *err)
{
  double v;

  if (!em_json_number (object, key, &v, EM_E_INPUT, err))
    return false;
  if (fabs (v) > 1e6)
    return em_fail (err, EM_E_INPUT, "\"%s\" is no place on a picture", key);
  *out = (float) v;
  return true;
}

static bool
read_prompt (const json_t *object, EmPrompt *p, EmError *err)
{
  const char *kind;
  long long label;

  if (!em_json_string (object, "kind", &kind, EM_E_INPUT, err))
    return false;
  if (strcmp (kind, "box") == 0) {
    p->kind = EM_PROMPT_BOX;
    return read_number (object, "x0", &p->x0, err) && read_number (object, "y0", &p->y0, err)
           && read_number (object, "x1", &p->x1, err) && read_number (object, "y1", &p->y1, err);
  }
  if (strcmp (kind, "point") != 0)
    return em_fail (err, EM_E_INPUT, "\"%s\" is no kind of prompt", kind);
  if (!em_json_int (object, "label", 0, 1, &label, EM_E_INPUT, err))
    return false;
  p->kind = label ? EM_PROMPT_POSITIVE : EM_PROMPT_NEGATIVE;
  return read_number (object, "x", &p->x0, err) && read_number (object, "y", &p->y0, err);
}

static bool
read_set (const json_t *all, EmPromptSet *set, int64_t *base_made, EmError *err)
{
  const json_t *prompts = json_object_get (all, "prompts"), *base = json_object_get (all, "base");
  const char *mix;

  set->sound = json_is_true (json_object_get (all, "sound"));
  if (!em_json_string (all, "mix", &mix, EM_E_INPUT, err))
    return false;
  if (strcmp (mix, mix_names[EM_MIX_ENSEMBLE]) == 0)
    set->mix = EM_MIX_ENSEMBLE;
  else if (strcmp (mix, mix_names[EM_MIX_JOINT]) != 0)
    return em_fail (err, EM_E_INPUT, "\"%s\" is no way to mix sound and clicks", mix);
  *base_made = json_is_integer (base) ? json_integer_value (base) : 0;
  if (!json_is_array (prompts) || json_array_size (prompts) > EM_MAX_PROMPTS)
    return em_fail (err, EM_E_INPUT, "\"prompts\" is no list of at most %d", EM_MAX_PROMPTS);
  set->n = (int) json_array_size (prompts);
  for (int i = 0; i < set->n; i++)
    if (!read_prompt (json_array_get (prompts, i), &set->items[i], err))
      return false;
  return true;
}

bool
em_prompts_from_json (const char *json, EmPromptSet *set, int64_t *base_made, GError **error)
{
  EmError err = EM_ERROR_INIT;
  json_t *all = em_json_parse (json, strlen (json), "prompts", EM_E_INPUT, &err);
  bool fine;

  *set = (EmPromptSet){ 0 };
  *base_made = 0;
  fine = all && read_set (all, set, base_made, &err);
  json_decref (all);
  return fine || em_store_fail_with (error, &err, "prompts");
}
