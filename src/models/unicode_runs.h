/* unicode_runs.h - the table behind em_char_class: the first character of every run, times 4, plus
 * the run's class. */
#pragma once
#include <stdint.h>

extern const uint32_t em_unicode_runs[];
extern const int em_n_unicode_runs;
