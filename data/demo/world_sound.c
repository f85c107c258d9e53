#include "world_private.h"

#include <math.h>
#include <stdlib.h>

/* How every kind sounds. All of them keep sounding without a pause longer than a fifth of a
   second, so that each part of an interval tells the kind.  */

static const double tau = 6.28318530717958647693;

enum { BELL, DRUM, FLUTE, BIRD, ENGINE, SIREN };
enum { STREAM_NOISE = 4, STREAM_AMBIENT = 10 };

/* The time since the last stroke of a beat `rate` times a second. */
static double
since_stroke (double time, double rate)
{
  double beats = time * rate;
  return (beats - floor (beats)) / rate;
}

/* One sample of object `o`, about -1..1, at `time` seconds into the clip. Phases come from closed
   forms, so a sample depends on nothing before it.  */
static double
timbre (const EmWorld *world, const EmWorldObject *o, uint64_t index, double time)
{
  double p = o->pitch, b = o->beat;
  switch (o->kind) {
  case BELL: { /* frequency modulation, a stroke every third of a second */
    double s = since_stroke (time, 3.2 * b), f = 620 * p;
    return exp (-4.5 * s) * sin (tau * f * s + 4 * exp (-6 * s) * sin (tau * f * 1.41 * s));
  }
  case DRUM: { /* bursts of noise over a falling thump */
    double s = since_stroke (time, 5.5 * b);
    double hiss = 2 * em_world_random (world->seed, STREAM_NOISE, index) - 1;
    return exp (-22 * s) * (0.75 * hiss + 0.6 * sin (tau * 150 * p * s));
  }
  case FLUTE: { /* harmonics with vibrato */
    double phase = tau * 340 * p * time + 0.9 * sin (tau * 5 * b * time), sum = 0;
    for (int k = 1; k <= 5; k++)
      sum += sin (k * phase) / k;
    return 0.6 * sum;
  }
  case BIRD: { /* rising chirps */
    double s = since_stroke (time, 6.5 * b), length = 0.11;
    if (s > length)
      return 0;
    return sin (tau * (2600 * p * s + 0.5 * 20000 * s * s)) * sin (tau * 0.5 * s / length);
  }
  case ENGINE: { /* a low buzz that shakes */
    double f = 88 * p, sum = 0;
    for (int k = 1; k <= 18; k++)
      sum += sin (tau * f * k * time + 0.7 * k * k) / sqrt (k);
    return 0.33 * sum * (0.7 + 0.3 * sin (tau * 11 * b * time));
  }
  default: { /* two hollow tones in turn */
    double beats = time * 3.5 * b;
    double f = (long) floor (beats) & 1 ? 1180 * p : 1560 * p, sum = 0;
    for (int k = 1; k <= 3; k += 2)
      sum += sin (tau * f * k * time) / k;
    return 0.75 * sum;
  }
  }
}

static void
add_interval (const EmWorld *world, const EmWorldObject *o, EmWorldInterval interval, double *mix)
{
  static const double fade = 0.01;
  long begin = (long) ceil (interval.start * EM_WORLD_RATE);
  long end = (long) ceil (interval.end * EM_WORLD_RATE);
  double loudness = 0.07 + 0.16 * (o->radius - 19) / 23;
  for (long i = begin; i < end && i < EM_WORLD_SAMPLES; i++) {
    double time = (double) i / EM_WORLD_RATE;
    double edge = fmin (time - interval.start, interval.end - time) / fade;
    double gain = loudness * fmin (1, edge);
    /* equal power: the squares of both sides add up to one wherever the object is */
    double place = em_world_path_at (&o->x, time) / EM_WORLD_SIDE;
    place = fmin (fmax (place, 0.02), 0.98) * tau / 4;
    double value = gain * timbre (world, o, (uint64_t) i, time);
    mix[2 * i] += cos (place) * value;
    mix[2 * i + 1] += sin (place) * value;
  }
}

bool
em_world_sound (const EmWorld *world, bool ambient, int16_t *samples)
{
  double *mix = calloc (2 * EM_WORLD_SAMPLES, sizeof *mix);
  if (!mix)
    return false;
  for (int i = 0; i < world->objects; i++)
    for (int j = 0; j < world->object[i].intervals; j++)
      add_interval (world, &world->object[i], world->object[i].interval[j], mix);
  for (long i = 0; i < 2L * EM_WORLD_SAMPLES; i++) {
    double value = mix[i];
    if (ambient && world->ambient > 0)
      value
          += world->ambient * (2 * em_world_random (world->seed, STREAM_AMBIENT, (uint64_t) i) - 1);
    samples[i] = (int16_t) lrint (32767 * fmax (-1, fmin (1, value)));
  }
  free (mix);
  return true;
}
