/* threads.c - the environment of OpenMP. */
#include "engine/threads.h"
#include <stdlib.h>
#include <unistd.h>

void
em_threads_sleep_when_idle (char **argv)
{
  if (getenv ("OMP_WAIT_POLICY") || setenv ("OMP_WAIT_POLICY", "passive", 1) != 0)
    return;
  execv ("/proc/self/exe", argv); /* where that fails, spinning is only slower */
}
