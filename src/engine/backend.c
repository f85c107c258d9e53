/* backend.c - backends by name: the CPU's, or a module. */
#include "engine/backend.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "engine/cpu/cpu.h"

#define MAX_PATH 4096

/* Where modules lie beside a program: installed; in the tree of a build, for programs and tests. */
static const char *const beside[] = { "../lib/earmark", "../../kernels", "../../../kernels" };

static EmBackend *
open_cpu (const char *how, EmError *err)
{
  return em_cpu_open (strcmp (how, "f32") == 0 ? "" : how, err);
}

static const EmModuleHost host = {
  .version = EM_BACKEND_VERSION,
  .fail = em_fail,
  .bug = em_bug,
  .open_cpu = em_cpu_open,
};

/* The folder that the program lies in; false where the system does not tell. */
static bool
program_folder (char folder[MAX_PATH])
{
  ssize_t n = readlink ("/proc/self/exe", folder, MAX_PATH - 1);
  char *slash;

  if (n <= 0)
    return false;
  folder[n] = 0;
  slash = strrchr (folder, '/');
  if (slash)
    *slash = 0;
  return slash != NULL;
}

/* The i-th place of a module; false behind the last. */
static bool
place_of (int i, const char *name, char path[2 * MAX_PATH])
{
  const char *named = getenv ("EARMARK_MODULES");
  char folder[MAX_PATH];

  path[0] = 0;
  if (i == 0 && named)
    snprintf (path, 2 * MAX_PATH, "%s/earmark-%s.so", named, name);
  if (i == 0)
    return true;
  if (i > (int) (sizeof beside / sizeof *beside) || !program_folder (folder))
    return false;
  snprintf (path, 2 * MAX_PATH, "%s/%s/earmark-%s.so", folder, beside[i - 1], name);
  return true;
}

/* Stays loaded: what CUDA's libraries start cannot be unloaded safely. */
static EmBackend *
open_module (const char *name, const char *how, EmError *err)
{
  char path[2 * MAX_PATH];
  EmModuleOpen *open;
  void *module = NULL;

  for (int i = 0; !module && place_of (i, name, path); i++)
    if (access (path, R_OK) == 0 && !(module = dlopen (path, RTLD_NOW | RTLD_LOCAL))) {
      em_fail (err, EM_E_DEVICE, "%s cannot be loaded: %.300s", path, dlerror ());
      return NULL;
    }
  if (!module) {
    if (strcmp (name, "cuda") == 0)
      em_fail (err, EM_E_DEVICE, "this build has no CUDA module (earmark-cuda.so)");
    else
      em_fail (err, EM_E_DEVICE, "there is no backend \"%s\" (known: auto, cpu, cuda)", name);
    return NULL;
  }
  *(void **) &open = dlsym (module, "em_module_open");
  if (!open) {
    em_fail (err, EM_E_DEVICE, "%s is no module of Earmark's", path);
    return NULL;
  }
  return open (&host, how, err);
}

static EmBackend *
open_auto (const char *how, EmError *err)
{
  EmError why = EM_ERROR_INIT;
  EmBackend *be = open_module ("cuda", how, &why);
  size_t length;

  if (be)
    return be;
  em_log (EM_LOG_INFO, "computing on the CPU: %s", why.text);
  be = open_cpu (how, err);
  if (be) { /* people who look at the device see it as well */
    length = strlen (be->device);
    snprintf (be->device + length, sizeof be->device - length, "; no GPU: %s", why.text);
  }
  return be;
}

EmBackend *
em_backend_open (const char *name, EmError *err)
{
  size_t length = strcspn (name, ":");
  const char *how = name[length] ? name + length + 1 : "";
  char first[32];

  snprintf (first, sizeof first, "%.*s", (int) length, name);
  if (strcmp (first, "auto") == 0)
    return open_auto (how, err);
  if (strcmp (first, "cpu") == 0)
    return open_cpu (how, err);
  if (length == 0 || length >= sizeof first
      || strspn (name, "abcdefghijklmnopqrstuvwxyz") != length) { /* it becomes part of a path */
    em_fail (err, EM_E_DEVICE, "there is no backend \"%.100s\" (known: auto, cpu, cuda)", name);
    return NULL;
  }
  return open_module (first, how, err);
}

void
em_backend_close (EmBackend *be)
{
  if (be)
    be->close (be);
}
