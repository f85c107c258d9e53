/* unicode.c - a bisection of the runs of equal class. */
#include "models/unicode.h"
#include "models/unicode_runs.h"

EmCharClass
em_char_class (uint32_t character)
{
  int low = 0, high = em_n_unicode_runs; /* the run is one of low .. high - 1 */

  while (high - low > 1) {
    int middle = low + (high - low) / 2;

    if (em_unicode_runs[middle] >> 2 <= character)
      low = middle;
    else
      high = middle;
  }
  return (EmCharClass) (em_unicode_runs[low] & 3);
}
