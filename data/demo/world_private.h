/* What drawing and sounding share. */
#ifndef EM_DEMO_WORLD_PRIVATE_H
#define EM_DEMO_WORLD_PRIVATE_H

#include "world.h"

/* One axis of a path: centre, reach, angular speed and phase. */
typedef struct {
  double centre, reach, speed, phase;
  bool bounce; /* straight to and fro instead of swinging */
} EmWorldPath;

typedef struct {
  int kind;
  double radius;
  EmWorldPath x, y;
  double angle, spin;
  double light[3], dark[3]; /* the two tones of its texture, 0..1 */
  double grain;             /* spacing of the texture, relative to the radius */
  double pitch, beat;       /* factors around 1 on the kind's frequency and rhythm */
  int intervals;
  EmWorldInterval interval[EM_WORLD_MAX_INTERVALS];
} EmWorldObject;

struct EmWorld {
  uint64_t seed;
  int objects; /* in depth order, the last one in front */
  EmWorldObject object[EM_WORLD_MAX_OBJECTS];
  double ambient; /* amplitude of the background noise, often 0 */
  uint8_t background[EM_WORLD_SIDE * EM_WORLD_SIDE * 3];
};

double em_world_path_at (const EmWorldPath *path, double time);

/* Counter-based random numbers: the value depends on the three numbers alone. Uniform in [0,1). */
double em_world_random (uint64_t seed, uint64_t stream, uint64_t index);

#endif
