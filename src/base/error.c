/* error.c - errors by value, and the end of a program with a bug. */
#include "base/error.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool
em_fail (EmError *err, EmStatus code, const char *format, ...)
{
  va_list args;

  if (!err || err->code != EM_OK)
    return false;
  err->code = code;
  va_start (args, format);
  vsnprintf (err->text, sizeof err->text, format, args);
  va_end (args);
  for (char *c = err->text; *c; c++) /* names in it may be a stranger's */
    if ((unsigned char) *c < ' ' || *c == 127)
      *c = '?';
  return false;
}

int
em_exit_code (EmStatus code)
{
  switch (code) {
  case EM_OK:
    return 0;
  case EM_E_USAGE:
    return 2;
  case EM_E_INPUT:
    return 4;
  case EM_E_WEIGHTS:
    return 5;
  case EM_E_DEVICE:
  case EM_E_MEMORY:
    return 6;
  case EM_E_LOCKED:
    return 7;
  case EM_E_CHECK:
    return 8;
  case EM_E_CANCELLED:
    return 130;
  case EM_E_INTERNAL:
    break;
  }
  return 1;
}

void
em_bug (const char *file, int line, const char *claim)
{
  fprintf (stderr, "earmark: bug at %s:%d: %s\n", file, line, claim);
  abort ();
}
