/* log.c - levels, one sink. */
#include "base/log.h"
#include <stdarg.h>
#include <stdio.h>

static EmLogSink the_sink;
static void *the_self;

void
em_log_set_sink (EmLogSink sink, void *self)
{
  the_sink = sink;
  the_self = self;
}

void
em_log (EmLogLevel level, const char *format, ...)
{
  char line[1024];
  va_list args;

  if (!the_sink && level < EM_LOG_WARN)
    return;
  va_start (args, format);
  vsnprintf (line, sizeof line, format, args);
  va_end (args);
  if (the_sink)
    the_sink (the_self, level, line);
  else
    fprintf (stderr, "earmark: %s\n", line);
}
