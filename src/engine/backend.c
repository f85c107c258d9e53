/* backend.c - backends by name. */
#include "engine/backend.h"
#include <string.h>
#include "engine/cpu/cpu.h"

EmBackend *
em_backend_open (const char *name, EmError *err)
{
  size_t length = strcspn (name, ":");

  if ((length == 4 && strncmp (name, "auto", 4) == 0)
      || (length == 3 && strncmp (name, "cpu", 3) == 0))
    return em_cpu_open (name[length] ? name + length + 1 : "", err);
  em_fail (err, EM_E_DEVICE, "there is no backend \"%s\" (known: auto, cpu)", name);
  return NULL;
}

void
em_backend_close (EmBackend *be)
{
  if (be)
    be->close (be);
}
