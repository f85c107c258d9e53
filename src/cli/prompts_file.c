/* prompts_file.c - what a person says about a clip, as a JSON file.
 *
 * Every message begins with the place, "objects[0].prompts[2]". */
#include "cli/prompts_file.h"
#include <glib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"

typedef struct {
  int n_frames, width, height;
  bool sound;
  char place[160];
  EmError *err;
} Reader;

static bool
wrong (Reader *r, const char *text)
{
  return em_fail (r->err, EM_E_USAGE, "prompts: %s %s", r->place, text);
}

/* A misspelt key would otherwise be an instruction that silently does nothing. */
static bool
only_keys (Reader *r, const json_t *object, const char *const *known)
{
  const char *key;
  json_t *value;

  if (!json_is_object (object))
    return wrong (r, "is not an object");
  json_object_foreach (
      (json_t *) object, key,
      value) if (!g_strv_contains (known,
                                   key)) return em_fail (r->err, EM_E_USAGE,
                                                         "prompts: %s has an unknown key \"%.40s\"",
                                                         r->place, key);
  return true;
}

static bool
read_int (Reader *r, const json_t *object, const char *key, int low, int high, int *out)
{
  EmError inner = EM_ERROR_INIT;
  long long value = 0;

  if (!em_json_int (object, key, low, high, &value, EM_E_USAGE, &inner))
    return wrong (r, inner.text);
  *out = (int) value;
  return true;
}

/* JSON knows no NaN, but 1e999 is a number to some readers. */
static bool
read_coordinate (Reader *r, const json_t *value, double limit, float *out)
{
  double x = json_is_number (value) ? json_number_value (value) : NAN;

  if (!isfinite (x))
    return wrong (r, "has a coordinate that is not a number");
  if (x < 0 || x > limit)
    return em_fail (r->err, EM_E_USAGE,
                    "prompts: %s has the coordinate %g outside of the picture, %d x %d pixels",
                    r->place, x, r->width, r->height);
  *out = (float) x;
  return true;
}

static bool
add_prompt (Reader *r, EmPromptSet *set, EmPrompt prompt)
{
  if (set->n == EM_MAX_PROMPTS)
    return em_fail (r->err, EM_E_USAGE, "prompts: %s has more than %d prompts on one frame",
                    r->place, EM_MAX_PROMPTS);
  set->items[set->n++] = prompt;
  return true;
}

static bool
read_box (Reader *r, const json_t *box, EmPromptSet *set)
{
  EmPrompt p = { .kind = EM_PROMPT_BOX };

  if (!json_is_array (box) || json_array_size (box) != 4)
    return wrong (r, "has a \"box\" that is not [x0, y0, x1, y1]");
  if (!read_coordinate (r, json_array_get (box, 0), r->width, &p.x0)
      || !read_coordinate (r, json_array_get (box, 1), r->height, &p.y0)
      || !read_coordinate (r, json_array_get (box, 2), r->width, &p.x1)
      || !read_coordinate (r, json_array_get (box, 3), r->height, &p.y1))
    return false;
  if (p.x0 >= p.x1 || p.y0 >= p.y1)
    return wrong (r, "has an empty \"box\": x0 < x1 and y0 < y1 are needed");
  return add_prompt (r, set, p);
}

static bool
read_points (Reader *r, const json_t *points, EmPromptSet *set)
{
  if (!json_is_array (points))
    return wrong (r, "has \"points\" that are not [[x, y, label], ...]");
  for (size_t i = 0; i < json_array_size (points); i++) {
    const json_t *point = json_array_get (points, i), *label = json_array_get (point, 2);
    EmPrompt p = { .kind = EM_PROMPT_NEGATIVE };

    if (!json_is_array (point) || json_array_size (point) != 3)
      return wrong (r, "has a point that is not [x, y, label]");
    if (!json_is_integer (label) || json_integer_value (label) < 0
        || json_integer_value (label) > 1)
      return wrong (r, "has a point whose label is neither 1 nor 0");
    if (json_integer_value (label))
      p.kind = EM_PROMPT_POSITIVE;
    if (!read_coordinate (r, json_array_get (point, 0), r->width, &p.x0)
        || !read_coordinate (r, json_array_get (point, 1), r->height, &p.y0)
        || !add_prompt (r, set, p))
      return false;
  }
  return true;
}

