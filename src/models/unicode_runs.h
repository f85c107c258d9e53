/* unicode_runs.h - the table behind em_char_class: a run's first character, times 4, plus its class.
 */
#pragma once
#include <stdint.h>

extern const uint32_t em_unicode_runs[];
extern const int em_n_unicode_runs;
