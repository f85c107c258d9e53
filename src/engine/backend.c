/* backend.c - backends by name. */
#include "engine/backend.h"
#include <string.h>
#include "engine/cpu/cpu.h"

EmBackend *
em_backend_open (const char *name, EmError *err)
{
  if (strcmp (name, "auto") == 0)
    name = "cpu";
  if (strncmp (name, "cpu", 3) == 0 && (!name[3] || name[3] == ':'))
    return em_cpu_open (name[3] ? name + 4 : "", err);
  em_fail (err, EM_E_DEVICE, "there is no backend \"%s\" (known: auto, cpu)", name);
  return NULL;
}

void
em_backend_close (EmBackend *be)
{
  if (be)
    be->close (be);
}
