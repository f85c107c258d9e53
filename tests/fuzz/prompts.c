/* prompts.c - the prompts of a cell: whatever is accepted survives being written and read again. */
#include <math.h>
#include <string.h>
#include "fuzz.h"
#include "store/prompt_json.h"

static const char *const seeds[] = {
  "{\"sound\":true,\"mix\":\"joint\",\"prompts\":[{\"kind\":\"point\",\"x\":10.5,\"y\":20,"
  "\"label\":1},{\"kind\":\"box\",\"x0\":1,\"y0\":2,\"x1\":30,\"y1\":40.25}],\"base\":12}",
  "{\"sound\":false,\"mix\":\"ensemble\",\"prompts\":[],\"base\":null}",
};

unsigned long fuzz_n_accepted;

size_t
fuzz_seed (int i, uint8_t out[FUZZ_ROOM])
{
  if (i >= (int) (sizeof seeds / sizeof *seeds))
    return 0;
  memcpy (out, seeds[i], strlen (seeds[i]));
  return strlen (seeds[i]);
}

void
fuzz_repair (uint8_t *bytes, size_t n)
{
}

static bool
same (const EmPromptSet *a, const EmPromptSet *b)
{
  bool same = a->n == b->n && a->sound == b->sound && a->mix == b->mix;

  for (int i = 0; same && i < a->n; i++) {
    const EmPrompt *p = &a->items[i], *q = &b->items[i];

    same = p->kind == q->kind && p->x0 == q->x0 && p->y0 == q->y0 && p->x1 == q->x1
           && p->y1 == q->y1;
  }
  return same;
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n)
{
  g_autofree char *json = g_strndup ((const char *) bytes, n), *again = NULL;
  g_autoptr (GError) error = NULL;
  EmPromptSet set, read;
  int64_t base, base_read;

  if (!em_prompts_from_json (json, &set, &base, &error)) {
    FUZZ_DEMAND (error && error->message[0]);
    return 0;
  }
  fuzz_n_accepted++;
  FUZZ_DEMAND (!error && set.n >= 0 && set.n <= EM_MAX_PROMPTS && !set.base);
  for (int i = 0; i < set.n; i++)
    FUZZ_DEMAND (isfinite (set.items[i].x0) && isfinite (set.items[i].y1));
  again = em_prompts_to_json (&set, base);
  FUZZ_DEMAND (em_prompts_from_json (again, &read, &base_read, NULL));
  FUZZ_DEMAND (same (&set, &read) && base == base_read);
  return 0;
}
