/* prompts_file.c - earmark-cli segment --prompts: what was read fits the clip. */
#include "cli/prompts_file.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fuzz.h"

enum { N_FRAMES = 30, WIDTH = 320, HEIGHT = 240 };

static const char *const seeds[] = {
  "{\"objects\":[{\"id\":2,\"prompts\":[{\"frame\":5,\"box\":[1,2,30.5,40]},{\"frame\":0,"
  "\"points\":[[10,20,1],[3.5,4,0]],\"sound\":true}]},{\"id\":1,\"prompts\":[{\"frame\":29,"
  "\"sound\":true}]}]}",
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

static void
demand_set (const EmPromptSet *set)
{
  FUZZ_DEMAND (set->n >= 0 && set->n <= EM_MAX_PROMPTS && !set->base && (set->n || set->sound));
  for (int i = 0; i < set->n; i++) {
    const EmPrompt *p = &set->items[i];

    FUZZ_DEMAND (p->x0 >= 0 && p->x0 <= WIDTH && p->y0 >= 0 && p->y0 <= HEIGHT);
    if (p->kind == EM_PROMPT_BOX)
      FUZZ_DEMAND (p->x1 > p->x0 && p->x1 <= WIDTH && p->y1 > p->y0 && p->y1 <= HEIGHT);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n)
{
  static int fd = -1;
  EmError err = EM_ERROR_INIT;
  EmPromptsFile file;
  char path[64];

  if (fd < 0)
    fd = memfd_create ("prompts", 0);
  FUZZ_DEMAND (fd >= 0 && ftruncate (fd, 0) == 0 && pwrite (fd, bytes, n, 0) == (ssize_t) n);
  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  if (!em_prompts_file_read (&file, path, N_FRAMES, WIDTH, HEIGHT, true, &err)) {
    FUZZ_DEMAND ((err.code == EM_E_INPUT || err.code == EM_E_USAGE) && err.text[0]);
    em_prompts_file_clear (&file);
    return 0;
  }
  fuzz_n_accepted++;
  FUZZ_DEMAND (file.n > 0);
  for (int i = 0; i < file.n; i++) {
    const EmPromptedObject *object = &file.objects[i];

    FUZZ_DEMAND (object->id >= 1 && object->id <= 999 && object->n > 0);
    FUZZ_DEMAND (i == 0 || object->id > file.objects[i - 1].id);
    for (int k = 0; k < object->n; k++) {
      FUZZ_DEMAND (object->keys[k].frame >= 0 && object->keys[k].frame < N_FRAMES);
      FUZZ_DEMAND (k == 0 || object->keys[k].frame > object->keys[k - 1].frame);
      demand_set (&object->keys[k].set);
    }
  }
  em_prompts_file_clear (&file);
  return 0;
}
