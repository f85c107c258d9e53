/* resample.c - sound at one rate to sound at another.
 *
 * Every output sample is a sum over the input around its time, weighted by a tabulated windowed
 * sinc that is read between its entries by a straight line. Going down, the sinc is stretched so
 * that it also removes what the lower rate cannot carry. */
#include "predict/resample.h"
#include <math.h>
#include <stdlib.h>
#include "base/error.h"

/* The table that everybody has agrees with these to 4e-16; the usual roundings are off by 4e-7. */
#define ROLL_OFF 0.9173473712608761
#define BETA     12.984585247040012

static double
bessel_i0 (double x)
{
  double sum = 1, term = 1, quarter = x * x / 4;

  for (int k = 1; term > sum * 1e-18; k++) {
    term *= quarter / ((double) k * k);
    sum += term;
  }
  return sum;
}

void
em_resample_filter (double *out)
{
  const int n = EM_RESAMPLE_TABLE - 1;
  const double top = bessel_i0 (BETA);

  out[0] = ROLL_OFF;
  for (int i = 1; i <= n; i++) {
    double x = ROLL_OFF * i / EM_RESAMPLE_STEPS, r = (double) i / n;

    out[i] = ROLL_OFF * sin (M_PI * x) / (M_PI * x) * bessel_i0 (BETA * sqrt (1 - r * r)) / top;
  }
}

int64_t
em_resample_length (int64_t n, int rate, int target)
{
  EM_BUG_UNLESS (rate > 0 && target > 0 && n >= 0);
  return (int64_t) ((__int128) n * target / rate);
}

typedef struct {
  double *h;
  int64_t step; /* table entries from one input sample to the next */
  double scale; /* input samples to filter units */
} Filter;

static Filter
filter_for (double rho)
{
  Filter f = { malloc (sizeof *f.h * EM_RESAMPLE_TABLE), 0, rho < 1 ? rho : 1 };

  EM_BUG_UNLESS (f.h);
  em_resample_filter (f.h);
  if (rho < 1)
    for (int i = 0; i < EM_RESAMPLE_TABLE; i++)
      f.h[i] *= rho;
  f.step = (int64_t) (f.scale * EM_RESAMPLE_STEPS);
  return f;
}

/* One side of the filter, from the sample at distance `from` (in filter units) outwards. */
static double
wing (const Filter *f, const double *x, int64_t available, double from, int direction)
{
  double at = from * EM_RESAMPLE_STEPS, sum = 0;
  int64_t o = (int64_t) at, n = (EM_RESAMPLE_TABLE - o) / f->step;
  double between = at - (double) o;

  if (n > available)
    n = available;
  for (int64_t i = 0; i < n; i++) {
    int64_t k = o + i * f->step;
    double next = k + 1 < EM_RESAMPLE_TABLE ? f->h[k + 1] : f->h[k];

    sum += (f->h[k] + between * (next - f->h[k])) * x[i * direction];
  }
  return sum;
}

static void
resample (const double *x, int64_t n, int rate, double *out, int64_t n_out, int target)
{
  double rho = (double) target / rate;
  Filter f = filter_for (rho);

  for (int64_t t = 0; t < n_out; t++) {
    double time = (double) t / rho;
    int64_t m = (int64_t) time;
    double fraction = f.scale * (time - (double) m);

    out[t] = wing (&f, x + m, m + 1, fraction, -1)
             + wing (&f, x + m + 1, n - m - 1, f.scale - fraction, 1);
  }
  free (f.h);
}

void
em_resample (const double *in, int64_t n, int rate, double *out, int target, int stride)
{
  int64_t n_out = em_resample_length (n, rate, target);
  double *x = malloc (sizeof *x * (size_t) (n + n_out + 1));

  EM_BUG_UNLESS (x && stride > 0);
  for (int64_t i = 0; i < n; i++)
    x[i] = in[i * stride];
  resample (x, n, rate, x + n, n_out, target);
  for (int64_t i = 0; i < n_out; i++)
    out[i * stride] = x[n + i];
  free (x);
}
