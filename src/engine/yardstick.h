/* yardstick.h - what this machine can do, measured in the same run as what is compared with it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Seconds on a clock for measuring: the processor time of this process where one thread computes,
 * which a busy machine leaves alone; wall clock otherwise. */
double em_yardstick_clock (void);
/* Evicts what the caches hold. */
void em_yardstick_flush (void);
/* The upper median; reorders. */
double em_yardstick_median (double *times, int n);

/* Median seconds the matrix product library takes for [m, k] by [k, n] (stored as [n, k] if `tb`)
 * with all threads; `cold`: inputs not in the caches. 0 where there is no library. */
double em_yardstick_product (int64_t m, int64_t n, int64_t k, bool tb, bool cold);
/* Bytes read and written per second by a copy larger than the caches. */
double em_yardstick_copy (void);
/* Bytes of this process that are in memory. */
int64_t em_yardstick_resident (void);
