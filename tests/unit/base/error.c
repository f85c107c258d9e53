/* error.c - the first failure wins, and is one line. */
#include "base/error.h"
#include "check.h"

static void
the_first_wins (void)
{
  EmError err = EM_ERROR_INIT;

  CHECK (!em_fail (&err, EM_E_INPUT, "%s: gone", "a"));
  CHECK (!em_fail (&err, EM_E_CHECK, "later"));
  CHECK_INT (err.code, EM_E_INPUT);
  CHECK_TEXT (err.text, "a: gone");
  CHECK (!em_fail (NULL, EM_E_INPUT, "nobody listens"));
}

static void
is_one_printable_line (void)
{
  EmError err = EM_ERROR_INIT;

  em_fail (&err, EM_E_WEIGHTS, "%s is missing", "x\n\x1b[2J\x7fé");
  CHECK_TEXT (err.text, "x??[2J?é is missing");
}

static void
exit_codes (void)
{
  CHECK_INT (em_exit_code (EM_OK), 0);
  CHECK_INT (em_exit_code (EM_E_WEIGHTS), 5);
  CHECK_INT (em_exit_code (EM_E_CANCELLED), 130);
}

CHECK_MAIN (the_first_wins, is_one_printable_line, exit_codes)
