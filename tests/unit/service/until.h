/* until.h - waiting for the engine in a test: the main loop runs until the claim holds, a minute at
 * most. Behind check.h. */
#pragma once
#include <glib.h>

#define UNTIL(claim)                                                                               \
  do {                                                                                             \
    int64_t end_ = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;                                  \
    while (!(claim) && g_get_monotonic_time () < end_)                                             \
      if (!g_main_context_iteration (NULL, FALSE))                                                 \
        g_usleep (300);                                                                            \
    CHECK (claim);                                                                                 \
  } while (0)
