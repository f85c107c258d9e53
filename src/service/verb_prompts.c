/* verb_prompts.c - the rules of clicks.
 *
 * A cell with a mask but no prompts (propagated, imported, pasted, a part of a sound mask) becomes
 * the base of the first prompt; the base stays while prompts are added, moved and removed. A frame
 * built on a propagated or imported mask is corrected, any other is a keyframe. Without prompts,
 * base or sound there is nothing to decode and the cell goes back to what it stands on. */
#include "service/verb_prompts.h"

void
em_prompt_step_clear (EmPromptStep *step)
{
  g_clear_pointer (&step->prompts, g_free);
}

typedef struct {
  EmPromptSet set;
  int64_t base;    /* the step that made it, 0: none */
  EmOrigin origin; /* of the base */
} Standing;

static bool
read_standing (EmDb *db, const EmVerb *verb, const EmDbCell *now, Standing *s, GError **error)
{
  g_autoptr (EmDbMask) mask = NULL;

  s->set.sound = verb->sound;
  s->set.mix = verb->mix;
  if (now && now->prompts && !em_prompts_from_json (now->prompts, &s->set, &s->base, error))
    return false;
  if (now && now->prompts == NULL && now->state != EM_STATE_ABSENT)
    s->base = now->made;
  if (s->base == 0)
    return true;
  if (!(mask = em_db_mask (db, verb->clip, verb->object, verb->frame, s->base, error)))
    return false;
  s->origin = mask->origin;
  return true;
}

static bool
has_positive (const EmPromptSet *set)
{
  for (int i = 0; i < set->n; i++)
    if (set->items[i].kind != EM_PROMPT_NEGATIVE)
      return true;
  return false;
}

static const char *
add (EmPromptSet *set, const EmPrompt *prompt)
{
  for (int i = 0; prompt->kind == EM_PROMPT_BOX && i < set->n; i++)
    if (set->items[i].kind == EM_PROMPT_BOX) { /* one box per object and frame */
      set->items[i] = *prompt;
      return NULL;
    }
  if (set->n == EM_MAX_PROMPTS)
    return "No more than 64 prompts fit on one object and frame";
  set->items[set->n++] = *prompt;
  return NULL;
}

static const char *
apply (const EmVerb *verb, const EmDbCell *now, Standing *s)
{
  EmPromptSet *set = &s->set;

  switch (verb->kind) {
  case EM_VERB_ADD_PROMPT:
    if (verb->prompt.kind == EM_PROMPT_NEGATIVE && !has_positive (set) && s->base == 0
        && (now == NULL || now->made == 0 || now->state == EM_STATE_ABSENT))
      return "Add a positive point first: there is no mask to take from";
    return add (set, &verb->prompt);
  case EM_VERB_SET_SOUND:
    if (!verb->sound && set->n == 0 && s->base == 0)
      return "Add a point first: without sound nothing is left to decode";
    set->sound = verb->sound;
    return NULL;
  default:
    if (verb->index < 0 || verb->index >= set->n)
      return "The prompt is not there any more";
    if (verb->kind == EM_VERB_MOVE_PROMPT) {
      set->items[verb->index] = verb->prompt;
      return NULL;
    }
    set->n--;
    for (int i = verb->index; i < set->n; i++)
      set->items[i] = set->items[i + 1];
    return NULL;
  }
}

static EmState
state_of_origin (EmOrigin origin)
{
  return origin == EM_ORIGIN_PROPAGATED ? EM_STATE_PROPAGATED
         : origin == EM_ORIGIN_IMPORTED ? EM_STATE_IMPORTED
                                        : EM_STATE_KEYFRAME;
}

bool
em_prompt_step (EmDb *db, const EmVerb *verb, const EmDbCell *now, EmPromptStep *out,
                GError **error)
{
  Standing s = { .base = 0 };
  bool is_built_on;

  if (!read_standing (db, verb, now, &s, error))
    return false;
  if ((out->refusal = apply (verb, now, &s)))
    return true;
  if (s.set.n == 0 && (s.base > 0 || !s.set.sound)) { /* back to what it stands on */
    out->row.state = s.base > 0 ? state_of_origin (s.origin) : EM_STATE_EMPTY;
    out->row.made = s.base;
    return true;
  }
  is_built_on = s.base > 0 && (s.origin == EM_ORIGIN_PROPAGATED || s.origin == EM_ORIGIN_IMPORTED);
  if (now && s.base > 0) /* an approval hides the state, so the origin has its say too */
    is_built_on |= now->state == EM_STATE_PROPAGATED || now->state == EM_STATE_IMPORTED
                   || now->state == EM_STATE_CORRECTED;
  out->row.state = is_built_on ? EM_STATE_CORRECTED : EM_STATE_KEYFRAME;
  out->row.prompts = out->prompts = em_prompts_to_json (&s.set, s.base);
  out->row.pending = true;
  out->row.made = now && now->state != EM_STATE_ABSENT ? now->made : 0;
  return true;
}