static bool
read_key (Reader *r, const json_t *value, EmKeyPrompt *key)
{
  static const char *const known[] = { "frame", "points", "box", "sound", NULL };
  const json_t *box, *points, *sound;
  bool positive = false;

  if (!only_keys (r, value, known)
      || !read_int (r, value, "frame", 0, r->n_frames - 1, &key->frame))
    return false;
  box = json_object_get (value, "box");
  points = json_object_get (value, "points");
  sound = json_object_get (value, "sound");
  if (sound && !json_is_boolean (sound))
    return wrong (r, "has a \"sound\" that is neither true nor false");
  key->set.sound = r->sound && (!sound || json_is_true (sound));
  if ((box && !read_box (r, box, &key->set)) || (points && !read_points (r, points, &key->set)))
    return false;
  for (int i = 0; i < key->set.n; i++)
    positive |= key->set.items[i].kind != EM_PROMPT_NEGATIVE;
  if (!key->set.n && !key->set.sound)
    return wrong (r, "has neither points nor a box nor sound");
  if (!positive && !key->set.sound)
    return wrong (r, "has only negative points: a positive one, a box or sound is needed");
  return true;
}

static int
by_frame (const void *a, const void *b)
{
  return ((const EmKeyPrompt *) a)->frame - ((const EmKeyPrompt *) b)->frame;
}

static int
by_id (const void *a, const void *b)
{
  return ((const EmPromptedObject *) a)->id - ((const EmPromptedObject *) b)->id;
}

static bool
read_object (Reader *r, const json_t *value, int index, EmPromptedObject *object)
{
  static const char *const known[] = { "id", "prompts", NULL };
  const json_t *prompts;
  size_t n;

  g_snprintf (r->place, sizeof r->place, "objects[%d]", index);
  if (!only_keys (r, value, known) || !read_int (r, value, "id", 1, 999, &object->id))
    return false;
  prompts = json_object_get (value, "prompts");
  n = json_array_size (prompts);
  if (!n)
    return wrong (r, "has no list of \"prompts\"");
  object->keys = g_new0 (EmKeyPrompt, n);
  for (object->n = 0; object->n < (int) n; object->n++) {
    g_snprintf (r->place, sizeof r->place, "objects[%d].prompts[%d]", index, object->n);
    if (!read_key (r, json_array_get (prompts, (size_t) object->n), &object->keys[object->n]))
      return false;
  }
  qsort (object->keys, n, sizeof *object->keys, by_frame);
  for (int i = 1; i < object->n; i++)
    if (object->keys[i].frame == object->keys[i - 1].frame)
      return em_fail (r->err, EM_E_USAGE, "prompts: objects[%d] has frame %d twice", index,
                      object->keys[i].frame);
  return true;
}

static bool
read_objects (Reader *r, const json_t *root, EmPromptsFile *out)
{
  static const char *const known[] = { "objects", NULL };
  const json_t *objects;
  size_t n;

  g_strlcpy (r->place, "the file", sizeof r->place);
  if (!only_keys (r, root, known))
    return false;
  objects = json_object_get (root, "objects");
  n = json_array_size (objects);
  if (!n)
    return wrong (r, "has no list of \"objects\"");
  out->objects = g_new0 (EmPromptedObject, n);
  for (out->n = 0; out->n < (int) n; out->n++)
    if (!read_object (r, json_array_get (objects, (size_t) out->n), out->n,
                      &out->objects[out->n])) {
      out->n++; /* what it holds is freed with the others */
      return false;
    }
  qsort (out->objects, n, sizeof *out->objects, by_id);
  for (int i = 1; i < out->n; i++)
    if (out->objects[i].id == out->objects[i - 1].id)
      return em_fail (r->err, EM_E_USAGE, "prompts: object %d is there twice", out->objects[i].id);
  return true;
}

bool
em_prompts_file_read (EmPromptsFile *out, const char *path, int n_frames, int width, int height,
                      bool sound, EmError *err)
{
  Reader r = { n_frames, width, height, sound, "", err };
  json_t *root = em_json_read_file (path, EM_E_INPUT, err);
  bool good;

  *out = (EmPromptsFile){ 0 };
  if (!root)
    return false;
  good = read_objects (&r, root, out);
  json_decref (root);
  if (!good)
    em_prompts_file_clear (out);
  return good;
}

void
em_prompts_file_clear (EmPromptsFile *file)
{
  for (int i = 0; i < file->n; i++)
    g_free (file->objects[i].keys);
  g_free (file->objects);
  *file = (EmPromptsFile){ 0 };
}
